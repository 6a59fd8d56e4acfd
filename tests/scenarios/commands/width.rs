//! Tables on a terminal that does not know how wide it is, as a container's may not.

use sealpost_tests::Pipeline;
use sealpost_tests::machine::binaries;
use sealpost_tests::patience::PATIENCE;
use tokio::process::Command;

#[tokio::test]
async fn a_terminal_without_a_width_has_tables_that_can_be_read() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let command = format!("stty cols 0; {} keys status", binaries().sealpost.display());
    // util-linux's, which gives the command a terminal of its own
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env("SEALPOST_CONFIG", pipeline.config()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, script.output()).await.unwrap().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.lines().any(|line| line.contains("tokens")), "{shown}");
}
