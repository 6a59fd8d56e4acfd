//! Headers of dead letters, of any kind and in any place.

use bolero::{ValueGenerator, produce};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use sealpost_fuzz::ITERATIONS;
use sealpost_schemas::queues;

use super::super::message::{AT, ATTEMPT, CODE, ORIGIN, REASON, USER};
use super::super::users::{Gate, Sender};
use super::DeadLetter;

/// Header, kind of value, text.
type Spec = (u8, u8, u8);

const NAMES: [&str; 10] =
    [ATTEMPT, ORIGIN, CODE, REASON, AT, USER, "x-death", "traceparent", "x-first-death-reason", "CC"];
const TEXTS: [&str; 8] = [
    "publish-jobs",
    "publish-jobs.retries",
    "delivery_limit",
    "alice",
    "",
    "2026-11-22T12:00:00Z",
    "\u{1b}[2J",
    "00-ab-cd-01",
];

fn value((_, kind, text): Spec, deaths: &[Spec]) -> AMQPValue {
    let text = TEXTS[usize::from(text) % TEXTS.len()];
    match kind % 8 {
        0 => AMQPValue::LongInt(i32::from(kind) - 100),
        1 => AMQPValue::LongLongInt(i64::MIN + i64::from(kind)),
        2 => AMQPValue::Timestamp(u64::MAX - u64::from(kind)),
        3 => AMQPValue::Void,
        4 => AMQPValue::LongString(LongString::from(vec![0xff, 0xfe, kind])),
        5 => {
            let mut death = FieldTable::default();
            for (name, spec) in ["reason", "queue", "time"].into_iter().zip(deaths) {
                death.insert(name.into(), value(*spec, &[]));
            }
            AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death), AMQPValue::Void].into())
        }
        _ => AMQPValue::LongString(text.into()),
    }
}

fn properties() -> impl ValueGenerator<Output = (BasicProperties, Option<&'static str>)> {
    produce::<(u8, [Spec; 6], [Spec; 3])>().map_gen(|(user, specs, deaths)| {
        let mut headers = FieldTable::default();
        for spec in specs {
            headers.insert(NAMES[usize::from(spec.0) % NAMES.len()].into(), value(spec, &deaths));
        }
        let user = [None, Some("sealpost"), Some("alice"), Some("mallory")][usize::from(user) % 4];
        let properties = BasicProperties::default().with_headers(headers).with_type("\u{1b}[2J".into());
        let properties = user.map_or(properties.clone(), |user| properties.with_user_id(user.into()));
        (properties, user)
    })
}

#[test]
fn any_headers_make_a_letter_of_a_known_queue_or_none_that_is_sent_again_without_them() {
    let gate = Gate::new(vec!["sealpost".into()], Some(toml::from_str("alice = ['acme']").unwrap()));
    bolero::check!().with_iterations(ITERATIONS).with_generator(properties()).for_each(|(properties, user)| {
        let letter = DeadLetter::of(&gate, properties, b"body".to_vec());
        assert!(letter.origin.is_none_or(|origin| queues::ALL.contains(&origin)));
        match (user, &letter.message.sender) {
            (None, sender) => assert_eq!(*sender, Sender::Nobody),
            // only what came from ourselves may speak of somebody else
            (Some("sealpost"), _) => {}
            (Some(user), sender) => assert_eq!(*sender, Sender::User((*user).into())),
        }
        let again = letter.message.properties(None).unwrap();
        let names = again.headers().as_ref().unwrap().inner().keys().map(ToString::to_string);
        for name in names {
            assert!([USER, "traceparent"].contains(&name.as_str()), "{name} is sent again");
        }
    });
}
