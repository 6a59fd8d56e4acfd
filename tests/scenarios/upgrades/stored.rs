//! What every release left in Redis, under a worker of this one.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::SignedDuration;
use redis::Commands;
use sealpost_schemas::{Connection, Name, ProviderId};
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::keys::IndexKey;
use sealpost_shared::records::{Expected, Held, RecordId, Saved, Store, StoreConfig, StoreMode};
use sealpost_shared::seal::{Key, Purpose};
use sealpost_tests::pipeline::{connection, rotation_tick};
use sealpost_tests::{Pipeline, Rig, Setup};
use serde::Deserialize;
use serde_json::json;

use super::golden::{Release, advice, present, releases, says_the_same};
use super::{dump, records};

/// What there must be beside what is sealed: a worker reads and writes all of it.
const BESIDE: &[&str] = &[
    "meta",
    "ticks",
    "tick",
    "owner",
    "versions",
    "held",
    "forget",
    "epoch",
    "revocation",
    "tombstones",
    "tombstones-of",
    "tenant",
    "parks",
    "due",
    "tokens",
];

/// A release's store in a Redis of its own, with its keys.
async fn left_by(release: &Release) -> Pipeline {
    let pipeline = Pipeline::start().await;
    pipeline.write("keyring.json", &String::from_utf8(release.bytes("keyring.json")).unwrap());
    let url = pipeline.rig.redis_url();
    for file in release.files("records") {
        let keys = release.json(&format!("records/{file}"));
        dump::put(&url, keys.as_object().unwrap());
    }
    // as on the day that it was written: nothing is forgotten, or over, since
    let mut redis = redis::Client::open(url).unwrap().get_connection().unwrap();
    let later = (SystemClock.now() + SignedDuration::from_hours(24)).as_millisecond();
    for file in ["forget", "parks"] {
        let keys = release.json(&format!("records/{file}.json"));
        for (key, held) in keys.as_object().unwrap() {
            for member in held["zset"].as_object().unwrap().keys() {
                let _: () = redis.zadd(key, member, later).unwrap();
            }
        }
    }
    for park in release.json("records/park.json").as_object().unwrap().keys() {
        let _: () = redis.hset(park, "until", later).unwrap();
    }
    pipeline
}

async fn opens_and_says_the_same(pipeline: &Pipeline, release: &Release, except: &[&str]) {
    let (then, now) = (release.json("opened.json"), records::opened(pipeline).await);
    for (name, then) in then.as_object().unwrap() {
        if except.iter().any(|kind| name.starts_with(kind)) {
            continue;
        }
        let now = now.get(name).unwrap_or_else(|| panic!("{name} of {} is not held any more", release.name));
        says_the_same(then, now).unwrap_or_else(|problem| panic!("{name} of {}: {problem}", release.name));
    }
}

#[test]
fn no_kind_of_sealed_thing_of_this_release_is_without_a_golden_file() {
    let (release, opened) = (present(), present().json("opened.json"));
    let files = release.files("records");
    for kind in Purpose::ALL.iter().map(|purpose| purpose.wire_name()) {
        let named = opened.as_object().unwrap().keys().any(|name| name.starts_with(&format!("{kind}:")));
        assert!(files.contains(&format!("{kind}.json")) && named, "{kind}: {}", advice());
    }
    for kind in BESIDE {
        assert!(files.contains(&format!("{kind}.json")), "{kind}: {}", advice());
    }
    let records = release.json("records/record.json");
    let has =
        |field: &str, value: &str| records.as_object().unwrap().values().any(|record| record["hash"][field] == value);
    for (field, value) in
        [("custody", "vault"), ("custody", "device"), ("standing", "active"), ("standing", "needs-consent")]
    {
        assert!(has(field, value), "no record whose {field} is {value}: {}", advice());
    }
}

#[tokio::test]
async fn what_every_release_sealed_opens_with_its_keyring_and_says_the_same() {
    for release in releases() {
        opens_and_says_the_same(&left_by(&release).await, &release, &[]).await;
    }
}

#[tokio::test]
async fn a_job_that_an_older_release_did_is_answered_again_and_done_by_nobody() {
    for release in releases() {
        let pipeline = left_by(&release).await;
        let _worker = pipeline.worker().await;
        for done in release.json("jobs.json").as_array_mut().unwrap() {
            let answer = pipeline.ask("publish-job.v1", &done["job"]).await;
            // told again it is in words that know less
            let failure = done.pointer_mut("/result/failure").and_then(|failure| failure.as_object_mut());
            failure.and_then(|failure| failure.shift_remove("message"));
            says_the_same(&done["result"], &answer).unwrap_or_else(|problem| panic!("{}: {problem}", release.name));
        }
        assert_eq!(pipeline.sandbox.stats().await["posts"], json!({}), "{}", release.name);
    }
}

#[tokio::test]
async fn a_rotation_seals_anew_all_that_an_older_release_left() {
    for release in releases() {
        let pipeline = left_by(&release).await;
        let older = pipeline.newest_version().await;
        let newer = pipeline.rotate_key();
        let _worker = pipeline.worker().await;
        pipeline.send("rotation-tick.v1", &rotation_tick()).await;
        let done = pipeline.event("rotation.done").await.json();
        assert_eq!(done["counts"]["failed"], 0, "{done}");
        assert_eq!(pipeline.held(&older).await, 0, "{}", release.name);
        assert!(pipeline.held(&newer).await > 0);
        // the platform that the tombstone's tokens are of is another one, and knows them no more
        opens_and_says_the_same(&pipeline, &release, &["tombstone:"]).await;
    }
}

#[tokio::test]
async fn a_rotation_of_which_an_older_worker_finished_shards_without_a_count_comes_to_its_end() {
    let pipeline = Pipeline::start_with(Setup { shards: 4, ..Setup::default() }).await;
    let tick = rotation_tick();
    // seen with a worker from before shards were counted: it noted the shard, and nothing of it
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let id = tick["id"].as_str().unwrap();
    let _: () = redis.hset_multiple(format!("{{sp:tick:{id}}}"), &[("0", ""), ("2", "")]).unwrap();
    pipeline.seed(8).await;
    pipeline.rotate_key();
    let _worker = pipeline.worker().await;
    pipeline.send("rotation-tick.v1", &tick).await;
    let done = pipeline.event("rotation.done").await.json();
    assert_eq!((&done["shards"], &done["tick"]), (&json!(4), &tick["id"]), "{done}");
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

/// A record's hash.
fn hash(redis: &mut redis::Connection, id: &RecordId) -> HashMap<String, Vec<u8>> {
    redis.hgetall(format!("{{sp:{:03}}}:record:{}", id.shard, id.key)).unwrap()
}

#[tokio::test]
async fn a_record_of_every_release_is_in_the_present_form_when_it_was_saved_again() {
    for release in releases() {
        let pipeline = left_by(&release).await;
        let (store, keys) = (pipeline.store().await, pipeline.sealing_keys().await);
        pipeline.seed(1).await;
        let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
        let new = hash(&mut redis, &store.locate(&connection("acme", "user-0")));
        for user in ["ada", "bob", "dan", "eve"] {
            let id = store.locate(&connection("acme", user));
            let record = store.load(&id).await.unwrap().unwrap();
            let key = keys.get(record.key()).await.unwrap();
            let content = record.open(&key).unwrap();
            let draft = store.draft(&content, record.metadata.clone(), record.key(), &key).unwrap();
            let saved = store.save(&draft, Expected::Revision(record.revision)).await.unwrap();
            assert!(matches!(saved, Saved::Written(_)), "{user} of {}: {saved:?}", release.name);
            is_like(&hash(&mut redis, &id), &new, &format!("{user} of {}", release.name));
        }
        opens_and_says_the_same(&pipeline, &release, &[]).await;
    }
}

/// As a record is that was made by this release.
fn is_like(record: &HashMap<String, Vec<u8>>, new: &HashMap<String, Vec<u8>>, whose: &str) {
    assert_eq!(record["format"], new["format"], "{whose}");
    // when its consent was given is not a save's to say
    for field in new.keys().filter(|field| !["epoch", "tenant_epoch"].contains(&field.as_str())) {
        assert!(record.contains_key(field), "{whose} has no {field}");
    }
}

/// A record of each format number that ever was, as the unit tests have it.
#[derive(Deserialize)]
struct OfFormat {
    record: String,
    fields: HashMap<String, String>,
}

#[tokio::test]
async fn a_record_of_every_format_number_is_in_the_present_form_when_it_was_saved_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/records/golden");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with("record-"));
    assert!(files.len() > 1, "{files:?}");
    for file in files {
        let OfFormat { record, fields } = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let rig = Rig::start().await;
        let config = StoreConfig::new(StoreMode::Single, [rig.redis_url().into()]);
        let store = Store::open(config, IndexKey::from_bytes(&[7; IndexKey::LEN]).into()).await.unwrap();
        let (shard, name) = record.split_once('/').unwrap();
        let mut redis = redis::Client::open(rig.redis_url()).unwrap().get_connection().unwrap();
        let fields = fields.into_iter().map(|(name, text)| {
            let value = if name == "sealed" { BASE64_STANDARD.decode(text).unwrap() } else { text.into_bytes() };
            (name, value)
        });
        let _: () = redis.hset_multiple(format!("{{sp:{shard}}}:record:{name}"), &fields.collect::<Vec<_>>()).unwrap();

        let text = |text| Name::new(text).unwrap();
        let provider = ProviderId::new("gitea").unwrap();
        let ada = |user| Connection {
            tenant: text("acme"),
            user: text(user),
            provider: provider.clone(),
            label: text("default"),
        };
        let id = store.locate(&ada("u-42"));
        let (old, key) = (
            store.load(&id).await.unwrap().unwrap(),
            Key::from_bytes(&std::array::from_fn(|number| u8::try_from(number).unwrap())),
        );
        let content = old.open(&key).unwrap();
        let draft = |content| store.draft(content, old.metadata.clone(), old.key(), &key).unwrap();
        assert!(matches!(
            store.save(&draft(&content), Expected::Revision(old.revision)).await.unwrap(),
            Saved::Written(_)
        ));
        let mut other = content.clone();
        other.connection = ada("new");
        store.save(&draft(&other), Expected::Absent).await.unwrap();
        let new = hash(&mut redis, &store.locate(&other.connection));
        is_like(&hash(&mut redis, &id), &new, &file.display().to_string());
        let now = store.load(&id).await.unwrap().unwrap();
        assert_eq!(now.metadata, old.metadata);
        assert_eq!(now.token, Some(store.hash_of(content.tokens.refresh_token.as_ref().unwrap())));
        let held =
            store.walk_held(id.shard, now.key(), sealpost_shared::records::Cursor::default(), 9).await.unwrap().0;
        assert!(held.contains(&Held::Record(id)), "{held:?}");
    }
}
