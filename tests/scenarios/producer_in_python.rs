//! The contract in the hands of a program in another language: the example producer in Python, as a user calls it.

use std::io::Write;
use std::process::{Command, Stdio};

use lapin::types::{AMQPValue, FieldTable};
use sealpost_tests::pipeline::REDIRECT;
use sealpost_tests::{Pipeline, Rig, Setup, command::run, machine::workspace, patience::limited, python::python_venv};
use serde_json::{Value, json};

const ID: &str = "0199ab3c-7d00-7000-8000-000000000001";
const ADA: &[&str] = &["--provider", "practice", "--tenant", "acme", "--user", "ada"];

/// What the producer did.
struct Ran {
    status: i32,
    said: String,
    complained: String,
}

impl Ran {
    fn reply(&self) -> Value {
        serde_json::from_str(&self.said).unwrap_or_else(|error| panic!("{error}: {}{}", self.said, self.complained))
    }
}

async fn producer(amqp_url: &str, args: &[&[&str]], env: &[(&str, &str)], input: &str) -> Ran {
    let owned = |text: &str| text.to_owned();
    let args: Vec<_> = args.concat().into_iter().map(owned).collect();
    let env: Vec<_> = env.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    let (amqp_url, input) = (owned(amqp_url), owned(input));
    let run = move || {
        let mut command =
            Command::new(python_venv(&["pika==1.4.4", "msgpack==1.2.4", "pyhpke==0.6.5", "rfc8785==0.1.4"]));
        command.arg("-B").arg(workspace().join("examples/producer.py")).args(args);
        command.env("SEALPOST_AMQP_URL", amqp_url).envs(env);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may end without reading it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let _limited = limited(&child);
        let output = child.wait_with_output().unwrap();
        let [said, complained] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Ran { status: output.status.code().unwrap(), said, complained }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A file with the key that the producer seals to, as `sealpost keys jwks` prints it.
async fn jwks(pipeline: &Pipeline) -> String {
    let said = run(pipeline, &["keys", "jwks"]).await;
    assert!(said.good, "{}", said.stderr);
    pipeline.write("jwks.json", &said.stdout);
    pipeline.rig.folder().join("jwks.json").display().to_string()
}

/// The request's body, read as its content type says, and the properties in the order of the contract.
async fn waiting(rig: &Rig, queue: &str) -> (Value, [Option<String>; 4]) {
    let message = rig.broker.take(queue).await.unwrap_or_else(|| panic!("nothing waits in {queue}"));
    let properties = &message.properties;
    assert_eq!(*properties.delivery_mode(), Some(2), "it survives a restart of the broker");
    let texts = [properties.kind(), properties.content_type(), properties.message_id(), properties.correlation_id()];
    let texts = texts.map(|text| text.as_ref().map(ToString::to_string));
    let body = match texts[1].as_deref() {
        Some("application/msgpack") => rmp_serde::from_slice(&message.body).unwrap(),
        _ => message.json(),
    };
    (body, texts)
}

fn assert_fits_its_schema(type_name: &str, body: &Value) {
    let file = workspace().join(format!("schemas/{type_name}.schema.json"));
    let schema = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let problems: Vec<_> = validator.iter_errors(body).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?} in {body}");
}

#[tokio::test]
async fn a_consent_becomes_a_connection_and_then_posts_in_json_and_in_messagepack() {
    // nothing but sealed secrets will do
    let pipeline = Pipeline::start_with(Setup { require_sealed: true, ..Setup::default() }).await;
    let worker = pipeline.worker().await;
    pipeline.write("jwks.json", &worker.page("/jwks").await.1);
    let jwks = pipeline.rig.folder().join("jwks.json").display().to_string();
    let (url, authorize) = (pipeline.rig.amqp_url(), format!("{}/authorize", pipeline.sandbox.issuer()));

    let client =
        ["--client-id", "sealpost", "--redirect-uri", REDIRECT, "--scope", "profile", "--scope", "posts.write"];
    let shown = producer(url, &[&["consent", "--authorize-url", &authorize], &client], &[], "").await.reply();
    let page = url::Url::parse(shown["open"].as_str().unwrap()).unwrap();
    let asked = |name: &str| page.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!(
        (asked("scope").as_str(), asked("state").as_str()),
        ("profile posts.write", shown["state"].as_str().unwrap())
    );
    let code = pipeline.sandbox.mint_code("ada", REDIRECT, Some(&asked("code_challenge"))).await;

    let verifier = shown["code_verifier"].as_str().unwrap();
    let secrets = [("SEALPOST_CODE", code.as_str()), ("SEALPOST_VERIFIER", verifier), ("SEALPOST_JWKS", &jwks)];
    let exchange = producer(url, &[&["exchange", "--redirect-uri", REDIRECT], ADA], &secrets, "").await;
    assert_eq!((exchange.status, exchange.complained.as_str()), (0, ""));
    assert_eq!(exchange.reply()["outcome"], "stored");

    for (text, how) in [("Hello", &[][..]), ("Grüße 👋", &["--msgpack"])] {
        let published = producer(url, &[&["publish", "--text", text], ADA, how], &[], "").await;
        assert_eq!((published.status, published.complained.as_str()), (0, ""));
        let reply = published.reply();
        let posts = pipeline.sandbox.posts().await;
        let post = posts.iter().find(|post| post["text"] == text).unwrap_or_else(|| panic!("no {text} in {posts:?}"));
        assert_eq!((&reply["outcome"], &reply["remote"]["id"]), (&"published".into(), &post["id"]));
    }
}

#[tokio::test]
async fn a_failure_is_told_in_words_and_by_the_exit_status_and_without_the_secret() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let url = pipeline.rig.amqp_url();

    for how in [&[][..], &["--msgpack"]] {
        let published = producer(url, &[&["publish", "--text", "Hello"], ADA, how], &[], "").await;
        assert_eq!((published.status, &published.reply()["failure"]["code"]), (1, &"no-connection".into()));
        assert!(published.complained.starts_with("producer.py: failed (no-connection): "), "{}", published.complained);
    }
    // Secrets on standard input, a line each.
    let input = "a-stolen-code\na-verifier-of-at-least-43-characters-0123456789\n";
    let jwks = jwks(&pipeline).await;
    let env = [("SEALPOST_JWKS", jwks.as_str())];
    let exchange = producer(url, &[&["exchange", "--redirect-uri", REDIRECT], ADA], &env, input).await;
    assert_eq!((exchange.status, &exchange.reply()["failure"]["code"]), (1, &"invalid-grant".into()));
    assert!(exchange.complained.starts_with("producer.py: failed (invalid-grant): "), "{}", exchange.complained);
    assert!(!(exchange.said + exchange.complained.as_str()).contains("a-stolen-code"));
    for no_key in ["no-such-file", "http://127.0.0.1:1/jwks"] {
        let exchange = [&["exchange", "--redirect-uri", REDIRECT], ADA];
        let exchange = producer(url, &exchange, &[("SEALPOST_JWKS", no_key)], input).await;
        assert!(exchange.status == 1 && exchange.complained.contains(no_key), "{}", exchange.complained);
    }
}

#[tokio::test]
async fn a_second_try_with_the_same_id_is_the_same_request() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let consent = pipeline.consent("ada").await;
    let secrets = [("SEALPOST_CODE", consent.code.as_str()), ("SEALPOST_VERIFIER", consent.verifier.as_str())];
    let jwks = jwks(&pipeline).await;
    let secrets = [secrets[0], secrets[1], ("SEALPOST_JWKS", &jwks)];
    let args = [&["exchange", "--redirect-uri", REDIRECT, "--id", ID], ADA];
    let first = producer(pipeline.rig.amqp_url(), &args, &secrets, "").await;
    let second = producer(pipeline.rig.amqp_url(), &args, &secrets, "").await;
    assert_eq!((first.status, first.reply()), (0, second.reply()));
    assert_eq!(first.reply()["request"], ID);
    assert_eq!(pipeline.sandbox.stats().await["token"]["authorization_code"]["ok"], 1);
}

#[tokio::test]
async fn its_messages_have_the_properties_and_the_body_of_the_contract() {
    let rig = Rig::start().await;
    for queue in ["publish-jobs", "exchange-requests"] {
        rig.broker.declare(queue, FieldTable::default()).await;
    }
    let key = json!({"kty": "OKP", "crv": "X25519", "kid": "k1", "x": "595P1NLCM7Bn1Sg6k7mpldvbGI5gBZHMtBzdLI_oBl0"});
    let jwks = rig.folder().join("jwks.json");
    std::fs::write(&jwks, json!({"keys": [key]}).to_string()).unwrap();
    let jwks = jwks.display().to_string();
    let secrets = [("SEALPOST_CODE", "the-code"), ("SEALPOST_VERIFIER", "the-verifier"), ("SEALPOST_JWKS", &jwks)];
    for (how, content_type) in [(&[][..], "application/json"), (&["--msgpack"], "application/msgpack")] {
        for (command, queue, type_name) in [
            (&["publish", "--text", "Hello"], "publish-jobs", "publish-job.v1"),
            (&["exchange", "--redirect-uri", REDIRECT], "exchange-requests", "exchange-request.v1"),
        ] {
            // Nobody is there to answer.
            let args = [&["--timeout", "0.1"], &command[..], ADA, &["--id", ID], how];
            let ran = producer(rig.amqp_url(), &args, &secrets, "").await;
            assert_eq!((ran.status, ran.said.as_str()), (4, ""), "{}", ran.complained);
            assert!(ran.complained.contains("no reply") && ran.complained.contains(ID), "{}", ran.complained);

            let (body, properties) = waiting(&rig, queue).await;
            assert_eq!(properties, [type_name, content_type, ID, ID].map(|text| Some(text.to_owned())));
            assert_eq!(body["id"], ID);
            assert!(!body.to_string().contains("the-"), "nothing is plain in it: {body}");
            assert_fits_its_schema(type_name, &body);
        }
    }
}

#[tokio::test]
async fn a_request_that_the_broker_does_not_take_is_not_called_sent() {
    let rig = Rig::start().await;
    let args = [&["publish", "--text", "Hello"], ADA];
    let ran = producer(rig.amqp_url(), &args, &[], "").await;
    assert_eq!(ran.status, 4);
    assert!(ran.complained.contains("there is no queue publish-jobs; start a worker"), "{}", ran.complained);

    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(0));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    rig.broker.declare("publish-jobs", full).await;
    let ran = producer(rig.amqp_url(), &args, &[], "").await;
    assert_eq!(ran.status, 4);
    assert!(ran.complained.contains("queue publish-jobs is full"), "{}", ran.complained);

    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [
        format!("amqp://ada:hunter2@127.0.0.1:{port}/%2f"),
        "amqp://ada:hunter2@no-host.invalid/".into(),
        "amqp://ada:hunter2@here:there/".into(),
    ] {
        let ran = producer(&url, &args, &[], "").await;
        assert_eq!(ran.status, 4, "{}", ran.complained);
        assert!(!ran.complained.contains("hunter2") && !ran.complained.contains("Traceback"), "{}", ran.complained);
    }
}
