//! What a running process sees while the file changes under it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;

/// Counts what is logged as an error.
#[derive(Default)]
struct Loud(Arc<AtomicUsize>);

impl Subscriber for Loud {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        *about.level() == Level::ERROR
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Replaces the file's content in one step, as an editor does.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    chmod(&new, 0o600);
    fs::rename(&new, path).unwrap();
}

/// Changes one line's worth of the file.
fn edit(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old} is not in {text}");
    put(path, &text.replacen(old, new, 1));
}

#[tokio::test]
async fn a_rotation_is_seen_without_a_restart() {
    let (_folder, path, keys) = keyring();
    let first = rotate(&path, "records");
    let (latest, first_key) = keys.latest(&id("records")).await.unwrap();
    assert_eq!(latest, first);
    let second = rotate(&path, "records");
    let (latest, second_key) = keys.latest(&id("records")).await.unwrap();
    assert_eq!(latest, second);
    assert_ne!(first, second);
    assert_ne!(first_key.bytes(), second_key.bytes());
    let old = keys.get(&key_ref("records", &first)).await.unwrap();
    assert_eq!(old.bytes(), first_key.bytes(), "the older version stays");
    let other = error(keys.latest(&id("other")).await);
    assert_eq!(other, KeyError::Missing { wanted: Wanted::Latest(id("other")) });
}

#[tokio::test]
async fn the_latest_is_the_one_made_last_whatever_the_clock_said() {
    let (_folder, path, keys) = keyring();
    let first = rotate(&path, "records");
    rotate(&path, "other");
    let earlier = "2020-01-01T00:00:00Z".parse().unwrap();
    let second = LocalKeys::rotate(&path, &id("records"), earlier).unwrap();
    assert_eq!(keys.latest(&id("records")).await.unwrap().0, second);
    let listed = keys.versions(&id("records")).await.unwrap();
    assert_eq!(
        listed,
        [
            VersionInfo { version: first, created: NOON.parse().unwrap(), enabled: true },
            VersionInfo { version: second, created: earlier, enabled: true },
        ]
    );
}

#[tokio::test]
async fn a_disabled_version_gives_no_key_and_no_older_one_stands_in() {
    let (_folder, path, keys) = keyring();
    let first = rotate(&path, "records");
    edit(&path, "\"enabled\": true", "\"enabled\": false");
    let disabled = KeyError::Disabled { wanted: Wanted::Version(key_ref("records", &first)) };
    assert_eq!(error(keys.get(&key_ref("records", &first)).await), disabled);
    assert_eq!(error(keys.latest(&id("records")).await), disabled);
    let second = rotate(&path, "records");
    assert_eq!(keys.latest(&id("records")).await.unwrap().0, second);
    assert!(!keys.versions(&id("records")).await.unwrap()[0].enabled);

    edit(&path, "\"enabled\": true", "\"enabled\": false ");
    edit(&path, "\"enabled\": false", "\"enabled\": true");
    let newest = KeyError::Disabled { wanted: Wanted::Version(key_ref("records", &second)) };
    assert_eq!(error(keys.latest(&id("records")).await), newest);
    assert!(keys.get(&key_ref("records", &first)).await.is_ok());
}

#[tokio::test]
async fn an_older_version_is_switched_off_and_on_again_and_the_latest_stays_on() {
    let (_folder, path, keys) = keyring();
    let [first, second] = [rotate(&path, "records"), rotate(&path, "records")];
    let [first, second] = [first, second].map(|version| key_ref("records", &version));
    LocalKeys::set_enabled(&path, &first, false).unwrap();
    assert_eq!(error(keys.get(&first).await), KeyError::Disabled { wanted: Wanted::Version(first.clone()) });
    let refused = LocalKeys::set_enabled(&path, &second, false).unwrap_err().to_string();
    assert!(refused.contains("is the latest") && refused.contains("sealpost keys rotate"), "{refused}");
    let unknown = key_ref("records", &"v9".parse().unwrap());
    let refused = LocalKeys::set_enabled(&path, &unknown, true).unwrap_err().to_string();
    assert!(refused.contains("version v9"), "{refused}");
    LocalKeys::set_enabled(&path, &first, true).unwrap();
    assert!(keys.get(&first).await.is_ok() && keys.latest(&id("records")).await.unwrap().0 == second.version);
}

#[tokio::test]
async fn a_version_taken_out_of_the_file_is_missing() {
    let (_folder, path, keys) = keyring();
    let empty = fs::read_to_string(&path).unwrap();
    let first = key_ref("records", &rotate(&path, "records"));
    assert!(keys.get(&first).await.is_ok());
    put(&path, &empty);
    assert_eq!(error(keys.get(&first).await), KeyError::Missing { wanted: Wanted::Version(first) });
}

#[tokio::test]
async fn a_spoilt_file_keeps_what_is_known_and_is_loud_once() {
    type Spoil = fn(&Path);
    let ways: [(&str, Spoil, bool); 4] = [
        ("gone", |path| fs::rename(path, path.with_extension("away")).unwrap(), true),
        ("open to others", |path| chmod(path, 0o644), false),
        ("garbage", |path| put(path, "{ \"format\": 1, oops"), false),
        ("empty", |path| put(path, ""), false),
    ];
    for (way, spoil, unavailable) in ways {
        let (_folder, path, keys) = keyring();
        let known = key_ref("records", &rotate(&path, "records"));
        let key = keys.get(&known).await.unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let log = Loud::default();
        let errors = Arc::clone(&log.0);
        let listening = tracing::subscriber::set_default(log);

        spoil(&path);
        for _ in 0..3 {
            assert_eq!(keys.get(&known).await.unwrap().bytes(), key.bytes(), "{way}");
            assert_eq!(keys.latest(&known.id).await.unwrap().0, known.version, "{way}");
            assert!(keys.index_key().await.is_ok(), "{way}");
            let unknown = key_ref("records", &"unknown".parse().unwrap());
            for error in [
                error(keys.get(&unknown).await),
                error(keys.latest(&id("other")).await),
                error(keys.versions(&known.id).await),
            ] {
                assert_eq!(matches!(error, KeyError::SourceUnavailable { .. }), unavailable, "{way}: {error}");
                assert_eq!(error.code(), "key-source-unavailable", "{way}: {error}");
                assert!(error.to_string().contains("keyring.json"), "{way}: {error}");
            }
        }
        assert_eq!(errors.load(Ordering::Relaxed), 1, "{way}: one line in the log, not one for each look");
        drop(listening);

        put(&path, &good);
        let after = key_ref("records", &rotate(&path, "records"));
        assert!(keys.get(&after).await.is_ok(), "{way}: and it heals");
        assert_eq!(keys.versions(&known.id).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_a_process_works_with_cannot_be_changed_under_it() {
    let (_folder, path, keys) = keyring();
    let known = key_ref("records", &rotate(&path, "records"));
    let key = keys.get(&known).await.unwrap();
    let index_key = keys.index_key().await.unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let line_with = |field: &str| good.lines().find(|line| line.contains(field)).unwrap().to_owned();
    let other = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ=";

    for (field, what) in [("\"index_key\"", "the index key"), ("\"key\"", "key records, version ")] {
        let comma = if field == "\"index_key\"" { "," } else { "" };
        edit(&path, &line_with(field), &format!("  {field}: \"{other}\"{comma} "));
        let said = error(keys.versions(&known.id).await).to_string();
        assert!(said.contains(what) && said.contains("is not the one in use"), "{said}");
        assert!(!said.contains(&other[..8]), "{said}");
        assert_eq!(keys.get(&known).await.unwrap().bytes(), key.bytes());
        assert_eq!(keys.index_key().await.unwrap().bytes(), index_key.bytes());
        put(&path, &good);
        assert!(keys.versions(&known.id).await.is_ok());
    }
}
