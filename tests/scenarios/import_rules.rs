//! Who may use what. The rules are checked on every path of every Rust file, also inside macros, and on every manifest.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use sealpost_tests::machine::workspace;

/// Crates with one place each: a file `<place>.rs` and all below the folder `<place>/`. `*` stands for any ending.
const ONLY_PLACES: &[(&str, &str)] = &[
    ("lapin", "shared/src/broker"),
    ("redis", "shared/src/records"),
    ("aes_gcm", "shared/src/seal"),
    ("xaes_256_gcm", "shared/src/seal"),
    ("hpke", "shared/src/wire"),
    ("oauth2", "shared/src/oauth"),
    ("openidconnect", "shared/src/oauth"),
    ("jsonwebtoken", "shared/src/oauth"),
    ("azure_*", "shared/src/keys/azure"),
];
/// The scenarios are the other side of these; the vendor's SDK is a client of the practice vault's there.
const OPEN_TO_TESTS: &[&str] = &["lapin", "redis", "azure_*"];

/// Our crates and which of ours each may use: schemas ← shared ← workers ← tests. The sandbox uses nothing of ours, so
/// that it cannot share our mistakes. The longest folder that fits counts.
const MAY_USE: &[(&str, &[&str])] = &[
    ("schemas/", &["sealpost_schemas"]),
    ("shared/", &["sealpost_schemas", "sealpost_shared"]),
    ("workers/", &["sealpost_schemas", "sealpost_shared", "sealpost"]),
    ("tests/sandbox/", &[]),
    ("tests/fuzz/", &[]),
    ("tests/", &["sealpost_schemas", "sealpost_shared", "sealpost", "sealpost_tests"]),
];

/// What the runner runs without knowing it. A test below holds this list against the files.
const STEPS: &[&str] = &["exchange", "notify", "publish", "query", "revoke", "rotate"];
const RUNNER: &[&str] = &["workers/src/runner", "workers/src/step"];

/// What a Rust file does that it may not, in words.
fn violations(path: &str, text: &str) -> Vec<String> {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut uses = Vec::new();
    paths(tokens, &mut uses);
    let mut found = BTreeSet::new();
    for used in uses {
        found.extend(use_of_crate(path, &used[0]));
        let inside = used.iter().find(|name| !["crate", "self", "super"].contains(&name.as_str()));
        if RUNNER.iter().any(|place| is_in(path, place))
            && used.len() > 1
            && let Some(step) = inside.filter(|name| STEPS.contains(&name.as_str()))
        {
            found.insert(format!("{path}: names the step {step}; the runner knows `Step`, and no concrete one"));
        }
    }
    found.into_iter().collect()
}

/// What a manifest depends on that it may not, in words.
fn manifest_violations(path: &str, text: &str) -> Vec<String> {
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut found = BTreeSet::new();
    for name in dependencies(&toml::Value::Table(manifest)) {
        let name = name.replace('-', "_");
        let Some(place) = place_of(&name) else {
            found.extend(use_of_crate(path, &name));
            continue;
        };
        let folder = path.strip_suffix("Cargo.toml").unwrap_or(path);
        if !place.starts_with(folder) && !is_open_to_tests(path, &name) {
            found.insert(format!("{path}: depends on {name}; only {place} may use it"));
        }
    }
    found.into_iter().collect()
}

fn use_of_crate(path: &str, name: &str) -> Option<String> {
    if let Some(place) = place_of(name) {
        let allowed = is_in(path, place) || is_open_to_tests(path, name);
        return (!allowed).then(|| format!("{path}: uses {name}; only {place} may"));
    }
    if !MAY_USE.iter().any(|(_, crates)| crates.contains(&name)) {
        return None;
    }
    let (folder, allowed) = MAY_USE.iter().find(|(folder, _)| path.starts_with(folder))?;
    (!allowed.contains(&name)).then(|| format!("{path}: uses {name}; {folder} may use {allowed:?} of ours"))
}

fn place_of(name: &str) -> Option<&'static str> {
    ONLY_PLACES.iter().find(|(pattern, _)| fits(pattern, name)).map(|(_, place)| *place)
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn is_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_open_to_tests(path: &str, name: &str) -> bool {
    OPEN_TO_TESTS.iter().any(|pattern| fits(pattern, name))
        && path.starts_with("tests/")
        && !path.starts_with("tests/sandbox/")
}

/// Every path of two names or more, and every path of a `use`. Comments are not tokens, and a text is one.
fn paths(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let before = at;
        match &tokens[at] {
            TokenTree::Group(group) => paths(group.stream(), found),
            TokenTree::Ident(word) if word == "use" => {
                at = (at..tokens.len()).find(|&end| is_punct(&tokens[end], ';')).unwrap_or(tokens.len());
                use_tree(&tokens[before + 1..at], &[], found);
            }
            TokenTree::Ident(word)
                if word == "extern" && tokens.get(at + 1).is_some_and(|t| t.to_string() == "crate") =>
            {
                found.extend(tokens.get(at + 2).map(|name| vec![name.to_string()]));
                at += 2;
            }
            TokenTree::Ident(word) => {
                let mut path = vec![word.to_string()];
                while let [colon, other, TokenTree::Ident(next), ..] = &tokens[at + 1..]
                    && is_punct(colon, ':')
                    && is_punct(other, ':')
                {
                    path.push(next.to_string());
                    at += 3;
                }
                // `a::<T>`, `a::{` and `a::*` are paths too.
                let goes_on = tokens.get(at + 1).is_some_and(|t| is_punct(t, ':'))
                    && tokens.get(at + 2).is_some_and(|t| is_punct(t, ':'));
                if path.len() > 1 || goes_on {
                    found.push(path);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn use_tree(tokens: &[TokenTree], prefix: &[String], found: &mut Vec<Vec<String>>) {
    for branch in tokens.split(|token| is_punct(token, ',')) {
        let mut path = prefix.to_vec();
        for token in branch {
            match token {
                TokenTree::Ident(word) if word == "as" => break,
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    use_tree(&group.stream().into_iter().collect::<Vec<_>>(), &path, found);
                }
                _ => {}
            }
        }
        if !path.is_empty() {
            found.push(path);
        }
    }
}

fn is_punct(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}

/// The crates in every table of dependencies, also those of a target, under their own names.
fn dependencies(table: &toml::Value) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in table.as_table().into_iter().flatten() {
        if ["dependencies", "dev-dependencies", "build-dependencies"].contains(&key.as_str()) {
            for (name, dependency) in value.as_table().into_iter().flatten() {
                names.push(dependency.get("package").and_then(|name| name.as_str()).unwrap_or(name).to_owned());
            }
        } else if key != "workspace" {
            names.extend(dependencies(value));
        }
    }
    names
}

/// Path from the workspace's root, and text, of every file with this ending.
fn files(ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, ending, found);
            } else if name.ends_with(ending) && path.is_file() {
                let relative = path.strip_prefix(workspace()).unwrap().to_str().unwrap().to_owned();
                found.push((relative, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(workspace(), ending, &mut found);
    found
}

#[test]
fn every_file_and_every_manifest_keeps_the_rules() {
    let (sources, manifests) = (files(".rs"), files("Cargo.toml"));
    assert!(sources.len() > 100 && manifests.len() == MAY_USE.len() + 1, "{} and {}", sources.len(), manifests.len());
    let mut found: Vec<String> = sources.iter().flat_map(|(path, text)| violations(path, text)).collect();
    found.extend(manifests.iter().flat_map(|(path, text)| manifest_violations(path, text)));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_rules_speak_of_places_and_steps_that_exist() {
    let sources = files(".rs");
    for (name, place) in
        ONLY_PLACES.iter().filter(|(name, _)| ["lapin", "redis", "xaes_256_gcm", "oauth2"].contains(name))
    {
        let used = |text: &str| {
            let mut uses = Vec::new();
            paths(text.parse().unwrap(), &mut uses);
            uses.iter().any(|path| path[0] == *name)
        };
        assert!(sources.iter().any(|(path, text)| is_in(path, place) && used(text)), "{place} does not use {name}");
    }
    let steps: BTreeSet<_> = sources
        .iter()
        .filter(|(path, text)| path.starts_with("workers/") && text.lines().any(is_impl_of_step))
        .filter_map(|(path, _)| path.trim_start_matches("workers/src/").split(['/', '.']).next())
        .collect();
    assert_eq!(steps, STEPS.iter().copied().collect(), "the files that implement `Step`");
    for place in RUNNER {
        assert!(sources.iter().any(|(path, _)| is_in(path, place)), "nothing is at {place}");
    }
}

fn is_impl_of_step(line: &str) -> bool {
    line.starts_with("impl") && line.contains(" Step for ")
}

#[test]
fn a_planted_use_is_found_in_every_way_it_can_be_written() {
    let elsewhere = "shared/src/tokens/access.rs";
    for planted in [
        "use lapin::Channel;",
        "use lapin;",
        "use lapin as rabbit;",
        "pub(crate) use ::lapin::{Channel, options::*};",
        "use {std::fs, lapin::types};",
        "extern crate lapin;",
        "fn f(channel: &lapin::Channel) {}",
        "fn f() -> Vec<::lapin::Channel> { vec![] }",
        "fn f() { let _ = lapin::options::BasicGetOptions::default(); }",
        "fn f() { println!(\"{:?}\", lapin::types::FieldTable::default()); }",
        "impl From<lapin::Error> for Mine {}",
        "mod inner { fn f() { g::<lapin::Channel>() } }",
    ] {
        let found = violations(elsewhere, planted);
        assert_eq!(found, [format!("{elsewhere}: uses lapin; only shared/src/broker may")], "{planted}");
    }
}

#[test]
fn what_only_looks_like_a_use_is_none() {
    for innocent in [
        "//! lapin::Channel is elsewhere.\n// use redis::Client;\n/* use lapin::Channel; */ fn f() {}",
        "const TARGET: &str = \"lapin::returned_messages\";",
        "use crate::dev::servers::{rabbitmq::RabbitMq, redis::Redis};",
        "fn f(redis: u8) -> u8 { redis }",
        "fn f() { self::redis::start(); }",
        "use lapinism::Channel; use redis_test::Mock;",
    ] {
        assert_eq!(violations("shared/src/tokens/access.rs", innocent), Vec::<String>::new(), "{innocent}");
    }
}

#[test]
fn each_crate_has_its_place_and_no_other() {
    let anywhere = "workers/src/publish.rs";
    for (name, place) in ONLY_PLACES {
        let planted = format!("use {}::X;", name.replace('*', "security_keyvault_secrets"));
        assert_eq!(violations(anywhere, &planted).len(), 1, "{planted}");
        for inside in [format!("{place}.rs"), format!("{place}/deep/inside.rs")] {
            assert_eq!(violations(&inside, &planted), Vec::<String>::new(), "{inside}: {planted}");
        }
        assert_eq!(violations(&format!("{place}_too.rs"), &planted).len(), 1, "a neighbour with a like name");
        let open = usize::from(!OPEN_TO_TESTS.contains(name));
        assert_eq!(violations("tests/scenarios/flows.rs", &planted).len(), open, "{planted}");
        assert_eq!(violations("tests/sandbox/src/main.rs", &planted).len(), 1, "{planted}");
    }
}

#[test]
fn our_crates_depend_one_way() {
    for (path, name) in [
        ("schemas/src/lib.rs", "sealpost_shared"),
        ("shared/src/lib.rs", "sealpost"),
        ("workers/src/main.rs", "sealpost_tests"),
        ("tests/sandbox/src/main.rs", "sealpost_schemas"),
        ("tests/sandbox/tests/practice/main.rs", "sealpost"),
    ] {
        assert_eq!(violations(path, &format!("use {name}::X;")).len(), 1, "{path} uses {name}");
        let manifest = format!("{}/Cargo.toml", &path[..path.find("/src").or(path.find("/tests/practice")).unwrap()]);
        let dependency = name.replace('_', "-");
        for planted in [
            format!("[dependencies]\n{dependency}.workspace = true\n"),
            format!("[dev-dependencies]\nother = {{ package = \"{dependency}\", version = \"1\" }}\n"),
            format!("[target.'cfg(unix)'.build-dependencies]\n{dependency} = \"1\"\n"),
        ] {
            assert_eq!(manifest_violations(&manifest, &planted).len(), 1, "{manifest}: {planted}");
        }
    }
    assert_eq!(violations("tests/src/rig.rs", "use sealpost::dev;"), Vec::<String>::new());
    let allowed = "[dependencies]\nlapin = \"1\"\nsealpost-schemas = \"1\"\nserde = \"1\"\n";
    assert_eq!(manifest_violations("shared/Cargo.toml", allowed), Vec::<String>::new());
    assert_eq!(manifest_violations("workers/Cargo.toml", allowed).len(), 1, "workers use no lapin");
    assert_eq!(manifest_violations("tests/Cargo.toml", allowed), Vec::<String>::new());
}

#[test]
fn the_runner_that_names_a_step_is_found() {
    for (path, planted) in [
        ("workers/src/runner.rs", "use crate::publish::Publish;"),
        ("workers/src/runner/job.rs", "use crate::{step::Step, rotate};"),
        ("workers/src/runner/job.rs", "fn f() { super::super::exchange::failed() }"),
        ("workers/src/step.rs", "impl FollowUps for crate::rotate::Shards {}"),
    ] {
        assert_eq!(violations(path, planted).len(), 1, "{planted}");
    }
    for innocent in ["fn f(b: Broker) { b.publish() }", "use crate::step::Step;", "use sealpost_schemas::PublishJob;"] {
        assert_eq!(violations("workers/src/runner/emit.rs", innocent), Vec::<String>::new(), "{innocent}");
    }
    assert_eq!(violations("workers/src/worker.rs", "use crate::publish::Publish;"), Vec::<String>::new());
}
