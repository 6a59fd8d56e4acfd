//! `sealpost keys retire`: only what nothing needs is switched off.

use sealpost_schemas::Owner;
use sealpost_shared::ids;
use sealpost_shared::records::{ClaimOf, Outcome, SealedResult, Word};
use sealpost_shared::seal::KeyVersion;
use sealpost_tests::command::{Said, run};
use sealpost_tests::pipeline::{KEY, SOON, connection, publish_job};
use sealpost_tests::{Pipeline, Setup};
use serde_json::json;

use super::{info, key_ref, record, retired_in, rotate_everything};

async fn retire(pipeline: &Pipeline, version: &KeyVersion, more: &[&str]) -> Said {
    let args: Vec<_> = ["keys", "retire", version.as_str()].iter().chain(more).copied().collect();
    run(pipeline, &args).await
}

async fn small() -> Pipeline {
    Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await
}

#[tokio::test]
async fn a_version_is_switched_off_after_a_rotation_and_not_before_it() {
    let pipeline = small().await;
    let _worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "before")).await["outcome"], "published");
    pipeline.seed(10).await;
    let (old, new) = (pipeline.newest_version().await, pipeline.rotate_key());

    // eleven records, and the results of the exchange and the job
    let early = retire(&pipeline, &old, &["--json"]).await;
    assert!(!early.good, "{}", early.stdout);
    assert_eq!(early.json(), json!({"key": KEY, "version": old, "retired": false, "held": 13}));
    assert!(early.stderr.contains("13 are still sealed under it") && early.stderr.contains("enqueue rotate"));
    assert!(info(&pipeline, &old).await.enabled, "what is sealed under it can be opened");
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "between")).await["outcome"], "published");
    let listed = run(&pipeline, &["keys", "list"]).await;
    assert!(listed.row(&[old.as_str(), "retiring", " 13 "]).is_some(), "{}", listed.stdout);

    assert_eq!(rotate_everything(&pipeline).await["counts"]["resealed"], 13);
    let emptied = run(&pipeline, &["keys", "list"]).await;
    assert!(emptied.stdout.contains("holds nothing any more"), "{}", emptied.stdout);
    for _ in 0..2 {
        let told = retire(&pipeline, &old, &[]).await;
        assert!(told.good && told.stdout.contains("is retired"), "{}{}", told.stdout, told.stderr);
    }
    assert!(!info(&pipeline, &old).await.enabled);
    assert_eq!(pipeline.ask("publish-job.v1", &publish_job("acme", "ada", "after")).await["outcome"], "published");
    assert_eq!((pipeline.held(&old).await, record(&pipeline, "ada").await.key().clone()), (0, key_ref(&new)));
    let listed = run(&pipeline, &["keys", "list"]).await;
    assert!(listed.row(&[old.as_str(), "retired", " 0 "]).is_some(), "{}", listed.stdout);
}

#[tokio::test]
async fn one_record_one_result_or_one_thing_of_another_kind_keeps_a_version_in_use() {
    let pipeline = small().await;
    let store = pipeline.store().await;
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    for kind in ["record", "result", "tombstone"] {
        let old = pipeline.newest_version().await;
        let (name, held) = (format!("{KEY}:{old}"), format!("held:{KEY}:{old}"));
        match kind {
            "record" => pipeline.seed(1).await,
            "result" => {
                let connection = connection("acme", "ada");
                let owner = Owner { tenant: connection.tenant, user: connection.user };
                let (entry, claim) =
                    (store.entry("publish-job", &owner, ids::fresh()), ClaimOf { owner: ids::fresh(), length: SOON });
                store.ledger_begin((&entry, &owner), &store.fingerprint(b"job"), &claim).await.unwrap();
                store.ledger_sending(&entry, &claim, None).await.unwrap();
                let sealed = SealedResult { key: &key_ref(&old), bytes: b"posted" };
                let word = Word::Answered(1, Outcome::Happened, sealed);
                store.ledger_settle(&entry, claim.owner, word, true).await.unwrap();
            }
            _ => {
                // as a version of ours would hold it that has them
                let sets =
                    [("{sp:002}:versions".to_owned(), name.as_str()), (format!("{{sp:002}}:{held}"), "tombstone:0a")];
                for (set, member) in sets {
                    let _: () = redis::cmd("SADD").arg(set).arg(member).query_async(&mut raw).await.unwrap();
                }
            }
        }
        pipeline.rotate_key();
        let refused = retire(&pipeline, &old, &["--json"]).await;
        assert!(!refused.good && refused.json()["held"] == 1, "{kind}: {}{}", refused.stdout, refused.stderr);
        assert!(info(&pipeline, &old).await.enabled, "{kind}");
        // and when it is gone, nothing does
        for shard in 0..4 {
            let _: () = redis::cmd("DEL").arg(format!("{{sp:00{shard}}}:{held}")).query_async(&mut raw).await.unwrap();
        }
        let told = retire(&pipeline, &old, &[]).await;
        assert!(told.good, "{kind}: {}", told.stderr);
        assert!(!info(&pipeline, &old).await.enabled, "{kind}");
    }
}

#[tokio::test]
async fn what_was_retired_by_mistake_is_taken_back() {
    let pipeline = small().await;
    let (old, _) = (pipeline.newest_version().await, pipeline.rotate_key());
    assert!(retire(&pipeline, &old, &[]).await.good);
    assert_eq!((info(&pipeline, &old).await.enabled, retired_in(&pipeline, &old).await), (false, 4));
    for _ in 0..2 {
        let told = retire(&pipeline, &old, &["--undo"]).await;
        assert!(told.good && told.stdout.contains("switched on"), "{}{}", told.stdout, told.stderr);
        assert_eq!((info(&pipeline, &old).await.enabled, retired_in(&pipeline, &old).await), (true, 0));
    }
    let listed = run(&pipeline, &["keys", "list"]).await;
    assert!(listed.row(&[old.as_str(), "older"]).is_some(), "{}", listed.stdout);
}

#[tokio::test]
async fn a_version_that_is_retired_and_taken_back_at_once_is_never_off_where_it_may_be_sealed_under() {
    let pipeline = small().await;
    let (old, _) = (pipeline.newest_version().await, pipeline.rotate_key());
    for round in 0..15 {
        let (retired, undone) = tokio::join!(retire(&pipeline, &old, &[]), retire(&pipeline, &old, &["--undo"]));
        assert!(undone.good && (retired.good || retired.stderr.contains("took that back")), "{retired:?} {undone:?}");
        let (on, in_shards) = (info(&pipeline, &old).await.enabled, retired_in(&pipeline, &old).await);
        assert!(on || in_shards == 4, "round {round}: switched off, and retired in {in_shards} of 4 shards");
    }
}

#[tokio::test]
async fn the_latest_version_and_one_that_is_not_there_are_refused_and_nothing_is_changed() {
    let pipeline = small().await;
    let latest = pipeline.newest_version().await;
    let before = std::fs::read(pipeline.keyring()).unwrap();
    let refused = retire(&pipeline, &latest, &[]).await;
    assert!(!refused.good && refused.stderr.contains("sealpost keys rotate"), "{}", refused.stderr);
    for more in [&[][..], &["--undo"]] {
        let refused = retire(&pipeline, &"v9".parse().unwrap(), more).await;
        assert!(!refused.good && refused.stderr.contains("no such version"), "{}", refused.stderr);
    }
    assert!(!run(&pipeline, &["keys", "retire", "latest"]).await.good);
    assert!(!run(&pipeline, &["keys", "retire"]).await.good);
    assert_eq!(retired_in(&pipeline, &latest).await, 0);
    assert_eq!(std::fs::read(pipeline.keyring()).unwrap(), before);
}
