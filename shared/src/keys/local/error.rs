//! What can be wrong with a keyring file. No message holds what the file holds.

use std::io;
use std::path::PathBuf;

use crate::seal::KeyRef;

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::NotFound {
        "; sealpost keys rotate makes a keyring where there is none"
    } else {
        ""
    }
}

/// Why a keyring file was not made, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The operating system refused.
    #[error("{doing} keyring {}: {source}{}", path.display(), hint(source))]
    Io {
        /// "reading", "writing", …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a file already.
    #[error("creating keyring {}: the file exists, and a keyring is never overwritten; name another or use this one", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A folder, a pipe, a device.
    #[error("reading keyring {}: it is not a regular file", path.display())]
    NotAFile {
        /// What the path leads to.
        path: PathBuf,
    },
    /// Others than the owner can get at the file.
    #[error("reading keyring {}: its mode {mode:03o} lets others than its owner at the keys; run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not what a keyring file holds.
    #[error("reading keyring {}, line {line}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line in the file, counted from 1.
        line: usize,
        /// What is wrong there, without quoting it.
        problem: String,
    },
    /// The file says something else than it did to this running process.
    #[error("reading keyring {}: {what} is not the one in use; put the former content back, or restart everything on purpose", path.display())]
    Contradicts {
        /// The file.
        path: PathBuf,
        /// "the index key", or a key and version.
        what: String,
    },
    /// There is no such version.
    #[error("changing keyring {}: it has no {key}; see sealpost keys list", path.display())]
    NoVersion {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        key: KeyRef,
    },
    /// Everything new is sealed with it.
    #[error("changing keyring {}: {key} is the latest, with which everything new is sealed; first add one: sealpost keys rotate", path.display())]
    Latest {
        /// The file.
        path: PathBuf,
        /// What was to be switched off.
        key: KeyRef,
    },
    /// The operating system gave no randomness for a new key.
    #[error("making a key: the operating system gives no random bytes ({0})")]
    Randomness(getrandom::Error),
}
