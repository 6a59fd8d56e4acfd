//! What Redis may hold, spoilt: fields of records, and what is inside a seal.

use std::collections::HashMap;

use sealpost_fuzz::{ITERATIONS, near};

use super::content::Content;
use super::golden::{connection, golden, hash, locator, values};
use super::{RecordError, fields};

#[test]
fn a_record_whose_fields_are_spoilt_is_read_or_names_the_field() {
    let stored = golden().map(|golden| hash(&golden));
    let id = locator().locate(&connection());
    // the name of a field, and its new value
    let seeds: Vec<Vec<u8>> =
        stored.iter().flatten().map(|(name, value)| [name.as_bytes(), b"=", value].concat()).collect();
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(seeds)).for_each(|field| {
        let mut parts = field.splitn(2, |byte| *byte == b'=');
        let (name, value) = (String::from_utf8_lossy(parts.next().unwrap()).into_owned(), parts.next());
        for stored in &stored {
            let mut stored: HashMap<_, _> = stored.clone();
            match value {
                Some(value) => drop(stored.insert(name.clone(), value.to_vec())),
                None => drop(stored.remove(&name)),
            }
            match fields::read(id, values(&stored)) {
                Ok(record) => assert!(record.is_some_and(|record| record.id == id)),
                // a format has its own fields
                Err(RecordError::Missing(_)) if name == "format" => {}
                Err(RecordError::Missing(field)) => assert_eq!(field, name),
                Err(RecordError::Malformed(field)) => assert!(name.starts_with(field), "{field} for {name}"),
                Err(RecordError::UnknownFormat(_)) => assert_eq!(name, "format"),
            }
        }
    });
}

#[test]
fn a_spoilt_content_is_one_that_is_written_as_it_was_read_or_none() {
    let content = golden().map(|golden| {
        let record = fields::read(locator().locate(&connection()), values(&hash(&golden))).unwrap().unwrap();
        record.open(&super::golden::key()).unwrap().to_bytes().unwrap().to_vec()
    });
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(content.into())).for_each(|bytes| {
        let Ok(content) = Content::from_bytes(bytes) else { return };
        let written = content.to_bytes().unwrap();
        assert_eq!(Content::from_bytes(&written).unwrap().to_bytes().unwrap(), written);
    });
}
