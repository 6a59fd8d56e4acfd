//! Tables on a terminal that does not know how wide it is, as a container's may not, and on a narrow one.

use sealpost_tests::Pipeline;
use sealpost_tests::machine::binaries;
use sealpost_tests::patience::PATIENCE;
use tokio::process::Command;

#[tokio::test]
async fn a_terminal_without_a_width_has_tables_that_can_be_read() {
    let shown = keys_status(0).await;
    assert!(shown.lines().any(|line| line.contains("tokens")), "{shown}");
}

#[tokio::test]
async fn on_a_narrow_terminal_each_row_is_shown_by_itself_so_that_no_word_is_broken() {
    let shown = keys_status(36).await;
    assert!(shown.lines().any(|line| line.contains("key") && line.contains("tokens")), "{shown}");
    assert!(shown.lines().any(|line| line.contains("state") && line.contains("latest")), "{shown}");
}

/// What `sealpost keys status` shows on a terminal of so many columns.
async fn keys_status(columns: u16) -> String {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let command = format!("stty cols {columns}; {} keys status", binaries().sealpost.display());
    // util-linux's, which gives the command a terminal of its own
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env("SEALPOST_CONFIG", pipeline.config()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, script.output()).await.unwrap().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    shown
}
