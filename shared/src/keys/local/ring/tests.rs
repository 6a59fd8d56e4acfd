//! The content of a keyring file: what is taken, what is refused, and that no refusal quotes a key.

use std::path::Path;

use super::*;

/// 32 bytes in base64, as a key in a file looks; no message may hold a part of it.
pub(super) const KEY: &str = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ=";

pub(super) fn file() -> String {
    format!(
        r#"{{
  "format": 1,
  "index_key": "{KEY}",
  "versions": [
    {{
      "id": "records",
      "version": "v1",
      "created": "2026-11-22T12:00:00Z",
      "enabled": true,
      "key": "{KEY}"
    }},
    {{"id": "records", "version": "v2", "created": "2026-11-23T12:00:00Z", "enabled": false, "key": "{KEY}"}}
  ]
}}
"#
    )
}

fn parse(text: &str) -> Result<Keyring, KeyringError> {
    Keyring::parse(Path::new("/etc/ring"), text.as_bytes())
}

/// The line and problem that a text is refused with, which must not quote a key.
fn refusal(text: &str) -> (usize, String) {
    let error = parse(text).err().unwrap_or_else(|| panic!("taken: {text}"));
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains(&KEY[..8]), "quotes a key: {shown}");
        assert!(shown.contains("/etc/ring"), "names the file: {shown}");
    }
    match error {
        KeyringError::Content { line, problem, .. } => (line, problem),
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_reads_as_it_was_written() {
    let ring = parse(&file()).unwrap();
    assert_eq!(ring.index_key.bytes(), b"canary-canary-canary-canary-1234");
    let id = "records".parse().unwrap();
    assert_eq!(ring.of(&id).map(|entry| entry.version.as_str()).collect::<Vec<_>>(), ["v1", "v2"]);
    assert!(ring.of(&id).all(|entry| entry.key.bytes() == b"canary-canary-canary-canary-1234"));

    let text = ring.to_text(Path::new("/etc/ring")).unwrap();
    let again = parse(std::str::from_utf8(&text).unwrap()).unwrap();
    assert_eq!(again.to_text(Path::new("/etc/ring")).unwrap(), text);
    assert_eq!(
        again.versions.iter().map(Entry::info).collect::<Vec<_>>(),
        [
            VersionInfo {
                version: "v1".parse().unwrap(),
                created: "2026-11-22T12:00:00Z".parse().unwrap(),
                enabled: true
            },
            VersionInfo {
                version: "v2".parse().unwrap(),
                created: "2026-11-23T12:00:00Z".parse().unwrap(),
                enabled: false
            },
        ]
    );
}

#[test]
fn bad_content_is_refused_with_its_line() {
    let key = format!("\"{KEY}\"");
    let cases: &[(&str, &str, usize, &str)] = &[
        // what is replaced, by what, the line of the complaint, its beginning
        ("\"format\": 1", "\"format\": 2", 2, "not a known format: 2, this program knows 1"),
        ("\"format\": 1", &format!("\"format\": {key}"), 2, "not a value that can stand here"),
        ("\"format\": 1,", "", 14, "missing field `format`"),
        ("\"format\": 1,", "\"format\": 1, \"format\": 1,", 2, "duplicate field `format`"),
        (&key, "\"c2hvcnQ=\"", 3, "not a key: expected 32 bytes in base64"),
        (&key, &format!("\"{KEY}{KEY}\""), 3, "not a key: expected 32 bytes in base64"),
        (&key, &format!("\"{}\"", &KEY[..43]), 3, "not a key: expected 32 bytes in base64"),
        (&key, &format!("\"!{KEY}\""), 3, "not a key: expected 32 bytes in base64"),
        (&key, &format!("[{key}]"), 3, "not a value that can stand here"),
        (&key, "42", 3, "not a value that can stand here"),
        (&key, &format!("\"{KEY}"), 4, "control character"), // where the string goes on
        (&key, KEY, 3, "expected value"),
        ("\"id\": \"records\",", &format!("\"id\": {key},"), 6, "not a key id: character 44"),
        ("\"v1\"", "\"latest\"", 7, "not a key version: \"latest\""),
        ("\"v1\"", &key, 7, "not a key version: character 44"),
        ("2026-11-22T", "2026-13-22T", 8, "not a time: expected RFC 3339"),
        ("\"2026-11-22T12:00:00Z\"", &key, 8, "not a time: expected RFC 3339"),
        ("\"enabled\": true", &format!("\"enabled\": {key}"), 9, "not a value that can stand here"),
        ("\"enabled\": true", &format!("{key}: true"), 9, "not a field of a keyring: format, "),
        ("\"v2\"", "\"v1\"", 13, "not a new version: the same id and version stand further up"), // what follows the second
        ("\"versions\": [", &format!("\"versions\": {key}, \"x\": ["), 4, "not a value that can stand here"),
    ];
    for (old, new, line, problem) in cases {
        let text = file().replacen(old, new, 1);
        assert_ne!(text, file(), "{old} is there");
        let (found_line, found) = refusal(&text);
        assert!(found_line == *line && found.starts_with(problem), "{old} -> {new}: line {found_line}: {found}");
    }
}

#[test]
fn a_cut_off_file_is_refused_wherever_it_ends() {
    let whole = file();
    for len in 0..whole.trim_end().len() {
        refusal(&whole[..len]);
    }
    refusal(&format!("{whole}{KEY}"));
}

#[test]
fn writing_never_outgrows_its_buffer() {
    let mut ring = Keyring::new(IndexKey::random().unwrap());
    for n in [0_usize, 1, 2, 20] {
        while ring.versions.len() < n {
            ring.versions.push(Entry {
                id: "i".repeat(127).parse().unwrap(),
                version: "v".repeat(64).parse().unwrap(),
                created: Timestamp::MIN,
                enabled: false,
                key: Arc::new(Key::random().unwrap()),
            });
        }
        assert_eq!(ring.to_text(Path::new("ring")).unwrap().capacity(), 256 + 512 * n);
    }
}
