//! Sealed values, spoilt: none opens but the one that was sealed.

use sealpost_fuzz::{ITERATIONS, near};

use super::super::{Key, KeyRef, Place, Purpose, RecordKey};
use super::{open, seal};

#[test]
fn a_sealed_value_that_is_altered_anywhere_does_not_open() {
    let key = Key::random().unwrap();
    let name = KeyRef { id: "records".parse().unwrap(), version: "v1".parse().unwrap() };
    let place = Place { purpose: Purpose::Record, record: RecordKey::from_bytes([7; 32]) };
    let sealed: Vec<_> = [0, 1, 16, 300].map(|len| seal(&key, &name, &place, &vec![b'x'; len]).unwrap()).into();
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(sealed.clone())).for_each(|bytes| {
        assert_eq!(open(&key, &name, &place, bytes).is_ok(), sealed.contains(bytes));
    });
}
