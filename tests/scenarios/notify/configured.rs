//! What is wrong with gateway and texts is said before anything runs, with its place; and words of an operator's own are sent.

use sealpost_tests::command::run;
use sealpost_tests::pipeline::text_of;
use sealpost_tests::{Pipeline, Worker};
use serde_json::json;
use tokio::time::timeout;

use super::{SOON, job, notice, noticed, pipeline, texts};

/// Names the texts' file in the configuration.
fn with_texts(pipeline: &Pipeline, texts: &str) {
    pipeline.write("texts.toml", texts);
    let config = text_of(&pipeline.config());
    pipeline.write("sealpost.toml", &config.replace("[notify]\n", "[notify]\ntexts = 'texts.toml'\n"));
}

/// What a worker says in refusing to start, and `check` too.
async fn refused(pipeline: &Pipeline, told: &str) {
    let said = timeout(SOON, run(pipeline, &["work", "notify"])).await.unwrap_or_else(|_| panic!("it works: {told}"));
    assert!(!said.good && said.stderr.contains(told), "{}", said.stderr);
    let said = run(pipeline, &["check", "--json"]).await;
    let checks = said.json()["checks"].clone();
    let of = checks.as_array().unwrap().iter().filter(|check| check["what"] == "notices").collect::<Vec<_>>();
    assert!(of.len() == 1 && of[0]["mark"] == "wrong", "{}", said.stdout);
    assert!(of[0]["says"].as_str().unwrap().contains(told), "{}", of[0]["says"]);
}

#[tokio::test]
async fn a_gateway_or_a_text_that_cannot_work_is_refused_at_the_start_with_file_and_line() {
    let pipeline = pipeline("").await;
    let (good, config) = (text_of(&pipeline.rig.folder().join("gateways.toml")), text_of(&pipeline.config()));
    for (old, new, told) in [
        ("message_id", "message", "gateways.toml, line "),
        ("{text}", "{txt}", "gateways.toml, line "),
        ("'/id'", "'id'", "gateways.toml: gateway practice: message_id must be a JSON pointer"),
        ("[practice]", "[other]", "gateways.toml has no gateway \"practice\"; it has: other"),
    ] {
        assert!(good.contains(old));
        pipeline.write("gateways.toml", &good.replacen(old, new, 1));
        refused(&pipeline, told).await;
    }
    pipeline.write("gateways.toml", &good);
    for (texts, told) in [
        (
            "[fr]\npublished = 'ok'\nfailed = '{name}'\n",
            "texts.toml, line 3: failed: must be filled as it looks: {name}",
        ),
        (&format!("\n[en]\nunknown = '{}'\n", "x".repeat(111)), "texts.toml, line 3: unknown: must take at most 110"),
        ("[en]\nfailed = 'Упс'\n", "texts.toml, line 2: failed: must be of the alphabet of text messages"),
    ] {
        pipeline.write("sealpost.toml", &config);
        with_texts(&pipeline, texts);
        refused(&pipeline, told).await;
    }
    pipeline.write("sealpost.toml", &config.replace("[notify]\ngateway = 'practice'\n", ""));
    let said = timeout(SOON, run(&pipeline, &["work", "notify"])).await.expect("it works");
    assert!(!said.good && said.stderr.contains("has no [notify]"), "{}", said.stderr);
}

#[tokio::test]
async fn check_tells_gateway_and_languages_and_a_key_that_cannot_be_read() {
    let pipeline = pipeline("").await;
    let said = run(&pipeline, &["check"]).await;
    assert!(said.row(&["✓", "notices", "gateways.toml: practice, texts in en, fr"]).is_some(), "{}", said.stdout);
    std::fs::remove_file(pipeline.rig.folder().join("sms.key")).unwrap();
    let said = run(&pipeline, &["check"]).await;
    assert!(
        !said.good && said.row(&["✗", "secrets", "gateway practice: auth: cannot read"]).is_some(),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn an_operators_own_words_are_sent_and_what_he_does_not_say_is_built_in() {
    let pipeline = pipeline("").await;
    let own = "[fr]\npublished = 'C’est posté — reçu à l’hôtel {{{provider}}} [€] : {url}'\n\
               [de]\npublished = 'Größe: {provider}'\nfailed = 'Nein: {code}'\nunknown = '?'\nconflict = '!'\n\
               tokens_refreshed = 'Bitte online gehen.'\n";
    with_texts(&pipeline, own);
    let worker = pipeline.worker_with(&["notify"], &[]).await;
    let send = async |language: &str, outcome: &str| {
        let mut notice = notice(language, outcome);
        (notice["code"], notice["tokens_refreshed"]) = (json!("revoked"), json!(outcome == "failed"));
        pipeline.send("notice.v1", &notice).await;
    };
    for (number, (language, outcome, text)) in [
        ("fr", "published", "C'est posté - recu à l'hotel {practice} [€] :"),
        ("fr-BE", "unknown", "Publication sur practice non confirmée : vérifiez-la avant de la renvoyer."),
        ("de-AT", "published", "Größe: practice"),
        ("de", "failed", "Nein: revoked Bitte online gehen."),
        ("es", "failed", "Your post on practice was not published (revoked). Go online to get new tokens."),
    ]
    .iter()
    .enumerate()
    {
        send(language, outcome).await;
        assert_eq!(&texts(&pipeline, number + 1).await[number], text);
    }
    noticed(&worker, "sent", 5).await;
}

#[tokio::test]
async fn without_a_gateway_a_job_that_asks_for_a_text_is_refused_and_none_waits_for_ever() {
    let pipeline = Pipeline::start().await;
    let worker: Worker = pipeline.worker().await;
    let answer = pipeline.ask("publish-job.v1", &job("x", "fr")).await;
    assert_eq!(answer["failure"]["code"], "not-supported", "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("has no [notify]"), "{answer}");
    pipeline.dead_letter().await;
    worker.measured("sealpost_jobs_total", &["dead-lettered"], 1).await;
    assert_eq!(pipeline.rig.broker.depth("notices").await, 0);
}
