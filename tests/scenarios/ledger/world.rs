//! A pipeline whose provider can say each of the things that the ledger must know.

use sealpost_schemas::{Name, Owner};
use sealpost_shared::clock::SystemClock;
use sealpost_shared::ledger::Ledger;
use sealpost_tests::{Pipeline, Setup};
use serde_json::Value;

/// How many seconds a call may take in these tests; a claim lives for two more than twice that.
pub(crate) const LIMIT: u64 = 2;

/// What the provider's entry says beside the plain post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Nothing.
    Plain,
    /// Its header for idempotency keys, which it remembers for a day.
    Idempotent,
    /// The same, remembered for no time at all.
    Forgetful,
    /// How to look a post up. The practice platform does that by idempotency key, so that it needs the header too.
    Findable,
}

/// A pipeline with this entry, on a Redis at this address.
pub(crate) async fn pipeline(entry: Entry, redis_url: Option<String>) -> Pipeline {
    let pipeline = Pipeline::start_with(Setup { http_limit: LIMIT, redis_url, ..Setup::default() }).await;
    write_entry(&pipeline, entry);
    pipeline
}

pub(crate) fn write_entry(pipeline: &Pipeline, entry: Entry) {
    let platform = pipeline.sandbox.issuer();
    let file = pipeline.rig.folder().join("providers.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    let window = |seconds: u32| {
        format!("[practice.api]\nidempotency_header = 'Idempotency-Key'\nidempotency_window = {seconds}\n")
    };
    let more = match entry {
        Entry::Plain => String::new(),
        Entry::Idempotent => window(86400),
        Entry::Forgetful => window(0),
        Entry::Findable => {
            format!("find = {{ url = '{platform}/api/posts', parameter = 'by_key', list = '/posts' }}\n{}", window(0))
        }
    };
    pipeline.write("providers.toml", &format!("{plain}{more}"));
}

/// The ledger of publish jobs, as an operator's tool has it.
pub(crate) async fn ledger(pipeline: &Pipeline) -> Ledger<SystemClock> {
    let limit = std::time::Duration::from_secs(LIMIT);
    Ledger::new("publish-job", pipeline.store().await, pipeline.sealing_keys().await, SystemClock, limit)
}

pub(crate) fn owner(message: &Value) -> Owner {
    let name = |field: &str| Name::new(message["owner"][field].as_str().unwrap()).unwrap();
    Owner { tenant: name("tenant"), user: name("user") }
}
