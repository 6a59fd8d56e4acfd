//! `sealpost connections`: what is known of them. Their names are sealed, and opened with the keyring; a token is never
//! shown.

mod list;
mod revoke;
mod show;
mod view;

use clap::Subcommand;

/// What is done with connections.
#[derive(Debug, Subcommand)]
pub enum Connections {
    /// Lists connections, with their names.
    List(list::List),
    /// Shows one.
    Show(show::Show),
    /// Ends connections: revokes their tokens at the provider, and deletes them here.
    Revoke(revoke::Revoke),
}

/// Runs one.
///
/// # Errors
/// In words.
pub async fn run(command: Connections) -> Result<(), String> {
    match command {
        Connections::List(args) => list::run(&args).await,
        Connections::Show(args) => show::run(&args).await,
        Connections::Revoke(args) => revoke::run(&args).await,
    }
}
