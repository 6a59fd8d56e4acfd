//! The same against a server that others wrote: oidc-provider, which ends the whole grant when a token comes again.

use futures_util::future::join_all;
use sealpost_schemas::Code;
use sealpost_tests::{oidc_peer::OidcPeer, pipeline::SOON, until};
use serde_json::{Value, json};

use super::world::{HASTY, PATIENT, World, failed, granted, refused};

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
