//! Reads TOML, and says what is wrong with it in the words of who wrote it, and never what stands there: a secret may, in
//! the wrong place.

use std::fs;
use std::path::Path;

use sealpost_schemas::codec::without_value;
use serde::de::DeserializeOwned;

/// serde's words, and ours.
const WORDS: [(&str, &str); 14] = [
    ("expected one of `env`, `file`, `vault`", SECRET),
    ("expected string or table", SECRET),
    ("expected a secret or a list of secrets", SECRET),
    ("expected struct ", "expected a table"),
    ("expected a map", "expected a table"),
    ("expected a nonzero u16", "expected a whole number from 1 to 65535"),
    ("expected u64", "expected a whole number"),
    ("expected u32", "expected a whole number"),
    ("expected u16", "expected a whole number up to 65535"),
    ("expected a boolean", "expected true or false"),
    ("expected a sequence", "expected a list"),
    ("expected path string", "expected a path"),
    ("expected socket address", ADDRESS),
    ("invalid socket address syntax", ADDRESS),
];

const SECRET: &str =
    "expected { env = \"VARIABLE\" }, { file = \"path\" } or { vault = \"name\" }, never the secret itself";
const ADDRESS: &str = "expected an address with its port, as in \"127.0.0.1:9464\"";

/// Reads a TOML file.
///
/// # Errors
/// In words that name file and line.
pub fn read_toml<T: DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    parse(&text).map_err(|problem| format!("{}, {problem}", file.display()))
}

/// toml's own errors show the line itself, and with it a secret that stands in the wrong place.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let number = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let said = error.message();
        // where a value is wrong, and not its key
        let key = ["invalid", "unknown variant", "must"].iter().any(|start| said.starts_with(start));
        let key = text.lines().nth(number - 1).filter(|_| key).and_then(key_of);
        let problem = match said {
            said if said.starts_with("invalid") || said.starts_with("unknown variant") => in_words(said),
            said => said.lines().next().unwrap_or_default().into(),
        };
        key.map_or_else(|| format!("line {number}: {problem}"), |key| format!("line {number}: {key}: {problem}"))
    })
}

fn in_words(said: &str) -> String {
    let without = without_value(said);
    let ours = |text: &str| WORDS.iter().find(|(theirs, _)| text.contains(theirs)).map(|(_, ours)| *ours);
    let found = without.split_once(", found ").map(|(_, found)| match found {
        "an object" => "a table",
        "an array" => "a list",
        other => other,
    });
    match (ours(&without).or_else(|| ours(said)), found) {
        (Some(ours), Some(found)) => format!("{ours}; it is {found}"),
        (Some(ours), None) => ours.into(),
        (None, _) => without,
    }
}

/// The key that a line sets, where it is written plainly.
fn key_of(line: &str) -> Option<&str> {
    let key = line.split_once('=')?.0.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ((1..=64).contains(&key.len()) && key.bytes().all(plain)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::{ADDRESS, SECRET, parse};
    use crate::config::Config;

    const LIMIT: &str = "line 10: limit_seconds: expected a whole number from 1 to 65535";
    const GOOD: &str = "providers = 'p.toml'\n[broker]\nurl = { env = 'A' }\nprefetch = 5\n[store]\n\
                        url = { env = 'B' }\n[keys]\nfile = 'k'\n";

    fn error(old: &str, new: &str) -> String {
        assert!(GOOD.contains(old));
        parse::<Config>(&GOOD.replacen(old, new, 1)).unwrap_err()
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        assert!(error("prefetch", "prefech").starts_with("line 4: unknown field `prefech`"));
        let config = parse::<Config>(GOOD).unwrap();
        assert_eq!((config.broker.prefetch, config.store.shards), (5, 256));
    }

    #[test]
    fn a_value_that_cannot_stand_there_is_told_with_line_key_and_what_can() {
        for (old, new, told) in [
            ("prefetch = 5", "prefetch = 0", "line 4: prefetch: must be at least 1"),
            ("prefetch = 5", "prefetch = 70000", "line 4: prefetch: expected a whole number up to 65535"),
            ("prefetch = 5", "prefetch = '5'", "line 4: prefetch: expected a whole number up to 65535; it is a string"),
            ("'B' }", "'B' }\nshards = 0", "line 7: shards: must be at least 1"),
            ("'B' }", "'B' }\ncluster = 1", "line 7: cluster: expected true or false; it is a number"),
            ("file = 'k'", "file = 5", "line 8: file: expected a path; it is a number"),
            ("'k'", "'k'\n[http]\nlimit_seconds = 0", LIMIT),
            // a claim of twice its length must be a time
            ("'k'", "'k'\n[http]\nlimit_seconds = 9223372036854775807", LIMIT),
            ("'k'", "'k'\n[ops]\nlisten = 'x'", &format!("line 10: listen: {ADDRESS}")),
            ("providers", "ops = 5\nproviders", "line 1: ops: expected a table; it is a number"),
            ("'p.toml'\n", "'p.toml'\nschedule = []\n", "line 2: schedule: expected a table"),
        ] {
            assert_eq!(error(old, new), told, "{new}");
        }
    }

    #[test]
    fn a_secret_in_the_file_itself_is_refused_and_not_repeated() {
        let told = error("{ env = 'A' }", "'amqp://u:hunter2@h'");
        assert_eq!(told, format!("line 3: url: {SECRET}"));
        for new in ["= hunter2", "= 'hunter2", "= { env = 'hunter2'", "= { env = 5, hunter2 }", "= '''\nhunter2 = 5'''"]
        {
            let error = error("= { env = 'A' }", new);
            assert!(error.starts_with("line ") && !error.contains("hunter2"), "{error}");
        }
    }
}
