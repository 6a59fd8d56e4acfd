//! Entries of the example catalogue, for the servers that a test runs.

use std::fs;

use toml::{Table, Value};

use crate::machine::workspace;

/// The example catalogue that ships with the repository.
#[must_use]
pub fn example() -> String {
    fs::read_to_string(workspace().join("examples/providers.toml")).expect("the example catalogue")
}

/// The example's entry of this name for a server at `origin`, an address without a path. Its secret is in the
/// configuration's file `NAME.secret`.
#[must_use]
pub fn entry(name: &str, origin: &str) -> String {
    let mut all: Table = example().parse().expect("TOML");
    let Some(Value::Table(mut entry)) = all.remove(name) else { panic!("the example has no entry {name}") };
    if let Some(secret) = entry.get_mut("oauth").and_then(|oauth| oauth.get_mut("client_secret")) {
        *secret = Value::Table(Table::from_iter([("file".into(), Value::from(format!("{name}.secret")))]));
    }
    let only = Table::from_iter([(name.to_owned(), Value::Table(entry))]);
    let text = toml::to_string(&only).expect("TOML");
    assert!(text.contains(&format!("https://{name}.example")), "{text}");
    text.replace(&format!("https://{name}.example"), origin)
}
