//! The keyring file on disk: opened with its permissions checked, replaced in one step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::KeyringError;

/// Tells one state of a file from the next, at the cost of one stat. The mode is in it, so that a file that was opened
/// up to others counts as changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    mode: u32,
    len: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// None where the file cannot be asked; reading it will say why.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            file: (file.dev(), file.ino()),
            mode: file.mode(),
            len: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }
}

/// A keyring file as read.
pub(super) struct Content {
    pub(super) text: Zeroizing<Vec<u8>>,
    owner: (u32, u32),
}

/// Far more than any keyring needs, and small enough to read at once.
const MAX_LEN: u64 = 1 << 20;

fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> KeyringError {
    move |source| KeyringError::Io { doing, path: path.to_owned(), source }
}

/// Reads the file. Everything is asked of the opened file, not of the path, which may lead elsewhere a moment later.
pub(super) fn read(path: &Path) -> Result<Content, KeyringError> {
    let failed = failed("reading", path);
    // Without NONBLOCK, opening a pipe would wait for a writer for ever.
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(&failed)?;
    let about = file.metadata().map_err(&failed)?;
    if !about.is_file() {
        return Err(KeyringError::NotAFile { path: path.to_owned() });
    }
    let mode = about.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyringError::Exposed { path: path.to_owned(), mode });
    }
    if about.len() > MAX_LEN {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    // Room for all of it and a bit more: reading never makes the buffer grow, which would leave keys in freed memory.
    let room = about.len() + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
    file.take(room).read_to_end(&mut text).map_err(&failed)?;
    Ok(Content { text, owner: (about.uid(), about.gid()) })
}

/// Where a path leads when every link is followed.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, KeyringError> {
    path.canonicalize().map_err(failed("reading", path))
}

/// Waits until no other process changes keyrings in this folder; released when dropped. The folder is locked, not
/// the file, because the file is replaced.
pub(super) fn lock_folder_of(path: &Path) -> Result<File, KeyringError> {
    let lock = || {
        let folder = File::open(folder_of(path))?;
        folder.lock()?;
        Ok(folder)
    };
    lock().map_err(failed("locking the folder of", path))
}

/// Writes a file that must not exist yet.
pub(super) fn create(path: &Path, text: &[u8]) -> Result<(), KeyringError> {
    let new = written(path, text)?;
    let exists = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    match new.persist_noclobber(path).map_err(|error| error.error) {
        Err(error) if exists(&error) => Err(KeyringError::Exists { path: path.to_owned() }),
        Err(error) => Err(failed("creating", path)(error)),
        Ok(_) => settle(path),
    }
}

/// Replaces a file: whoever opens it finds the old content or the new, also after a power cut.
pub(super) fn replace(path: &Path, text: &[u8], old: &Content) -> Result<(), KeyringError> {
    let failed = failed("writing", path);
    let new = written(path, text)?;
    // An operator who rotates as root must not take the file away from the workers' user.
    let (user, group) = old.owner;
    let about = new.as_file().metadata().map_err(&failed)?;
    if (about.uid(), about.gid()) != old.owner {
        fchown(new.as_file(), Some(user), Some(group)).map_err(&failed)?;
    }
    new.persist(path).map_err(|error| failed(error.error))?;
    settle(path)
}

/// A file beside `path`, mode 600, with `text` in it and on the disk; gone again unless it is persisted.
fn written(path: &Path, text: &[u8]) -> Result<NamedTempFile, KeyringError> {
    let write = || {
        let mut new = tempfile::Builder::new().prefix(".keyring-").tempfile_in(folder_of(path))?;
        new.write_all(text)?;
        new.as_file().sync_all()?;
        Ok(new)
    };
    write().map_err(failed("writing", path))
}

/// The new name is on the disk only when its folder is.
fn settle(path: &Path) -> Result<(), KeyringError> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(failed("writing", path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
