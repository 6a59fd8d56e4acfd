//! `sealpost connections revoke`.

use sealpost_tests::command::run;
use serde_json::{Value, json};

use super::world::{minted, pipeline, record};

const REVOKE: [&str; 4] = ["connections", "revoke", "--tenant", "acme"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&REVOKE[..], more].concat()
}

#[tokio::test]
async fn a_dry_run_says_what_would_end_and_ends_nothing() {
    let pipeline = pipeline().await;
    for (user, label) in [("ada", "default"), ("ada", "work"), ("bob", "default")] {
        minted(&pipeline, user, label).await;
    }
    pipeline.seed_for("globex", 2).await;
    for (args, all, rows) in [
        (&["--dry-run"][..], 3, &["ada", "work", "bob"][..]),
        (&["--user", "ada", "--dry-run"], 2, &["default", "work"]),
        (&["--user", "ada", "--provider", "practice", "--dry-run"], 1, &["default"]),
        (&["--user", "ada", "--provider", "practice", "--label", "work", "--dry-run"], 1, &["work"]),
        (&["--user", "nobody", "--dry-run"], 0, &[]),
    ] {
        let said = run(&pipeline, &with(args)).await;
        assert!(
            said.good && said.stdout.contains(&format!("{all} connection(s) would end; nothing was done")),
            "{said:?}"
        );
        assert!(rows.iter().all(|row| said.row(&["acme", row]).is_some()), "{}", said.stdout);
        assert!(!said.stdout.contains("globex"));
        let listed = run(&pipeline, &with(&[args, &["--json"]].concat())).await.json_lines();
        assert_eq!(listed.len(), all);
    }
    assert!(record(&pipeline, "ada").await.is_some() && record(&pipeline, "bob").await.is_some());
}

#[tokio::test]
async fn one_ends_at_once_and_more_than_one_only_with_yes() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    for (user, label) in [("ada", "default"), ("ada", "work"), ("bob", "default"), ("eve", "default")] {
        minted(&pipeline, user, label).await;
    }
    let said = run(&pipeline, &with(&["--user", "ada", "--provider", "practice", "--label", "work"])).await;
    assert!(said.good && said.row(&["acme", "ada", "work", "revoked", "yes"]).is_some(), "{said:?}");

    for args in [&["--user", "ada"][..], &[]] {
        let said = run(&pipeline, &with(args)).await;
        assert!(!said.good && said.stderr.contains("--yes") && said.stderr.contains("--dry-run"), "{said:?}");
    }
    assert!(record(&pipeline, "ada").await.is_some());
    let said = run(&pipeline, &with(&["--user", "ada", "--yes", "--json"])).await;
    let receipt: Value = said.json();
    assert_eq!((&receipt["outcome"], &receipt["counts"]["revoked"]), (&json!("done"), &json!(1)), "{receipt}");

    let said = run(&pipeline, &with(&["--yes"])).await;
    assert!(said.good && said.row(&["revoked", "2"]).is_some(), "{said:?}");
    assert!(record(&pipeline, "bob").await.is_none() && record(&pipeline, "eve").await.is_none());

    for (args, names) in [
        (&["connections", "revoke"][..], "--tenant"),
        (&["connections", "revoke", "--tenant", "acme", "--provider", "practice"], "--user"),
        (&["connections", "revoke", "--tenant", "acme", "--user", "ada", "--label", "x"], "--provider"),
        (&["connections", "revoke", "--tenant", "acme", "--usr", "ada"], "--usr"),
        (&["connections", "revoke", "--tenant", "acme", "--dry-run", "--yes"], "--yes"),
    ] {
        let said = run(&pipeline, args).await;
        assert!(!said.good && said.stderr.contains(names), "{args:?}: {}", said.stderr);
    }
}

#[tokio::test]
async fn what_could_not_be_revoked_is_an_error_at_the_end() {
    let pipeline = pipeline().await;
    let _worker = pipeline.worker().await;
    minted(&pipeline, "ada", "default").await;
    let id = record(&pipeline, "ada").await.unwrap().id;
    let client = redis::Client::open(pipeline.rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{sp:{:03}}}:record:{}", id.shard, id.key);
    let _: () = redis::AsyncCommands::hset(&mut redis, key, "custody", "nobody").await.unwrap();
    let said = run(&pipeline, &with(&["--user", "ada", "--provider", "practice"])).await;
    assert!(!said.good && said.stderr.contains("could not be revoked"), "{said:?}");
    assert!(said.row(&["ada", "gave-up", "yes"]).is_some(), "{}", said.stdout);
}
