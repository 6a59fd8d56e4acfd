//! The file itself: modes, links, and being replaced.

use std::os::unix::fs::{chown, symlink};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

#[tokio::test]
async fn a_new_keyring_has_an_index_key_and_no_other() {
    let (folder, path, keys) = keyring();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names_in(folder.path()), ["keyring.json"]);
    assert_eq!(error(keys.latest(&id("records")).await), KeyError::Missing { wanted: Wanted::Latest(id("records")) });
    let again = LocalKeys::open(&path).unwrap();
    assert_eq!(keys.index_key().await.unwrap().bytes(), again.index_key().await.unwrap().bytes());
    let (_folder, _path, other) = keyring();
    assert_ne!(keys.index_key().await.unwrap().bytes(), other.index_key().await.unwrap().bytes());
}

#[test]
fn a_keyring_is_never_overwritten() {
    let (folder, path, _keys) = keyring();
    let before = fs::read(&path).unwrap();
    let link = folder.path().join("link");
    symlink(folder.path().join("nowhere"), &link).unwrap();
    for taken in [&path, &link] {
        let error = LocalKeys::create(taken).err().unwrap();
        assert!(matches!(error, KeyringError::Exists { .. }), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names_in(folder.path()), ["keyring.json", "link"]);
}

#[test]
fn a_keyring_that_others_can_reach_is_refused() {
    let (_folder, path, _keys) = keyring();
    for exposed in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666] {
        chmod(&path, exposed);
        for error in [LocalKeys::open(&path).err(), LocalKeys::rotate(&path, &id("a"), NOON.parse().unwrap()).err()] {
            let said = error.unwrap().to_string();
            assert!(said.contains(&format!("mode {exposed:03o}")), "{said}");
            assert!(said.ends_with(&format!("run: chmod 600 {}", path.display())), "{said}");
        }
    }
    for closed in [0o600, 0o400] {
        chmod(&path, closed);
        assert!(LocalKeys::open(&path).is_ok(), "{closed:o}");
    }
}

#[test]
fn only_a_regular_file_is_a_keyring() {
    let (folder, path, _keys) = keyring();
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for other in [folder.path(), pipe.as_path()] {
        let error = LocalKeys::open(other).err().unwrap();
        assert!(matches!(error, KeyringError::NotAFile { .. }), "{error}");
    }
    fs::write(&path, vec![b' '; 2 << 20]).unwrap();
    let error = LocalKeys::open(&path).err().unwrap();
    assert!(matches!(error, KeyringError::Io { .. }), "a huge file: {error}");
    let error = LocalKeys::open(&folder.path().join("nowhere")).err().unwrap();
    assert!(matches!(error, KeyringError::Io { .. }), "no file: {error}");
}

#[tokio::test]
async fn rotating_through_a_link_keeps_the_link() {
    let (folder, path, keys) = keyring();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    let version = rotate(&link, "records");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(keys.latest(&id("records")).await.unwrap().0, version);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names_in(folder.path()), ["keyring.json", "link"]);
}

#[test]
fn rotations_at_the_same_time_all_count() {
    let (folder, path, _keys) = keyring();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| drop(rotate(&path, "records"))));
        }
    });
    let ring = Keyring::parse(&path, &disk::read(&path).unwrap().text).unwrap();
    assert_eq!(ring.of(&id("records")).count(), 40);
    assert_eq!(names_in(folder.path()), ["keyring.json"]);
}

#[test]
fn rotating_as_root_leaves_the_file_to_its_owner() {
    if !rustix::process::geteuid().is_root() {
        return; // nobody else can give a file away, so nobody else can take it away
    }
    let (_folder, path, _keys) = keyring();
    chown(&path, Some(4711), Some(4712)).unwrap();
    rotate(&path, "records");
    let about = fs::metadata(&path).unwrap();
    assert_eq!((about.uid(), about.gid(), mode(&path)), (4711, 4712, 0o600));
}

#[test]
fn a_refused_rotation_changes_nothing() {
    let (folder, path, _keys) = keyring();
    fs::write(&path, "{}").unwrap();
    assert!(LocalKeys::rotate(&path, &id("records"), NOON.parse().unwrap()).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"{}");
    assert_eq!(names_in(folder.path()), ["keyring.json"]);
}
