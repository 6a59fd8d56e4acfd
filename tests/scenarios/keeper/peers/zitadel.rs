//! The example server of zitadel/oidc: a public client, an API without posts, an old access token that dies with the
//! refresh, and a spent refresh token that is refused while its family lives on.

use std::sync::Arc;

use sealpost_tests::zitadel_peer::ZitadelPeer;
use serde_json::{Value, json};

use super::stage::{HASTY, PATIENT, Stage};

async fn stage(http_limit: u64) -> (Stage, ZitadelPeer) {
    let peer = ZitadelPeer::start().await;
    (Stage::start("zitadel", (peer.issuer(), peer.port()), http_limit).await, peer)
}

/// Who the user is, asked as a job.
pub(super) fn who(stage: &Stage, user: &str) -> Value {
    let mut job = stage.post(user, "");
    job["content"] = json!({"type": "raw", "method": "GET", "path": "/userinfo", "accept": ["email", "name"]});
    job
}

#[tokio::test]
async fn sixty_four_jobs_in_four_workers_at_the_moment_of_expiry_make_one_refresh() {
    let (stage, peer) = stage(PATIENT).await;
    let workers = stage.workers(4).await;
    stage.connect("ada", async |url| peer.consent(url).await).await;
    stage.say_expired("ada").await;
    let answers = stage.sixty_four(|_| who(&stage, "ada")).await;
    // what the entry does not list stays here, and what the job did not ask for
    let response = json!({"email": "test-user@zitadel.ch"});
    assert!(answers.iter().all(|answer| answer["remote"] == json!({"response": response})), "{}", answers[0]);
    stage.one_refresh(&workers).await;
}

#[tokio::test]
async fn jobs_whose_access_token_dies_under_them_use_the_one_that_ended_it() {
    let (stage, peer) = stage(PATIENT).await;
    let _workers = stage.workers(4).await;
    stage.connect("ada", async |url| peer.consent(url).await).await;
    let (keeper, oauth) = (Arc::new(stage.pipeline.keeper().await), stage.oauth());
    let old = stage.record("ada").await.metadata.generation;
    let connection = stage.connection("ada");
    let refresh = async { keeper.newer_than(old, &connection, &oauth).await.map_err(|failure| failure.message) };
    let (_, refreshed) = tokio::join!(stage.sixty_four(|_| who(&stage, "ada")), refresh);
    refreshed.unwrap();
    assert_eq!(stage.tap.heard(), 1);
    assert_ne!(stage.record("ada").await.metadata.generation, old);
}

#[tokio::test]
async fn a_worker_that_is_killed_before_the_answer_leaves_a_connection_that_says_so() {
    let (stage, peer) = stage(HASTY).await;
    let worker = stage.pipeline.worker().await;
    stage.connect("ada", async |url| peer.consent(url).await).await;
    stage.say_expired("ada").await;
    let (_other, answer) = stage.killed_before_the_answer(worker, &who(&stage, "ada")).await;
    stage.says_that_it_was_lost(&answer).await;
}
