//! `SECURITY.md`: its tests are there, and the permissions that it names are those that are tried.

use std::fs;
use std::path::Path;

use sealpost_tests::machine::workspace;

use super::permissions::PERMISSIONS;

/// All Rust code of the workspace's crates, as one text.
fn code(folder: &Path) -> String {
    let mut code = String::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            code += &self::code(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            code += &fs::read_to_string(path).unwrap();
        }
    }
    code
}

#[test]
fn every_test_that_the_page_names_is_there_and_the_permissions_are_those_that_were_tried() {
    let page = fs::read_to_string(workspace().join("SECURITY.md")).unwrap();
    let code: String = ["schemas", "shared", "workers", "tests"].map(|name| code(&workspace().join(name))).concat();
    let sentence = |word: &&str| {
        word.matches('_').count() > 2
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    };
    let named: Vec<_> = page.split('`').filter(sentence).collect();
    assert!(named.len() > 20, "{named:?}");
    for test in named {
        assert!(code.contains(&format!("fn {test}(")), "there is no test {test}");
    }
    let command = PERMISSIONS.map(|pattern| format!("'{}'", pattern.replace("NAME", "web"))).join(" ");
    assert!(page.contains(&command), "{command}");
}
