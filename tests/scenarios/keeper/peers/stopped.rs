//! A worker that is stopped at each point of a refresh until its lease is over, by the rules of each server: what becomes of
//! the answer in its hand when another one spends the token again.

use sealpost_tests::{breakpoint::Side, django_peer::DjangoPeer, oidc_peer::OidcPeer, zitadel_peer::ZitadelPeer};
use serde_json::Value;
use url::Url;

use super::super::stopped::{Told, everywhere, stopped};
use super::{stage::Stage, zitadel::who};

/// How long a call may take, in seconds; the lease is longer.
const LIMIT: u64 = 2;

/// Stops a worker there, of a pipeline whose provider is this server; `job` is one of ada's.
async fn at(
    (name, issuer, port): (&'static str, &str, u16),
    consent: impl AsyncFn(Url) -> Url,
    job: impl Fn(&Stage, &str, &str) -> Value,
    point: (u32, Side),
) -> Told {
    let stage = Stage::start(name, (issuer, port), LIMIT).await;
    let first = stage.pipeline.worker().await;
    for user in ["grace", "ada"] {
        stage.connect(user, &consent).await;
        stage.say_expired(user).await;
    }
    // so that Redis knows all the scripts
    let answer = stage.pipeline.ask("publish-job.v1", &job(&stage, "grace", "first")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    first.terminate();
    first.ended().await;
    stopped(&stage.pipeline, |text| job(&stage, "ada", text), point).await
}

fn post(stage: &Stage, user: &str, text: &str) -> Value {
    stage.post(user, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_oidc_provider_only_the_answer_in_its_hand_is_lost_and_the_grant_with_it() {
    let server = OidcPeer::start().await;
    let place = ("oidc-provider", server.issuer(), server.port());
    let one =
        async |command, side| at(place, async |url| server.consent("ada", url).await, post, (command, side)).await;
    let ended: &[&str] = &["refresh-outcome-lost", "needs-consent"];
    everywhere(one, [&["refresh-outcome-lost"], ended, ended]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_zitadels_server_the_answer_in_its_hand_counts_when_it_goes_on() {
    let server = ZitadelPeer::start().await;
    let place = ("zitadel", server.issuer(), server.port());
    let job = |stage: &Stage, user: &str, _: &str| who(stage, user);
    let one = async |command, side| at(place, async |url| server.consent(url).await, job, (command, side)).await;
    // its own job may have been told what the record said until then
    everywhere(one, [&["refresh-outcome-lost"], &["refresh-outcome-lost", "published"], &["published"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_djangos_server_within_the_grace_nothing_is_lost() {
    let one = async |command, side| {
        // one each: it answers 500 where two calls meet, and an exchange is not tried again
        let server = DjangoPeer::start(120).await;
        let place = ("django", server.issuer(), server.port());
        at(place, async |url| server.consent("ada", url).await, post, (command, side)).await
    };
    everywhere(one, [&["published"]; 3]).await;
}
