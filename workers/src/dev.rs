//! Private servers for a developer and for the tests: finds or installs RabbitMQ and Redis, runs them on free loopback
//! ports in a folder of the caller's, and ends them with the caller, however the caller ends. It refuses to touch the
//! system's own servers, and is no way to run a production server.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

mod azure;
pub mod child;
mod console;
pub mod folder;
pub mod guard;
pub mod install;
mod phone;
mod play;
mod run;
mod screen;
pub mod servers;
mod stack;
mod tour;

pub use run::run;

/// Why a private server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The operating system refused.
    #[error("{doing} failed: {source}")]
    Io {
        /// What was being done, with what.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The servers are missing, and installing them is not ours to do here.
    #[error("not found: {missing}; {why}\nInstall by hand, then try again: {command}")]
    NotInstalled {
        /// The programs' packages.
        missing: String,
        /// Why they were not installed.
        why: String,
        /// What to type.
        command: String,
    },
    /// A command that should succeed did not.
    #[error("`{command}` ended with {status}:\n{output}")]
    Command {
        /// The command with its arguments (never a secret among them).
        command: String,
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },
    /// A server ended while it was waited for.
    #[error("{name} ended ({status}) before it was ready. The end of its log, {}:\n{tail}", log.display())]
    Ended {
        /// Which server.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A server runs but does not answer.
    #[error("{name} was not ready after {} s. The end of its log, {}:\n{tail}", within.as_secs(), log.display())]
    NotReady {
        /// Which server.
        name: String,
        /// How long it was waited for.
        within: Duration,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// Somebody else took a port between its choice and its use; a start tries again with others.
    #[error("{name}: an address is in use. The end of its log, {}:\n{tail}", log.display())]
    AddressInUse {
        /// Which server.
        name: String,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
}

impl DevError {
    /// Names what was being done, for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
