//! The one binary.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealpost::dev::guard::{self, GuardArgs};

#[derive(Parser)]
#[command(name = "sealpost", about = "Workers that hold OAuth 2 tokens and act with them")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a program and ends it when the caller is gone.
    #[command(hide = true)]
    Guard(GuardArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Guard(args) => guard::run(&args),
    }
}
