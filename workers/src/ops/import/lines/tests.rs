use sealpost_schemas::{Grant, ProviderId};
use secrecy::ExposeSecret;

use super::{Line, parse};

fn read(text: &str) -> Result<Vec<Line>, Vec<String>> {
    parse(text, None, &|name| name.as_str() != "elsewhere")
}

fn one(more: &str) -> String {
    format!(r#"{{"tenant":"acme","user":"ada","provider":"gitea",{more}}}"#)
}

#[test]
fn a_line_is_a_request_with_its_token_its_label_and_its_scopes() {
    let text = one(r#""refresh_token":"hunter2","label":"second","scopes":["a"]"#);
    let lines = read(&format!("\u{feff}\n{text}\r\n\n")).unwrap();
    assert_eq!((lines.len(), lines[0].number), (1, 2));
    let request = lines[0].request();
    assert_eq!((request.label.as_str(), request.scopes.unwrap()), ("second", vec!["a".to_owned()]));
    let Grant::RefreshToken(held) = request.grant else { panic!("another grant") };
    assert_eq!(held.refresh_token.plain().unwrap().expose_secret(), "hunter2");
    assert!(!format!("{lines:?}").contains("hunter2"));
}

#[test]
fn the_same_line_is_the_same_request_and_any_other_is_another() {
    let id = |more: &str| read(&one(more)).unwrap()[0].id();
    let first = id(r#""refresh_token":"t""#);
    assert_eq!(first, id(r#""refresh_token":"t","label":"default""#));
    let others = [
        r#""refresh_token":"u""#,
        r#""refresh_token":"t","label":"x""#,
        r#""refresh_token":"t","scopes":[]"#,
        r#""refresh_token":"t","scopes":["a"]"#,
    ];
    for other in others {
        assert_ne!(first, id(other), "{other}");
    }
}

#[test]
fn a_line_without_a_provider_has_the_one_of_the_command() {
    let text = r#"{"tenant":"acme","user":"ada","refresh_token":"t"}"#;
    assert_eq!(read(text).unwrap_err(), ["line 1: it names no `provider`; or give --provider"]);
    let gitea = ProviderId::new("gitea").unwrap();
    let lines = parse(&format!("{text}\n{}", one(r#""label":"b","refresh_token":"u""#)), Some(&gitea), &|_| true);
    assert!(lines.unwrap().iter().all(|line| line.connection.provider == gitea));
}

#[test]
fn every_problem_is_told_with_its_line_and_without_a_value() {
    let good = one(r#""refresh_token":"hunter2""#);
    let cases = [
        ("hunter2", "it is not a JSON object (column 1)"),
        (r#"{"refresh_token":"hunter2""#, "it is not a JSON object (column 26)"),
        (r#""hunter2""#, "expected a JSON object, found a string"),
        (r#"{"tenant":"a","provider":"gitea","refresh_token":"hunter2"}"#, "missing field `user`"),
        (&one(r#""refresh_token":["hunter2"]"#), "expected a string, found an array"),
        (&one(r#""refresh_token":"""#), "`refresh_token` must not be empty"),
        (
            &one(r#""refresh_token":"t","scopes":["hunter2 b"]"#),
            "scopes: at most 200, each 1 to 300 of the characters of RFC 6749 §3.3",
        ),
        (
            &one(r#""refresh_token":"hunter2","token":1"#),
            "unknown field `token`, expected one of `tenant`, `user`, `provider`, `label`, `refresh_token`, `scopes`",
        ),
        (&one(r#""hunter2":"refresh_token""#), "it has a field that is not known"),
        (&one(r#""refresh_token":"hunter2","label":"a\nb""#), "must be 1 to 256 bytes without control characters"),
        (&one(r#""refresh_token":"hunter2","user":"b""#), "duplicate field `user`"),
        (&one(r#""refresh_token":"hunter2","scopes":"hunter2""#), "expected a sequence, found a string"),
        (&good.replace("gitea", "elsewhere"), "provider `elsewhere` is not in the catalogue; add its entry first"),
    ];
    for (text, problem) in cases {
        assert_eq!(read(text).unwrap_err(), [format!("line 1: {problem}")], "{text}");
    }
    let all: Vec<_> = cases.iter().map(|(text, _)| *text).collect();
    assert_eq!(read(&format!("{good}\n{}", all.join("\n"))).unwrap_err().len(), cases.len(), "all at once");
}

#[test]
fn a_connection_or_a_token_on_two_lines_is_a_problem() {
    let lines = [
        r#""refresh_token":"one""#,
        r#""refresh_token":"two","label":"b""#,
        r#""refresh_token":"three","label":"default""#,
        r#""refresh_token":"two","label":"d""#,
    ];
    let problems = read(&lines.map(one).join("\n")).unwrap_err();
    assert_eq!(problems, ["line 3: acme/ada at gitea is on line 1 too", "line 4: its refresh token is on line 2 too"]);
}
