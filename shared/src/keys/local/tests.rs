//! A keyring file in use: made, rotated, re-read, and spoilt under a running process.

mod file;
mod running;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

const NOON: &str = "2026-11-22T12:00:00Z";

fn id(name: &str) -> KeyId {
    name.parse().unwrap()
}

fn rotate(path: &Path, name: &str) -> KeyVersion {
    LocalKeys::rotate(path, &id(name), NOON.parse().unwrap()).unwrap()
}

fn key_ref(name: &str, version: &KeyVersion) -> KeyRef {
    KeyRef { id: id(name), version: version.clone() }
}

/// A keyring in a folder of its own, which goes with the test.
fn keyring() -> (TempDir, PathBuf, LocalKeys) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.json");
    let keys = LocalKeys::create(&path).unwrap();
    (folder, path, keys)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn error<T>(result: Result<T, KeyError>) -> KeyError {
    result.err().unwrap_or_else(|| panic!("an error was expected"))
}
