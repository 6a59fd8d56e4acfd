//! What a newer release stored before this one, which is the older: nothing of it is touched, and the job is kept.

use redis::Commands;
use sealpost_shared::seal::{self, KeyRef, Place, Purpose, RecordKey};
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, connection, publish_job, rotation_tick};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::dump;
use crate::device::world as device;
use crate::revoke::world::{entry, minted};

/// Gives the only thing of this kind that format, and says which key it is.
pub(super) fn of_format(pipeline: &Pipeline, kind: &str, format: u32) -> String {
    let kinds = dump::take(&pipeline.rig.redis_url());
    let key = kinds[kind].keys().next().unwrap().clone();
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let _: () = redis.hset(&key, "format", format).unwrap();
    key
}

fn held(pipeline: &Pipeline, kind: &str) -> Value {
    json!(dump::take(&pipeline.rig.redis_url()).get(kind))
}

#[tokio::test]
async fn a_record_of_a_newer_format_outlives_a_rotation_a_revocation_and_a_new_consent() {
    let pipeline = Pipeline::start().await;
    entry(&pipeline, &format!("revocation_url = '{}/revoke'", pipeline.sandbox.issuer()));
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    of_format(&pipeline, "record", 99);
    let before = held(&pipeline, "record");
    pipeline.rotate_key();
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    let done = pipeline.event("rotation.done").await.json();
    assert_eq!(done["counts"]["failed"], 1, "{done}");
    let owner = json!({"tenant": "acme", "user": "ada"});
    let revocation = json!({"id": sealpost_shared::ids::fresh(), "scope": "owner", "owner": owner});
    pipeline.send("revocation-request.v1", &revocation).await;
    worker.measured("sealpost_attempts_failed_total", &["revocation-requests", "record-unreadable"], 1).await;
    let consent = pipeline.consent("ada").await;
    let asked = sealpost_tests::pipeline::exchange_request("acme", "ada", &consent);
    pipeline.send("exchange-request.v1", &asked).await;
    worker.measured("sealpost_attempts_failed_total", &["exchange-requests", "record-unreadable"], 1).await;
    assert_eq!(held(&pipeline, "record"), before);
    assert!(pipeline.events("connection.quarantined").await.is_empty());
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0, "they wait");
}

#[tokio::test]
async fn a_park_of_a_newer_format_stays_and_what_needs_it_waits() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    let tokens = device::expired(&pipeline, "eve").await;
    assert_eq!(device::publish(&pipeline, &device::job("eve", "one", &tokens)).await["outcome"], "published");
    let key = of_format(&pipeline, "park", 99);
    let before = held(&pipeline, "park");
    let job = pipeline.send("publish-job.v1", &device::job("eve", "two", &tokens)).await;
    worker.measured("sealpost_attempts_failed_total", &["publish-jobs", "record-unreadable"], 1).await;
    pipeline.rotate_key();
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    assert_eq!(pipeline.event("rotation.done").await.json()["counts"]["failed"], 1);
    assert_eq!(held(&pipeline, "park"), before);
    // a newer worker comes
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let _: () = redis.hset(&key, "format", 1).unwrap();
    assert_eq!(pipeline.answer(&job).await.json()["outcome"], "published");
    // the pickup after it, since it ends the park, and a job with the older tokens is refused then
    let _: () = redis.hset(&key, "format", 99).unwrap();
    let pickup = pipeline.send("exchange-request.v1", &device::pickup("eve", &tokens)).await;
    worker.measured("sealpost_attempts_failed_total", &["exchange-requests", "record-unreadable"], 1).await;
    assert_eq!(held(&pipeline, "park"), before);
    let _: () = redis.hset(&key, "format", 1).unwrap();
    assert_eq!(pipeline.answer(&pickup).await.json()["outcome"], "picked-up");
}

#[tokio::test]
async fn a_ledger_entry_of_a_newer_format_is_not_acted_on_and_the_job_waits_without_spending_attempts() {
    let pipeline = Pipeline::start().await;
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let job = publish_job("acme", "ada", "once");
    let first = pipeline.ask("publish-job.v1", &job).await;
    let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
    let key = of_ledger(&pipeline, &job).await;
    // whatever it says there
    let _: () = redis.hset_multiple(&key, &[("format", "2"), ("state", "hibernating")]).unwrap();
    let before = held(&pipeline, "ledger");
    let sent = pipeline.send("publish-job.v1", &job).await;
    worker.logged("format 2").await;
    assert_eq!(worker.metric("sealpost_jobs_total", &["publish-jobs", "retried"]).await, 0, "no attempt is spent");
    for command in [
        &["jobs", "show", job["id"].as_str().unwrap(), "--tenant", "acme", "--user", "ada"][..],
        &[
            "jobs",
            "resolve",
            job["id"].as_str().unwrap(),
            "failed",
            "--tenant",
            "acme",
            "--user",
            "ada",
            "--provider",
            "practice",
        ],
    ] {
        let said = run(&pipeline, command).await;
        assert!(!said.good && said.stderr.contains("format 2"), "{command:?}: {}{}", said.stdout, said.stderr);
    }
    assert_eq!(held(&pipeline, "ledger"), before);
    let _: () = redis.hset_multiple(&key, &[("format", "1"), ("state", "done")]).unwrap();
    assert_eq!(pipeline.answer(&sent).await.json(), first);
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

/// What a release has sealed under this key, where it lies and for what.
struct Inside {
    key: String,
    place: Place,
}

impl Inside {
    fn of(pipeline: &Pipeline, purpose: Purpose) -> Self {
        let kinds = dump::take(&pipeline.rig.redis_url());
        // several were made of some, and any will do
        let key = kinds[purpose.wire_name()].keys().next().unwrap().clone();
        let mut record = [0; 32];
        hex::decode_to_slice(key.split(':').nth(3).unwrap(), &mut record).unwrap();
        Self { key, place: Place { purpose, record: RecordKey::from_bytes(record) } }
    }

    /// The bytes inside, and the key that they are sealed under.
    async fn opened(&self, pipeline: &Pipeline) -> (KeyRef, serde_json::Map<String, Value>) {
        let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
        let (id, version, sealed): (String, String, Vec<u8>) =
            redis::cmd("HMGET").arg(&self.key).arg(&["key_id", "key_version", "sealed"]).query(&mut redis).unwrap();
        let name = KeyRef { id: id.parse().unwrap(), version: version.parse().unwrap() };
        let key = pipeline.sealing_keys().await.get(&name).await.unwrap();
        let plain = seal::open(&key, &name, &self.place, &sealed).unwrap();
        (name, rmp_serde::from_slice(&plain).unwrap())
    }

    /// Puts a field there that this release does not know.
    async fn add(&self, pipeline: &Pipeline) {
        let (name, mut inside) = self.opened(pipeline).await;
        inside.insert("new_in_this_version".into(), json!(["kept"]));
        let key = pipeline.sealing_keys().await.get(&name).await.unwrap();
        let plain = rmp_serde::to_vec_named(&inside).unwrap();
        let sealed = seal::seal(&key, &name, &self.place, &plain).unwrap();
        let mut redis = redis::Client::open(pipeline.rig.redis_url()).unwrap().get_connection().unwrap();
        let _: () = redis.hset(&self.key, "sealed", sealed).unwrap();
    }
}

#[tokio::test]
async fn what_a_newer_release_put_inside_is_sealed_anew_with_all_the_rest() {
    let pipeline = Pipeline::start().await;
    entry(&pipeline, &format!("revocation_url = '{}/revoke'", pipeline.sandbox.issuer()));
    let _worker = pipeline.worker().await;
    let tokens = device::expired(&pipeline, "eve").await;
    assert_eq!(device::publish(&pipeline, &device::job("eve", "one", &tokens)).await["outcome"], "published");
    minted(&pipeline, "fay", "default").await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503, "n": 1000})).await;
    let owner = json!({"tenant": "acme", "user": "fay"});
    let request = json!({"id": sealpost_shared::ids::fresh(), "scope": "owner", "owner": owner});
    pipeline.send("revocation-request.v1", &request).await;
    let store = pipeline.store().await;
    until("a tombstone", SOON, async || store.count_tombstones().await.unwrap() == 1).await;
    let all = [Purpose::Record, Purpose::Park, Purpose::Tombstone].map(|purpose| Inside::of(&pipeline, purpose));
    for one in &all {
        one.add(&pipeline).await;
    }
    let newest = pipeline.rotate_key();
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    assert_eq!(pipeline.event("rotation.done").await.json()["counts"]["failed"], 0);
    for one in &all {
        let (name, inside) = one.opened(&pipeline).await;
        assert_eq!((&name.version, &inside["new_in_this_version"]), (&newest, &json!(["kept"])), "{}", one.key);
        assert!(inside.contains_key("tenant"), "{inside:?}");
    }
}

/// Where a job's entry lies.
async fn of_ledger(pipeline: &Pipeline, job: &Value) -> String {
    let of = connection("acme", job["owner"]["user"].as_str().unwrap());
    let owner = sealpost_schemas::Owner { tenant: of.tenant, user: of.user };
    let entry = pipeline.store().await.entry("publish-job", &owner, job["id"].as_str().unwrap().parse().unwrap());
    let name = entry.to_string();
    let (shard, name) = name.split_once('/').unwrap();
    format!("{{sp:{shard}}}:ledger:{name}")
}
