//! `sealpost dev`: starts everything, plays the main job, and stays; or plays the tour and ends.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::console::{Console, SharedStack};
use super::play::Player;
use super::screen::{Doing, line, table};
use super::stack::Stack;
use super::tour;
use crate::worker::stop_signal;

/// Runs it, with its data in `base`; with `azure`, over the practice vault and tenant.
///
/// # Errors
/// In words, if something did not start or was not as expected.
pub async fn run(base: &Path, is_tour: bool, azure: bool) -> Result<(), String> {
    let stop = stop_signal()?;
    let base = &std::path::absolute(base).map_err(|e| format!("{}: {e}", base.display()))?;
    // the tour is for nobody to look at
    let mut console = if is_tour { None } else { Some(Console::open().await?) };
    if let Some(console) = &console {
        line(&format!("The console, in a browser on this machine:  {}\n", console.url()));
    }
    line("Sealpost on this machine: private servers on free ports, everything ends with this command.\n");
    // a start that is interrupted drops what it has started, and its guards end it
    let Some(stack) = stop.run_until_cancelled(Stack::start(base, azure)).await else { return Ok(()) };
    let stack = Arc::new(Mutex::new(stack?));
    let played = stop.run_until_cancelled(play(&stack, console.as_mut())).await;
    if let (Some(Ok(())), Some(console)) = (&played, &console) {
        invite(&*stack.lock().await, console);
        console.begin();
        stop.cancelled().await;
        console.end();
    }
    let doing = Doing::begin("stop everything");
    stack.lock().await.stop().await;
    doing.done("");
    played.unwrap_or(Ok(()))
}

/// Plays the main job; without a console, the tour too.
async fn play(stack: &SharedStack, console: Option<&mut Console>) -> Result<(), String> {
    let (player, config) = {
        let stack = stack.lock().await;
        (Arc::new(Player::new(&stack).await?), stack.config())
    };
    line("");
    let mut checks = Vec::new();
    if let Some(console) = console {
        console.attach(stack, Arc::clone(&player)).await?;
        checks.extend(tour::main_job(&*stack.lock().await, &player).await?);
    } else {
        checks.extend(tour::main_job(&*stack.lock().await, &player).await?);
        checks.extend(tour::tour(&mut *stack.lock().await, &player).await?);
    }
    line(&format!("\n{}", table(&checks)));
    let differ = checks.iter().filter(|check| !check.holds()).count();
    if differ > 0 {
        let (all, folder) = (checks.len(), config.with_file_name("").display().to_string());
        return Err(format!("{differ} of {all} are not as expected; the logs are in {folder}"));
    }
    line(&format!("All {} as expected.\n", checks.len()));
    Ok(())
}

fn invite(stack: &Stack, console: &Console) {
    let program = std::env::current_exe().unwrap_or_else(|_| "sealpost".into());
    let (programs, config) = (program.with_file_name(""), stack.config());
    let (programs, config) = (programs.display(), config.display());
    line(&format!(
        "It runs now. Try:\n\
         \n  the console         {}\
         \n  the wall of posts   {}\
         \n  what is measured    http://{}/metrics\
         \n  for producers       export SEALPOST_AMQP_URL='{}'\
         \n                      export SEALPOST_JWKS='http://{}/jwks'\
         \n  for operators       export PATH='{programs}':\"$PATH\" SEALPOST_CONFIG='{config}'\
         \n                      sealpost top\
         \n                      sealpost connect practice --tenant acme --user grace\
         \n  the logs            {}\
         \n\nPractice only: secrets in messages may come unsealed here ([wire] require_sealed = false).\
         \nexamples/producer.py says at its head how to be one; its authorization page here is\
         \n{}/authorize\
         \n\nCtrl-C ends all of it.",
        console.url(),
        stack.practice,
        stack.operations,
        stack.broker_url(),
        stack.operations,
        stack.config().with_file_name("").display(),
        stack.practice,
    ));
}
