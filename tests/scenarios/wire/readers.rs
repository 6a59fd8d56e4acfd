//! The format in the hands of libraries that others wrote: `pyhpke` and `@hpke/core` read every vector, seal what a worker opens, and
//! open what is sealed to a key of theirs.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use sealpost_shared::wire::{ReplyKey, ReplyPlace, seal_reply};
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{connection, exchange_request};
use sealpost_tests::{node, patience::limited, python::python_venv};
use serde_json::{Value, json};
use uuid::Uuid;

use super::strict;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/vectors");
const PYTHON: &[&str] = &["pyhpke==0.6.5", "rfc8785==0.1.4", "cryptography==50.0.2"];
const READER: &str = include_str!("../../../schemas/vectors/open_wire.mjs");

/// A reader of vectors.
fn readers() -> [Command; 2] {
    let mut python = Command::new(python_venv(PYTHON));
    python.arg("-B").arg(Path::new(VECTORS).join("open_wire.py"));
    [python, node::script(20, &["@hpke/core@1.9.0", "canonicalize@5.1.0"], READER)]
}

/// A client: a line of JSON in, one out.
fn clients() -> [Command; 2] {
    let mut python = Command::new(python_venv(PYTHON));
    python.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/wire/client.py"));
    // the same packages in another order have a folder of their own
    [python, node::script(20, &["canonicalize@5.1.0", "@hpke/core@1.9.0"], include_str!("client.mjs"))]
}

/// What a client makes of a message.
fn sealed_by(mut client: Command, asked: &Value) -> Value {
    let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _limited = limited(&child);
    writeln!(child.stdin.take().unwrap(), "{asked}").unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a client reads that is sealed to a key of its own.
fn read_by(mut client: Command, seal: impl FnOnce(&Value) -> Value) -> Value {
    let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _limited = limited(&child);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut line = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    writeln!(stdin, "{}", json!({"make": "key"})).unwrap();
    let sealed = seal(&line());
    writeln!(stdin, "{sealed}").unwrap();
    let read = line();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    read
}

#[test]
fn readers_in_python_and_javascript_agree_on_every_vector() {
    let text = std::fs::read_to_string(Path::new(VECTORS).join("wire.json")).unwrap();
    let mut vectors: Value = serde_json::from_str(&text).unwrap();
    let count = vectors["vectors"].as_array().unwrap().len();
    for mut reader in readers() {
        let read = reader.arg(Path::new(VECTORS).join("wire.json")).output().unwrap();
        let said = String::from_utf8(read.stdout).unwrap();
        assert!(read.status.success(), "{said}{}", String::from_utf8_lossy(&read.stderr));
        assert_eq!(said, format!("{count} of {count} vectors give their result\n"));
    }
    // and they notice a wrong one
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.json");
    vectors["vectors"][0]["plain"] = json!("00");
    std::fs::write(&file, vectors.to_string()).unwrap();
    for mut reader in readers() {
        let read = reader.arg(&file).output().unwrap();
        assert!(!read.status.success(), "{}", String::from_utf8_lossy(&read.stdout));
        assert!(String::from_utf8_lossy(&read.stderr).contains("a reply"), "the vector is named");
    }
}

#[tokio::test]
async fn what_their_libraries_seal_a_worker_opens() {
    let pipeline = strict().await;
    let _worker = pipeline.worker().await;
    let jwks = run(&pipeline, &["keys", "jwks"]).await.json();
    for (user, client) in ["ada", "ben"].into_iter().zip(clients()) {
        let mut body = exchange_request("Ünï {}", user, &pipeline.consent(user).await);
        body["newer"] = json!({"b": [0.1, 9e15, -1], "a": "\u{1f44b}\u{7f}"});
        let fields = ["/grant/code", "/grant/code_verifier"];
        let asked = json!({"jwks": jwks, "queue": "exchange-requests", "body": body, "fields": fields});
        let sealed = tokio::task::spawn_blocking(move || sealed_by(client, &asked)).await.unwrap();
        let answer = pipeline.ask("exchange-request.v1", &sealed).await;
        assert_eq!(answer["outcome"], "stored", "{answer}");
    }
}

#[test]
fn what_is_sealed_to_a_key_of_their_libraries_they_open() {
    let (request, connection) = (Uuid::from_u128(0xab), connection("acme", "ü-42"));
    for client in clients() {
        let field = "/tokens/refresh_token";
        let read = read_by(client, |jwk| {
            let key = ReplyKey::of(jwk).unwrap();
            let place = ReplyPlace { request, connection: &connection, field };
            let sealed = seal_reply(&key, place, &"a token, Grüße".into()).unwrap();
            json!({"request": request, "connection": connection, "field": field, "sealed": sealed})
        });
        assert_eq!(read, json!({"text": "a token, Grüße", "is_mine": true}));
    }
}
