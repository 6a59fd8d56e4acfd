//! The folder of one running `sealpost dev`: `.sealpost/dev`, or `.sealpost/dev-2` and so on while others run. It is
//! emptied at the start and left in place at the end, for its logs. It never empties a folder that somebody uses.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use super::DevError;

/// The file that a running dev keeps locked.
const LOCK: &str = "lock";

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
    /// If it cannot be made, locked or emptied.
    pub fn take(base: &Path) -> Result<Self, DevError> {
        let mut number = 1_u32;
        loop {
            let path = base.join(if number == 1 { "dev".into() } else { format!("dev-{number}") });
            let doing = || DevError::io(format!("taking the folder {}", path.display()));
            fs::create_dir_all(&path).map_err(doing())?;
            let lock =
                File::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(doing())?;
            match lock.try_lock() {
                Ok(()) => {
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

/// Removes everything but the lock, which another process may just be trying.
fn empty(folder: &Path) -> std::io::Result<()> {
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
    use super::*;

    #[test]
    fn a_second_run_beside_the_first_gets_its_own_folder_and_a_later_one_gets_the_first_emptied() {
        let base = std::env::temp_dir().join(format!("sealpost-folder-{}", std::process::id()));
        let first = DevFolder::take(&base).unwrap();
        fs::create_dir(first.path().join("redis")).unwrap();
        fs::write(first.path().join("redis/dump"), "old").unwrap();
        let second = DevFolder::take(&base).unwrap();
        assert_eq!((first.path(), second.path()), (base.join("dev").as_path(), base.join("dev-2").as_path()));
        assert!(first.path().join("redis/dump").exists(), "the second must not empty the first");
        drop(first);
        let third = DevFolder::take(&base).unwrap();
        assert_eq!(third.path(), base.join("dev"));
        assert!(!third.path().join("redis").exists());
        drop((second, third));
        fs::remove_dir_all(&base).unwrap();
    }
}
