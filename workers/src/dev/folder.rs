//! The folder of one running `sealpost dev`: `.sealpost/dev`, or `.sealpost/dev-2` and so on while others run. It is
//! emptied at the start and left in place at the end, for its logs. It never empties a folder that somebody uses, nor one
//! that it did not make.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::DevError;

/// The file that a running dev keeps locked, and by which it knows a folder for its own.
const LOCK: &str = "sealpost-dev.lock";
/// Only for its owner: cookies, addresses with passwords and logs lie in it.
const MODE: u32 = 0o700;

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub struct DevFolder {
    path: PathBuf,
    _lock: File,
}

impl DevFolder {
    /// Takes the first free folder under `base` (the project's `.sealpost`) and empties it.
    ///
    /// # Errors
    /// If it cannot be made, locked or emptied, or holds files of somebody else's.
    pub fn take(base: &Path) -> Result<Self, DevError> {
        let mut number = 1_u32;
        loop {
            let path = base.join(if number == 1 { "dev".into() } else { format!("dev-{number}") });
            let doing = || DevError::io(format!("taking the folder {}", path.display()));
            fs::create_dir_all(base).map_err(doing())?;
            match DirBuilder::new().mode(MODE).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => ours(&path).map_err(doing())?,
                made => made.map_err(doing())?,
            }
            let lock =
                File::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(doing())?;
            match lock.try_lock() {
                Ok(()) => {
                    fs::set_permissions(&path, Permissions::from_mode(MODE)).map_err(doing())?;
                    empty(&path).map_err(doing())?;
                    return Ok(Self { path, _lock: lock });
                }
                Err(TryLockError::WouldBlock) => number += 1,
                Err(TryLockError::Error(error)) => return Err(doing()(error)),
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses a folder with files in it that no dev has had.
fn ours(folder: &Path) -> io::Result<()> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    if names.is_empty() || names.iter().any(|name| name == LOCK) {
        return Ok(());
    }
    Err(io::Error::other(
        "it holds files that are not Sealpost's, and would be emptied; move it, or choose another --data",
    ))
}

/// Removes everything but the lock, which another process may just be trying.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_is_not_ours_is_refused_and_keeps_its_files() {
        let base = std::env::temp_dir().join(format!("sealpost-foreign-folder-{}", std::process::id()));
        let theirs = base.join("dev/thesis");
        fs::create_dir_all(base.join("dev")).unwrap();
        fs::write(&theirs, "years").unwrap();
        let error = DevFolder::take(&base).unwrap_err().to_string();
        assert!(error.contains(base.join("dev").to_str().unwrap()) && error.contains("--data"), "{error}");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "years");
        assert_eq!(fs::read_dir(base.join("dev")).unwrap().count(), 1);
        fs::remove_file(&theirs).unwrap();
        let taken = DevFolder::take(&base).unwrap();
        assert_eq!(fs::metadata(taken.path()).unwrap().permissions().mode() & 0o777, 0o700);
        drop(taken);
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn a_second_run_beside_the_first_gets_its_own_folder_and_a_later_one_gets_the_first_emptied() {
        let base = std::env::temp_dir().join(format!("sealpost-folder-{}", std::process::id()));
        let first = DevFolder::take(&base).unwrap();
        fs::create_dir(first.path().join("redis")).unwrap();
        fs::write(first.path().join("redis/dump"), "old").unwrap();
        let second = DevFolder::take(&base).unwrap();
        assert_eq!(fs::metadata(first.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!((first.path(), second.path()), (base.join("dev").as_path(), base.join("dev-2").as_path()));
        assert!(first.path().join("redis/dump").exists(), "the second must not empty the first");
        drop(first);
        // a child of another test's may have the lock too, from its fork to its exec
        let mut takes = std::iter::repeat_with(|| DevFolder::take(&base).unwrap()).take(100_000);
        let third = takes.find(|taken| taken.path() == base.join("dev")).unwrap();
        assert!(!third.path().join("redis").exists());
        drop((second, third));
        fs::remove_dir_all(&base).unwrap();
    }
}
