//! `sealpost keys`: the versions of the key that seals, from their making to their retirement.

mod jwks;
mod list;
mod progress;
pub(crate) mod retire;
mod rotate;
pub(super) mod rotations;
mod status;
mod versions;
mod wire;

use clap::Subcommand;

/// What is done with the keys that seal.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Lists the versions: how old they are, whether they are in use, and how much is sealed under each.
    List(list::List),
    /// Adds a version to a key that seals, the latest from then on; makes the keyring, or the vault's index key, if there is
    /// none.
    ///
    /// Running workers seal with it from their next write on (from a vault: once they look
    /// again, see `keys.azure.latest_seconds`). What older versions sealed stays under these until a rotation
    /// seals it anew: the next scheduled tick, or sealpost enqueue rotate.
    Rotate(rotate::Rotate),
    /// Switches an older version off, once nothing needs it any more.
    ///
    /// First every shard of the store is told that nothing may be sealed under the version again: a worker that still
    /// takes it for the latest is refused, looks again, and uses the newest. Then what is sealed under it is counted. If
    /// there is nothing, the version is switched off in the keyring or vault. If there is something, the command fails and says how
    /// much. That does no harm: everything can still be opened, nothing new comes under the version, and after a rotation
    /// (sealpost enqueue rotate) the same command ends the work. It may be interrupted and run again at any time.
    ///
    /// Where the keyring was copied to several machines, copy the changed one too.
    ///
    /// A version of the key that producers seal to (keys list --wire) is switched off a day and the time of the ledger after a newer one
    /// was made, if no dead letter that may be replayed has a secret that is sealed to it: until then a message may need it.
    Retire(retire::Retire),
    /// Prints the public key that producers seal secrets in messages to, as a JWK Set (RFC 7517).
    Jwks(jwks::Jwks),
    /// Shows what rotations have left to do, how far those are that run, and when they may be done.
    Status(status::Status),
}

/// Runs one.
///
/// # Errors
/// In words: what was being done, what went wrong, what to do.
pub async fn run(command: Keys) -> Result<(), String> {
    match command {
        Keys::List(args) => list::run(&args).await,
        Keys::Rotate(args) => rotate::run(&args).await,
        Keys::Retire(args) => retire::run(&args).await,
        Keys::Jwks(args) => jwks::run(&args).await,
        Keys::Status(args) => status::run(&args).await,
    }
}
