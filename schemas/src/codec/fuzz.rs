//! Bodies of every message, spoilt: what is read can be written and read again, and no error repeats a secret.

use std::fs;

use sealpost_fuzz::{ITERATIONS, near};
use serde_json::Value;

use super::{Encoding, decode};
use crate::events::{
    ConnectionNeedsConsent, ConnectionQuarantined, ConnectionRefreshed, JobDeadLettered, KeyEmpty, RotationDone,
    RotationShardDone,
};
use crate::{
    Code, ConnectionQuery, ConnectionStatus, ExchangeRequest, ExchangeResult, Message, PublishJob, PublishResult,
    RevocationRequest, RevocationResult, RevocationShard, RotationShard, RotationTick, all_secrets, name_of,
};

const CANARY: &str = "hunter2";
const BOTH: [Encoding; 2] = [Encoding::Json, Encoding::MessagePack];

/// The examples, in both encodings, with a canary in each secret.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let mut example: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        plant(&mut example);
        seeds.extend(BOTH.map(|encoding| encoding.encode(&example).unwrap()));
    }
    seeds
}

fn plant(value: &mut Value) {
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        match value {
            Value::String(text) if is_secret(name) && !is_failure(text) => {
                *text = format!("{CANARY}-is-a-secret");
            }
            other => plant(other),
        }
    }
}

fn is_secret(name: &str) -> bool {
    name == "id_token" || all_secrets().any(|field| name_of(field) == name)
}

/// A failure's code is no secret.
fn is_failure(text: &str) -> bool {
    Code::ALL.iter().any(|code| code.as_str() == text)
}

/// What every decoder holds for these bytes; `true` if they are a message.
fn holds<M: Message>(body: &[u8]) -> bool {
    let tree = |message: &M| serde_json::to_value(message).unwrap();
    let mut read = false;
    for encoding in BOTH {
        match decode::<M>(encoding, body) {
            Ok(decoded) => {
                read = true;
                for again in BOTH {
                    let body = again.encode(&decoded.message).unwrap();
                    let second = decode::<M>(again, &body).unwrap_or_else(|error| panic!("{error}: {body:?}"));
                    assert_eq!((tree(&second.message), second.unknown_fields), (tree(&decoded.message), 0));
                }
            }
            Err(error) => assert!(!error.to_string().contains(CANARY), "{error}"),
        }
    }
    read
}

const ALL: [fn(&[u8]) -> bool; 18] = [
    holds::<ExchangeRequest>,
    holds::<ExchangeResult>,
    holds::<PublishJob>,
    holds::<PublishResult>,
    holds::<RotationTick>,
    holds::<RotationShard>,
    holds::<RevocationRequest>,
    holds::<RevocationShard>,
    holds::<RevocationResult>,
    holds::<ConnectionQuery>,
    holds::<ConnectionStatus>,
    holds::<ConnectionNeedsConsent>,
    holds::<ConnectionRefreshed>,
    holds::<ConnectionQuarantined>,
    holds::<RotationShardDone>,
    holds::<RotationDone>,
    holds::<KeyEmpty>,
    holds::<JobDeadLettered>,
];

#[test]
fn every_example_is_a_message_and_read_again_as_it_was_written() {
    for seed in seeds() {
        assert!(ALL.iter().any(|holds| holds(&seed)), "{}", String::from_utf8_lossy(&seed));
    }
}

#[test]
fn a_spoilt_body_is_a_message_that_can_be_written_or_an_error_without_its_secrets() {
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(seeds())).for_each(|body| {
        for holds in ALL {
            holds(body);
        }
    });
}
