//! What operators do from the command line.

mod answer;
mod asking;
pub mod connect;
pub mod dead;
pub mod enqueue;
pub mod import;
pub mod jobs;
pub mod keys;
mod open;
mod progress;
mod read;
mod screen;

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What every command is told.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = "SEALPOST_CONFIG", default_value = "sealpost.toml")]
    pub config: PathBuf,
}

/// The commands that look after a pipeline.
#[derive(Debug, Subcommand)]
pub enum Ops {
    /// Connects an account: asks for consent in a browser, and waits for what becomes of it.
    Connect(connect::Connect),
    /// Sends one message to its queue, waits for the answer, and prints it.
    #[command(subcommand)]
    Enqueue(enqueue::Enqueue),
    /// Messages that could not be done: lists them, shows one, sends them again.
    #[command(subcommand)]
    Dead(dead::Dead),
    /// What became of a job or request.
    #[command(subcommand)]
    Jobs(jobs::Jobs),
}

/// Runs one.
///
/// # Errors
/// In words: what was being done, what went wrong, what to do.
pub async fn run(command: Ops) -> Result<(), String> {
    match command {
        Ops::Connect(command) => connect::run(&command).await,
        Ops::Enqueue(command) => enqueue::run(command).await,
        Ops::Dead(command) => dead::run(command).await,
        Ops::Jobs(command) => jobs::run(command).await,
    }
}
