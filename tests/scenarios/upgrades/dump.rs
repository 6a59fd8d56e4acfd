//! Everything that a Redis holds, as JSON, by kind of key, and back.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use redis::Commands;
use serde_json::{Map, Value, json};

/// What is gone by itself before a release ends.
const FLEETING: [&str; 3] = ["lease", "import", "probe"];

/// The keys of each kind, and what they hold.
pub(super) type Kinds = BTreeMap<String, Map<String, Value>>;

/// What a key is for, as in `record` of `{sp:017}:record:…` and `ticks` of `{sp:ticks}`.
fn kind(key: &str) -> &str {
    let (tag, rest) = key.trim_start_matches("{sp:").split_once('}').expect("a key of ours");
    let part = if tag.bytes().all(|byte| byte.is_ascii_digit()) { rest.trim_start_matches(':') } else { tag };
    part.split(':').next().unwrap()
}

/// Text as it is; what is none, in Base64.
fn value(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes)
        .map_or_else(|error| json!({"base64": BASE64_STANDARD.encode(error.as_bytes())}), |text| json!(text))
}

fn bytes(value: &Value) -> Vec<u8> {
    match &value["base64"] {
        Value::String(text) => BASE64_STANDARD.decode(text).unwrap(),
        _ => value.as_str().expect("a text").as_bytes().to_vec(),
    }
}

/// What one key holds.
fn held(redis: &mut redis::Connection, key: &str) -> Value {
    let kind: String = redis::cmd("TYPE").arg(key).query(redis).unwrap();
    match kind.as_str() {
        "hash" => {
            let fields: BTreeMap<String, Vec<u8>> = redis.hgetall(key).unwrap();
            json!({"hash": fields.into_iter().map(|(name, bytes)| (name, value(bytes))).collect::<Map<_, _>>()})
        }
        "set" => {
            let mut members: Vec<String> = redis.smembers(key).unwrap();
            members.sort();
            json!({"set": members})
        }
        "zset" => {
            let members: Vec<(String, f64)> = redis.zrange_withscores(key, 0, -1).unwrap();
            json!({"zset": members.into_iter().map(|(name, score)| (name, json!(score))).collect::<Map<_, _>>()})
        }
        "string" => json!({"string": value(redis.get(key).unwrap())}),
        other => panic!("{key} is a {other}"),
    }
}

/// Everything that is there.
pub(super) fn take(url: &str) -> Kinds {
    let mut redis = redis::Client::open(url).unwrap().get_connection().unwrap();
    let mut keys: Vec<String> = redis.keys("*").unwrap();
    keys.sort();
    let mut kinds = Kinds::new();
    for key in keys {
        if !FLEETING.contains(&kind(&key)) {
            let held = held(&mut redis, &key);
            kinds.entry(kind(&key).to_owned()).or_default().insert(key, held);
        }
    }
    kinds
}

/// Puts these keys there, as they were.
pub(super) fn put<'a>(url: &str, keys: impl IntoIterator<Item = (&'a String, &'a Value)>) {
    let mut redis = redis::Client::open(url).unwrap().get_connection().unwrap();
    for (key, held) in keys {
        let (kind, held) = held.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "hash" => {
                let fields: HashMap<_, _> = held.as_object().unwrap().iter().map(|(k, v)| (k, bytes(v))).collect();
                let fields: Vec<_> = fields.into_iter().collect();
                let _: () = redis.hset_multiple(key, &fields).unwrap();
            }
            "set" => {
                let members: Vec<_> = held.as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
                let _: () = redis.sadd(key, members).unwrap();
            }
            "zset" => {
                for (name, score) in held.as_object().unwrap() {
                    let _: () = redis.zadd(key, name, score.as_f64().unwrap()).unwrap();
                }
            }
            "string" => {
                let _: () = redis.set(key, bytes(held)).unwrap();
            }
            other => panic!("{key} is a {other}"),
        }
    }
}
