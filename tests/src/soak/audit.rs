//! What is there in the end: at the platform, in Redis, in the queues.

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use lapin::types::FieldTable;
use redis::{AsyncCommands, AsyncConnectionConfig, aio::MultiplexedConnection};
use reqwest::Method;
use sealpost_shared::{
    broker::DEAD_LETTERS,
    records::{Metadata, Store},
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    all_queues,
    errands::Job,
    log::Struck,
    mail::{HEARD, Mail, RESULTS},
    seen::Seen,
    told::Heard,
    world::{World, connection, owner},
};
use crate::pipeline::KEY;

/// One line of the platform's log.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Call {
    pub(super) at: Timestamp,
    /// `authorization_code`, `refresh_token` or `post`.
    #[serde(rename = "call")]
    pub(super) kind: String,
    query: Option<String>,
    pub(super) user: Option<String>,
    pub(super) family: Option<usize>,
    pub(super) text: Option<String>,
    pub(super) outcome: String,
}

impl Call {
    /// The worker that made it.
    pub(super) fn from(&self) -> &str {
        self.query.as_deref().and_then(|query| query.strip_prefix("from=")).unwrap_or("somebody")
    }
}

/// A ledger entry, or that there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) state: String,
    pub(super) outcome: String,
    /// When the first request was marked as sent.
    pub(super) first: Option<Timestamp>,
}

/// All that an account is made of.
pub(super) struct Evidence {
    pub(super) jobs: Vec<Job>,
    pub(super) consents: Vec<Job>,
    pub(super) heard: Heard,
    pub(super) struck: Vec<Struck>,
    pub(super) calls: Vec<Call>,
    /// How many posts say the same, by their text.
    pub(super) posts: HashMap<String, usize>,
    /// By the id of the job or request.
    pub(super) ledger: HashMap<String, Entry>,
    /// By the connection's number.
    pub(super) records: Vec<Option<Metadata>>,
    pub(super) dead_letters: Vec<String>,
    /// Leases, messages, older key versions.
    pub(super) left: Vec<String>,
}

impl Evidence {
    pub(super) async fn gather(
        world: &World,
        mail: &mut Mail,
        (jobs, consents): (Vec<Job>, Vec<Job>),
        connections: usize,
        (seen, patience): (&mut Seen<'_>, Duration),
    ) -> Self {
        let Seen { told, log, screen, .. } = seen;
        let client = redis::Client::open(world.redis_url.as_str()).expect("Redis's address");
        // the client's own limit is half a second, which a busy machine is enough to exceed
        let patient = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
        let redis = client.get_multiplexed_async_connection_with_config(&patient).await.expect("Redis");
        let (store, newest) = (world.store().await, format!("{KEY}:{}", world.newest_version().await));
        let (began, mut left) = (Instant::now(), left_over(&redis, mail, &newest).await);
        while !left.is_empty() && began.elapsed() < patience {
            screen.show(0, left.len(), &format!("still there: {}", left[0]));
            sleep(Duration::from_millis(500)).await;
            left = left_over(&redis, mail, &newest).await;
        }
        let mut ledger = HashMap::new();
        for (kind, messages) in [("publish-job", &jobs), ("exchange-request", &consents)] {
            let entries = stream::iter(messages).map(|one| entry(&store, redis.clone(), kind, *one)).buffered(64);
            ledger.extend(entries.collect::<Vec<_>>().await);
        }
        let record = |number| {
            let (store, id) = (&store, store.locate(&connection(number)));
            async move { store.load(&id).await.expect("a record that can be read").map(|record| record.metadata) }
        };
        let log_of_platform = world.sandbox.admin(Method::GET, "log", None).await;
        let mut posts = HashMap::new();
        for post in world.sandbox.posts().await {
            *posts.entry(post["text"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        Self {
            jobs,
            consents,
            heard: told.all(),
            struck: log.all(),
            calls: serde_json::from_value(log_of_platform["log"].clone()).expect("the platform's log"),
            posts,
            ledger,
            records: stream::iter(0..connections).map(record).buffered(64).collect().await,
            dead_letters: mail.drain(DEAD_LETTERS).await.iter().map(dead_letter).collect(),
            left,
        }
    }
}

/// What should be gone after a while, in words.
async fn left_over(redis: &MultiplexedConnection, mail: &mut Mail, newest: &str) -> Vec<String> {
    let mut redis = redis.clone();
    let mut left: Vec<String> = Vec::new();
    left.extend(redis.keys::<_, Vec<String>>("*:lease:*").await.expect("Redis"));
    for key in redis.keys::<_, Vec<String>>("*:versions").await.expect("Redis") {
        let versions: Vec<String> = redis.smembers(&key).await.expect("Redis");
        left.extend(versions.into_iter().filter(|version| version != newest).map(|old| format!("{key} {old}")));
    }
    for queue in all_queues().into_iter().filter(|queue| ![DEAD_LETTERS, RESULTS, HEARD].contains(&queue.as_str())) {
        match mail.ready(&queue).await {
            Some(0) => {}
            Some(number) => left.push(format!("{number} messages in {queue}")),
            None => left.push(format!("{queue} does not answer")),
        }
    }
    left
}

async fn entry(store: &Store, mut redis: MultiplexedConnection, kind: &str, of: Job) -> (String, Entry) {
    let place = store.entry(kind, &owner(of.connection), of.id).to_string();
    let (shard, key) = place.split_once('/').expect("shard and key");
    let fields = ["state", "outcome", "first"];
    let fields: [Option<String>; 3] =
        redis.hmget(format!("{{sp:{shard}}}:ledger:{key}"), &fields).await.expect("a ledger entry");
    let [state, outcome, first] = fields.map(Option::unwrap_or_default);
    let first = first.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    (of.id.to_string(), Entry { state, outcome, first })
}

fn dead_letter((headers, body): &(FieldTable, Vec<u8>)) -> String {
    let header = |name: &str| headers.inner().get(name).map(|value| format!("{value:?}")).unwrap_or_default();
    let id = serde_json::from_slice::<serde_json::Value>(body).map(|body| body["id"].to_string()).unwrap_or_default();
    format!("{id} {} {}", header("sealpost-code"), header("sealpost-reason"))
}
