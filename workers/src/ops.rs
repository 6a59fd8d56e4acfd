//! What operators do from the command line.

mod answer;
mod asking;
pub mod check;
pub mod connect;
pub mod connections;
pub mod dead;
pub mod enqueue;
pub mod health;
pub mod import;
pub mod jobs;
pub mod keys;
mod open;
mod progress;
pub mod providers;
mod read;
mod screen;
mod sealing;
pub mod top;

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What every command is told.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file; by default what `SEALPOST_CONFIG` names.
    // not by clap's `env`, which shows an option that has a value there as one that must be given
    #[arg(long, value_name = "FILE", default_value_os_t = configuration())]
    pub config: PathBuf,
}

fn configuration() -> PathBuf {
    std::env::var_os("SEALPOST_CONFIG").map_or_else(|| "sealpost.toml".into(), PathBuf::from)
}

/// The commands that look after a pipeline.
#[derive(Debug, Subcommand)]
pub enum Ops {
    /// Tells whether a worker would find what it needs, and what to do if not.
    Check(check::Check),
    /// Asks the worker beside it whether it can work, over its operations port.
    Health(health::Health),
    /// Connects an account: asks for consent in a browser, and waits for what becomes of it.
    Connect(connect::Connect),
    /// Sends one message to its queue, waits for the answer, and prints it.
    #[command(subcommand)]
    Enqueue(Box<enqueue::Enqueue>),
    /// The connections: lists them, shows one, ends them.
    #[command(subcommand)]
    Connections(connections::Connections),
    /// Messages that could not be done: lists them, shows one, sends them again.
    #[command(subcommand)]
    Dead(dead::Dead),
    /// The keys that seal: lists their versions, adds one, retires one, shows what rotations have left.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// What became of a job or request.
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// Shows what goes on, on a terminal and as it changes: queues, how jobs end, rotations, providers.
    Top(top::Top),
    /// The provider catalogue.
    #[command(subcommand)]
    Providers(providers::Providers),
}

/// Runs one.
///
/// # Errors
/// In words: what was being done, what went wrong, what to do.
pub async fn run(command: Ops) -> Result<(), String> {
    match command {
        Ops::Check(args) => check::run(&args).await,
        Ops::Health(args) => health::run(&args).await,
        Ops::Connect(args) => connect::run(&args).await,
        Ops::Enqueue(command) => enqueue::run(*command).await,
        Ops::Connections(command) => connections::run(command).await,
        Ops::Dead(command) => dead::run(command).await,
        Ops::Keys(command) => keys::run(command).await,
        Ops::Jobs(command) => jobs::run(command).await,
        Ops::Top(args) => Box::pin(top::run(&args)).await,
        Ops::Providers(command) => providers::run(&command).await,
    }
}
