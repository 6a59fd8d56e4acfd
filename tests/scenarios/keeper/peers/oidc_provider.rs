//! oidc-provider, which ends the whole grant when a spent refresh token comes again.

use futures_util::future::join_all;
use sealpost_schemas::{Code, Owner, ProviderId};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::oauth::TokenAnswer;
use sealpost_shared::tokens::{Ended, Ending};
use sealpost_tests::{
    oidc_peer::OidcPeer,
    pipeline::{SOON, connection},
    until,
};
use serde_json::{Value, json};

use super::super::world::{HASTY, PATIENT, World, failed, granted, refused};
use super::stage::{self, Stage, all_texts, texts};

async fn stage(http_limit: u64) -> (Stage, OidcPeer) {
    let peer = OidcPeer::start().await;
    (Stage::start("oidc-provider", (peer.issuer(), peer.port()), http_limit).await, peer)
}

#[tokio::test]
async fn sixty_four_jobs_in_four_workers_at_the_moment_of_expiry_make_one_refresh() {
    let (stage, peer) = stage(stage::PATIENT).await;
    let workers = stage.workers(4).await;
    peer.access_tokens_live(1).await;
    let stored = stage.connect("ada", async |url| peer.consent("ada", url).await).await;
    // narrower than asked: this server grants offline_access only to a request with prompt=consent
    assert_eq!(stored["scopes"], json!(["openid", "posts.write"]));
    peer.access_tokens_live(3600).await;
    stage.until_expired("ada").await;
    let answers = stage.sixty_four(|number| stage.post("ada", &format!("number {number}"))).await;
    assert!(answers.iter().all(|answer| answer["remote"]["response"] == json!({"user": "ada"})), "{}", answers[0]);
    stage.one_refresh(&workers).await;
    assert_eq!(peer.stats().await, json!({"refresh": {"ok": 1}, "grants_ended": 0}));
    let posts = peer.posts().await;
    assert_eq!(texts(posts.iter().map(|post| &post["content"]["text"])), all_texts());
}

#[tokio::test]
async fn a_worker_that_is_killed_before_the_answer_leaves_a_connection_that_says_so() {
    let (stage, peer) = stage(stage::HASTY).await;
    let worker = stage.pipeline.worker().await;
    stage.connect("ada", async |url| peer.consent("ada", url).await).await;
    stage.say_expired("ada").await;
    let (_other, answer) = stage.killed_before_the_answer(worker, &stage.post("ada", "never")).await;
    stage.says_that_it_was_lost(&answer).await;
    assert_eq!(peer.stats().await["refresh"]["ok"], 1);
    assert_eq!(peer.posts().await, Vec::<Value>::new());
}

/// A connection of this user at the peer whose access token counts as expired.
async fn expired(world: &World, peer: &OidcPeer, user: &str) -> (sealpost_schemas::Connection, Value) {
    let minted = peer.mint_tokens(user).await;
    (world.expired_with(user, &minted).await, minted)
}

#[tokio::test]
async fn sixty_four_calls_at_the_moment_of_expiry_make_one_refresh_and_the_grant_lives() {
    let (world, peer) = tokio::join!(World::start(), OidcPeer::start());
    let (connection, _) = expired(&world, &peer, "ada").await;
    let provider = world.provider_at(peer.issuer(), "");
    let keepers = join_all((0..4).map(|_| world.keeper(PATIENT))).await;
    let asked = (0..64).map(|number| keepers[number % 4].access_token(&connection, &provider));
    let tokens: Vec<_> = join_all(asked).await.into_iter().map(|answer| granted(answer).0).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(peer.stats().await, json!({"refresh": {"ok": 1}, "grants_ended": 0}));
    // the new refresh token is good for the next round
    let generation = world.record("ada").await.metadata.generation;
    let again = (0..64).map(|number| keepers[number % 4].newer_than(generation, &connection, &provider));
    for answer in join_all(again).await {
        assert_ne!(granted(answer).0, tokens[0]);
    }
    assert_eq!(peer.stats().await, json!({"refresh": {"ok": 2}, "grants_ended": 0}));
}

#[tokio::test]
async fn a_lost_answer_and_a_withdrawn_consent_are_told_apart() {
    let (world, peer) = tokio::join!(World::start(), OidcPeer::start());
    let provider = world.provider_at(peer.issuer(), "");
    let keeper = world.keeper(HASTY).await;
    let (connection, _) = expired(&world, &peer, "ada").await;
    peer.drop_an_answer().await;
    assert_eq!(failed(keeper.access_token(&connection, &provider).await).code, Code::ProviderUnavailable);
    let end = until("it is settled", SOON, async || keeper.access_token(&connection, &provider).await.ok()).await;
    assert_eq!(refused(Ok(end)).0.code, Code::RefreshOutcomeLost);

    let (connection, minted) = expired(&world, &peer, "bob").await;
    peer.withdraw(&minted["grant_id"]).await;
    let (report, events) = refused(keeper.access_token(&connection, &provider).await);
    assert_eq!((report.code, events), (Code::NeedsConsent, vec!["connection.needs-consent"]));
    assert_eq!(world.record("bob").await.metadata.standing.code, Some(Code::InvalidGrant));
}

#[tokio::test]
async fn a_refresh_token_of_oidc_provider_is_dead_after_its_connection_ended() {
    let (world, peer) = tokio::join!(World::start(), OidcPeer::start());
    let minted = peer.mint_tokens("ada").await;
    let ada = world.expired_with("ada", &minted).await;
    let provider = world.provider_at(peer.issuer(), &format!("revocation_url = '{}/token/revocation'", peer.issuer()));
    let keeper = world.keeper(PATIENT).await;
    // a token that was had by a refresh
    granted(keeper.access_token(&ada, &provider).await);
    let newest = world.content("ada").await.tokens;

    let store = keeper.store();
    let owner = Owner { tenant: ada.tenant.clone(), user: ada.user.clone() };
    let begun = store.begin_revocation(&owner, sealpost_shared::ids::fresh(), &store.fingerprint(b"ada")).await;
    let revocation = begun.unwrap().unwrap();
    let entry = |_: &ProviderId| Some(provider.clone());
    let ending = Ending { revocation: &revocation, provider: entry, now: SystemClock.now(), attempt: 1 };
    let ended = keeper.end(&ending, &store.stored_of(&owner, store.locate(&ada))).await;
    match ended.map_err(|failure| failure.message).unwrap() {
        Ended::Done { word, .. } => assert_eq!(word.as_str(), "revoked"),
        Ended::NotYet { failure, .. } => panic!("{}", failure.message),
        Ended::Nothing => panic!("nothing"),
    }
    // whoever still had it could do nothing with it
    world
        .store(
            "eve",
            &TokenAnswer {
                access_token: newest.access_token.unwrap(),
                refresh_token: newest.refresh_token,
                token_type: None,
                expires_at: Some(SystemClock.now()),
                keep_access_token: true,
                scopes: None,
                id_token: None,
            },
        )
        .await;
    let (report, _) = refused(keeper.access_token(&connection("acme", "eve"), &provider).await);
    assert_eq!(report.code, Code::NeedsConsent, "{report:?}");
}
