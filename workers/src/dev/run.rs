//! `sealpost dev`: starts everything, plays the main job, and stays; or plays the tour and ends.

use std::path::Path;

use super::play::Player;
use super::screen::{Doing, line, table};
use super::stack::Stack;
use super::tour;
use crate::worker::stop_signal;

/// Runs it, with its data in `base`.
///
/// # Errors
/// In words, if something did not start or was not as expected.
pub async fn run(base: &Path, is_tour: bool) -> Result<(), String> {
    let stop = stop_signal()?;
    let base = &std::path::absolute(base).map_err(|e| format!("{}: {e}", base.display()))?;
    line("Sealpost on this machine: private servers on free ports, everything ends with this command.\n");
    // a start that is interrupted drops what it has started, and its guards end it
    let Some(stack) = stop.run_until_cancelled(Stack::start(base)).await else { return Ok(()) };
    let mut stack = stack?;
    let played = stop.run_until_cancelled(play(&mut stack, is_tour)).await;
    if let (Some(Ok(())), false) = (&played, is_tour) {
        invite(&stack);
        stop.cancelled().await;
    }
    let doing = Doing::begin("stop everything");
    stack.stop().await;
    doing.done("");
    played.unwrap_or(Ok(()))
}

async fn play(stack: &mut Stack, is_tour: bool) -> Result<(), String> {
    let player = Player::new(stack).await?;
    line("");
    let mut checks = tour::main_job(&player).await?;
    if is_tour {
        checks.extend(tour::tour(stack, &player).await?);
    }
    line(&format!("\n{}", table(&checks)));
    let differ = checks.iter().filter(|check| !check.holds()).count();
    if differ > 0 {
        let (all, folder) = (checks.len(), stack.config().with_file_name("").display().to_string());
        return Err(format!("{differ} of {all} are not as expected; the logs are in {folder}"));
    }
    line(&format!("All {} as expected.\n", checks.len()));
    Ok(())
}

fn invite(stack: &Stack) {
    line(&format!(
        "It runs now. Try:\n\
         \n  the wall of posts   {}\
         \n  what is measured    http://{}/metrics\
         \n  for producers       export SEALPOST_AMQP_URL='{}'\
         \n  the logs            {}\
         \n\nexamples/producer.py says at its head how to be one; its authorization page here is {}/authorize.\
         \n\nCtrl-C ends all of it.",
        stack.practice,
        stack.operations,
        stack.broker_url(),
        stack.config().with_file_name("").display(),
        stack.practice,
    ));
}
