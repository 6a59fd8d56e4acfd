//! The sealed format in the hands of somebody who has only its page: a reader in Python.
#![cfg(test)] // always true here; it tells clippy that helpers of tests are tests

use std::path::Path;
use std::process::{Command, Output};

use sealpost_tests::python::python_venv;
use serde_json::{Value, json};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/vectors");

fn read_by_python(vectors: &Path) -> Output {
    let mut reader = Command::new(python_venv(&["cryptography==50.0.2"]));
    reader.arg("-B").arg(Path::new(VECTORS).join("open_vector.py")).arg(vectors).output().unwrap()
}

fn committed() -> Value {
    let text = std::fs::read_to_string(Path::new(VECTORS).join("sealed.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_reader_in_python_agrees_on_every_vector() {
    let read = read_by_python(&Path::new(VECTORS).join("sealed.json"));
    let said = String::from_utf8(read.stdout).unwrap();
    assert!(read.status.success(), "{said}{}", String::from_utf8_lossy(&read.stderr));
    let count = committed()["vectors"].as_array().unwrap().len();
    assert_eq!(said, format!("{count} of {count} vectors give their result\n"));
}

#[test]
fn the_reader_in_python_notices_a_wrong_vector() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.json");
    for (field, value) in [("plain", json!("00")), ("result", json!("truncated")), ("associated_data", json!(""))] {
        let mut vectors = committed();
        vectors["vectors"][0][field] = value;
        std::fs::write(&file, vectors.to_string()).unwrap();
        let read = read_by_python(&file);
        assert!(!read.status.success(), "a wrong {field} goes unnoticed");
        assert!(String::from_utf8_lossy(&read.stderr).contains("a short text"), "the vector is named");
    }
}
