//! A consent that takes another one's place: the tokens of before are not left to themselves.

use sealpost_tests::{Pipeline, Setup};
use serde_json::{Value, json};

use super::world::{
    done, is_taken, minted, not_yet, one, owner, pipeline, pipeline_with, record, step, stored, sweep, tokens, word,
};

#[tokio::test]
async fn what_a_consent_replaces_after_a_revocation_began_is_revoked_by_it() {
    for lines in ["", "revoke = 'grant'"] {
        let pipeline = pipeline_with(lines, Setup { shards: 4, ..Setup::default() }).await;
        let step = step(&pipeline).await;
        let old = minted(&pipeline, "ada", "default").await;
        let request = one("ada");
        // an exchange has the turn when the revocation begins, and began itself after it
        let ada = sealpost_tests::pipeline::connection("acme", "ada");
        let turn = step.keeper.consent_turn(&ada).await.map_err(|failure| failure.message).unwrap().unwrap();
        not_yet(&step, &request, 1).await;
        let new = minted(&pipeline, "ada", "default").await;
        step.keeper.end_consent_turn(turn).await;
        let answer = done(&step, &request, 2).await;
        if lines.is_empty() {
            assert_eq!(word(&answer, "ada"), "revoked");
            assert!(!is_taken(&pipeline, &old).await);
        } else {
            assert_eq!(word(&answer, "ada"), "superseded");
            assert_eq!(pipeline.sandbox.stats().await["revoke"], json!({}));
        }
        assert!(is_taken(&pipeline, &new).await && record(&pipeline, "ada").await.is_some());
        assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 1);
    }
}

/// The access token that is stored for ada.
async fn access_token(pipeline: &Pipeline) -> Value {
    let (read, keys) = (record(pipeline, "ada").await.unwrap(), pipeline.sealing_keys().await);
    let content = read.open(&keys.get(read.key()).await.unwrap()).unwrap();
    json!({"access_token": secrecy::ExposeSecret::expose_secret(&content.tokens.access_token.unwrap())})
}

#[tokio::test]
async fn who_connects_anew_leaves_no_old_token_behind_where_a_token_ends_only_itself() {
    let pipeline = pipeline().await;
    let worker = pipeline.worker_with(&["exchange"], &[]).await;
    pipeline.connect("ada").await;
    let old = access_token(&pipeline).await;
    pipeline.connect("ada").await;
    let new = access_token(&pipeline).await;
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 1);
    let step = step(&pipeline).await;
    assert_eq!(sweep(&step, 0).await, 1, "not at once");
    assert_eq!(sweep(&step, 2).await, 0);
    assert!(!is_taken(&pipeline, &old).await && is_taken(&pipeline, &new).await);
    assert_eq!(pipeline.held(&pipeline.newest_version().await).await, 3, "the record, and two results of the ledger");
    drop(worker);
}

#[tokio::test]
async fn where_a_token_ends_the_whole_grant_or_there_is_no_way_to_revoke_a_new_consent_buries_nothing() {
    for lines in ["revoke = 'grant'", "revocation_url = 'none'"] {
        let setup = Setup { shards: 4, ..Setup::default() };
        let pipeline = match lines.strip_prefix("revocation_url") {
            Some(_) => Pipeline::start_with(setup).await,
            None => pipeline_with(lines, setup).await,
        };
        let _worker = pipeline.worker_with(&["exchange"], &[]).await;
        for _ in 0..2 {
            pipeline.connect("ada").await;
        }
        assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 0, "{lines}");
    }
}

#[tokio::test]
async fn a_platform_that_gives_the_same_refresh_token_again_is_not_asked_to_end_it() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker_with(&["exchange"], &[]).await;
    let same =
        json!({"path": "/token", "kind": "edit", "when": "after", "set": {"refresh_token": "spr_the-same"}, "n": 2});
    pipeline.sandbox.fault(same).await;
    for _ in 0..2 {
        pipeline.connect("ada").await;
    }
    assert_eq!(pipeline.sandbox.stats().await["faults_fired"], 2);
    assert_eq!(pipeline.store().await.count_tombstones().await.unwrap(), 0);
}

#[tokio::test]
async fn the_same_tokens_once_more_are_kept_whatever_was_revoked_meanwhile() {
    let pipeline = pipeline().await;
    let step = step(&pipeline).await;
    let minted = pipeline.sandbox.mint_tokens("ada").await;
    for _ in 0..2 {
        stored(&pipeline, ("ada", "default"), &tokens(&minted)).await;
        step.keeper.store().move_epoch(&owner("ada")).await.unwrap();
    }
    assert_eq!(step.keeper.store().count_tombstones().await.unwrap(), 0);
    assert_eq!(sweep(&step, 2).await, 0);
    assert!(is_taken(&pipeline, &minted).await);
}
