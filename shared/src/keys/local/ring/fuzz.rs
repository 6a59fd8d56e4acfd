//! Keyring files, spoilt: no error quotes a key, and what is read is written as it was.

use std::path::Path;

use sealpost_fuzz::{ITERATIONS, near};

use super::Keyring;
use super::tests::{KEY, file};

#[test]
fn a_spoilt_keyring_is_one_that_is_written_as_it_was_read_or_is_refused_without_its_keys() {
    let path = Path::new("/etc/ring");
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(vec![file().into()])).for_each(|text| {
        match Keyring::parse(path, text) {
            Ok(ring) => {
                let text = ring.to_text(path).unwrap();
                let again = Keyring::parse(path, &text).unwrap();
                assert_eq!(again.to_text(path).unwrap(), text);
                assert!(ring.continues(path, &again).is_ok() && again.continues(path, &ring).is_ok());
            }
            Err(error) => {
                let shown = format!("{error} {error:?}");
                // every eight characters of it
                let parts = KEY.as_bytes().windows(8).map(|part| std::str::from_utf8(part).unwrap());
                assert!(!parts.into_iter().any(|part| shown.contains(part)), "{shown}");
            }
        }
    });
}
