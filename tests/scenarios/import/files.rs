//! What is wrong with a file is told at once, and nothing of it is sent.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sealpost_tests::Pipeline;
use sealpost_tests::command::end;
use serde_json::json;

use super::world::{begin, file, line, run, token_of};

#[tokio::test]
async fn a_file_with_problems_is_refused_as_a_whole_with_every_line() {
    let pipeline = Pipeline::start().await;
    let lines = [
        line("ada", "spr_one"),
        "{".into(),
        line("grace", "spr_one"),
        line("ada", "spr_two"),
        json!({"tenant": "acme", "user": "alan", "provider": "nowhere", "refresh_token": "spr_three"}).to_string(),
        json!({"tenant": "acme", "user": "alan", "provider": "practice"}).to_string(),
    ];
    file(&pipeline, &lines);
    let said = run(&pipeline, &["tokens.jsonl"]).await;
    assert!(!said.good && said.stdout.is_empty(), "{}", said.stdout);
    for problem in [
        "5 problem(s), so nothing was sent",
        "line 2: it is not a JSON object (column 1)",
        "line 3: its refresh token is on line 1 too",
        "line 4: acme/ada at practice is on line 1 too",
        "line 5: provider `nowhere` is not in the catalogue",
        "line 6: missing field `refresh_token`",
    ] {
        assert!(said.stderr.contains(problem), "{problem} is not in:\n{}", said.stderr);
    }
    assert_eq!(pipeline.rig.broker.ready("exchange-requests").await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_report_does_not_overwrite_the_tokens() {
    let pipeline = Pipeline::start().await;
    let path = file(&pipeline, &[line("ada", "spr_one")]);
    let said = run(&pipeline, &["tokens.jsonl", "--report", "./tokens.jsonl"]).await;
    assert!(!said.good && said.stderr.contains("the report would overwrite"), "{}", said.stderr);
    assert!(fs::read_to_string(path).unwrap().contains("spr_one"));
}

#[tokio::test]
async fn a_file_that_others_can_read_is_warned_of_and_stdin_is_a_file() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let lines = [line("ada", &token_of(&pipeline, "ada").await)];
    let path = file(&pipeline, &lines);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let said = run(&pipeline, &["tokens.jsonl"]).await;
    assert!(said.good && said.stderr.contains("others may read it (mode 640)"), "{}", said.stderr);
    let bare = json!({"tenant": "acme", "user": "grace", "refresh_token": token_of(&pipeline, "grace").await});
    let said = end(begin(&pipeline, &["-", "--provider", "practice"], &bare.to_string()).await).await;
    assert!(said.good && !said.stderr.contains("warning"), "{}", said.stderr);
    let said = end(begin(&pipeline, &["-"], "\n").await).await;
    assert!(!said.good && said.stderr.contains("stdin has no lines"), "{}", said.stderr);
}
