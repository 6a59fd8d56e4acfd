//! `sealpost jobs`: what became of one message, and an operator's word where nobody knows.

mod dead;
mod resolve;
mod show;

use clap::{Args, Subcommand};
use sealpost_schemas::{Name, Owner};
use uuid::Uuid;

use super::read;

/// What is done with jobs.
#[derive(Debug, Subcommand)]
pub enum Jobs {
    /// Tells what is known of a publish job or exchange request: from the ledger, and from the dead letters.
    Show(show::Show),
    /// Says how a publish job ended whose outcome is unknown, for whoever looked.
    Resolve(resolve::Resolve),
}

/// A message.
#[derive(Debug, Args)]
struct Whose {
    /// The message's id.
    #[arg(value_parser = read::id)]
    id: Uuid,
    /// The tenant of its owner: ids are unique per owner only.
    #[arg(long, value_parser = read::name)]
    tenant: Name,
    /// The user of its owner.
    #[arg(long, value_parser = read::name)]
    user: Name,
}

impl Whose {
    fn owner(&self) -> Owner {
        Owner { tenant: self.tenant.clone(), user: self.user.clone() }
    }
}

/// Runs one.
///
/// # Errors
/// In words, also if nothing is known.
pub async fn run(command: Jobs) -> Result<(), String> {
    match command {
        Jobs::Show(args) => show::run(&args).await,
        Jobs::Resolve(args) => resolve::run(&args).await,
    }
}
