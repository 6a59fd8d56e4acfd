//! `make golden`: the files of this release, from a real run of it.

use std::path::Path;
use std::{env, fs, io};

use sealpost_schemas::Code;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::records::Standing;
use sealpost_tests::pipeline::{SOON, connection, publish_job, rotation_tick, text_of};
use sealpost_tests::{Pipeline, until};
use serde_json::{Value, json};

use super::golden::{PRESENT, Release, advice, home};
use super::{dump, records, topology};
use crate::contract::kinds;
use crate::device::world as device;
use crate::revoke::world::{entry, minted};

/// Run with `SEALPOST_WRITE_GOLDEN=1` to make them.
#[tokio::test]
async fn this_release_has_golden_files_which_are_made_once() {
    let folder = home().join(PRESENT);
    if env::var_os("SEALPOST_WRITE_GOLDEN").is_some() {
        assert!(!folder.exists(), "{} is there already, and never written again", folder.display());
        let parts = tempfile::Builder::new().prefix(".making-").tempdir_in(home()).unwrap();
        make(parts.path()).await;
        put_in_place(&parts.keep(), &folder).unwrap();
    }
    assert!(folder.is_dir(), "{}", advice());
}

#[test]
fn the_files_of_a_release_that_are_there_are_never_replaced() {
    let home = tempfile::tempdir().unwrap();
    let [parts, there] = ["parts", "there"].map(|name| home.path().join(name));
    for (folder, text) in [(&parts, "new"), (&there, "old")] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), text).unwrap();
    }
    assert!(put_in_place(&parts, &there).is_err());
    assert_eq!(Release::at(&there).bytes("file"), b"old");
}

/// A folder takes its place at once or not at all: one that is there, and not empty, is not replaced by a rename.
fn put_in_place(parts: &Path, folder: &Path) -> io::Result<()> {
    fs::rename(parts, folder)
}

async fn make(folder: &Path) {
    messages(folder);
    let pipeline = Pipeline::start().await;
    entry(&pipeline, &format!("revocation_url = '{}/revoke'", pipeline.sandbox.issuer()));
    let jobs = live(&pipeline).await;
    write(folder, "topology.json", &topology::of(&pipeline.rig).await);
    write(folder, "jobs.json", &jobs);
    write(folder, "opened.json", &json!(records::opened(&pipeline).await));
    fs::write(folder.join("keyring.json"), text_of(&pipeline.keyring())).unwrap();
    for (kind, keys) in dump::take(&pipeline.rig.redis_url()) {
        write(folder, &format!("records/{kind}.json"), &json!(keys));
    }
}

fn write(folder: &Path, file: &str, value: &Value) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
}

/// The examples of the contract, as the types write them.
fn messages(folder: &Path) {
    for kind in kinds() {
        for (name, body) in &kind.examples {
            let written = (kind.reread)(sealpost_schemas::codec::Encoding::Json, body.to_string().as_bytes()).unwrap();
            write(folder, &format!("messages/{name}"), &serde_json::from_slice(&written.json).unwrap());
            let packed = folder.join("messages").join(name).with_extension("msgpack");
            fs::write(packed, written.messagepack).unwrap();
        }
    }
}

/// Has every kind of thing stored. The jobs that were done, and how they ended.
async fn live(pipeline: &Pipeline) -> Value {
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    let published = publish_job("acme", "ada", "done");
    let lost = publish_job("acme", "ada", "lost");
    let mut jobs = Vec::new();
    for job in [&published, &lost] {
        if *job == lost {
            let fault = json!({"path": "/api/posts", "method": "POST", "kind": "drop", "when": "after"});
            pipeline.sandbox.fault(fault).await;
        }
        jobs.push(json!({"job": job, "result": pipeline.ask("publish-job.v1", job).await}));
    }
    pipeline.connect("bob").await;
    pipeline.rotate_key();
    pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    pipeline.event("rotation.done").await;
    // bob must give consent again
    let store = pipeline.store().await;
    let bob = store.load(&store.locate(&connection("acme", "bob"))).await.unwrap().unwrap();
    store.mark(&bob, &Standing::needs_consent(SystemClock.now(), Code::InvalidGrant)).await.unwrap();
    // dan's tokens are on the device, and eve's newer ones wait for hers
    device::connected(pipeline, "dan").await;
    let held = device::expired(pipeline, "eve").await;
    let answer = device::publish(pipeline, &device::job("eve", "by device", &held)).await;
    assert_eq!(answer["tokens_refreshed"], true, "{answer}");
    // fay's cannot be revoked yet
    minted(pipeline, "fay", "default").await;
    pipeline.sandbox.fault(json!({"path": "/revoke", "kind": "status", "status": 503, "n": 1000})).await;
    let owner = json!({"tenant": "acme", "user": "fay"});
    let request = json!({"id": sealpost_shared::ids::fresh(), "scope": "owner", "owner": owner});
    pipeline.send("revocation-request.v1", &request).await;
    until("a tombstone", SOON, async || store.count_tombstones().await.unwrap() == 1).await;
    worker.terminate();
    worker.ended().await;
    json!(jobs)
}
