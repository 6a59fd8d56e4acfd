//! Synapse, a platform that others wrote, by its entry alone.

use sealpost_shared::ids;
use sealpost_tests::Pipeline;
use sealpost_tests::entries::entry;
use sealpost_tests::matrix_peer::MatrixPeer;
use serde_json::{Value, json};

fn import(user: &str, token: &Value) -> Value {
    json!({
        "id": ids::fresh(), "owner": {"tenant": "acme", "user": user}, "provider": "matrix",
        "grant": {"type": "refresh_token", "refresh_token": token},
    })
}

fn message(text: &str, to: &[&str]) -> Value {
    json!({
        "id": ids::fresh(), "owner": {"tenant": "acme", "user": "ada"}, "provider": "matrix",
        "content": {"type": "message", "text": text, "to": to},
    })
}

#[tokio::test]
async fn a_message_is_put_into_the_room_that_its_job_names_and_nowhere_else() {
    let (pipeline, matrix) = tokio::join!(Pipeline::start(), MatrixPeer::start("5m", &["ada"]));
    pipeline.write("providers.toml", &entry("matrix", matrix.issuer()));
    let _worker = pipeline.worker().await;
    let session = matrix.sign_in("ada").await;
    let token = session["access_token"].as_str().unwrap();
    let room = matrix.room(token).await;

    // the token call in JSON, the lifetime in milliseconds, and no word of a type or of scopes
    let answer = pipeline.ask("exchange-request.v1", &import("ada", &session["refresh_token"])).await;
    assert_eq!((&answer["outcome"], answer["expires_at"].is_string()), (&json!("stored"), true), "{answer}");

    let text = "a \"quoted\" {key} & über\n\u{1f980}";
    let job = message(text, &[&room]);
    let answer = pipeline.ask("publish-job.v1", &job).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert!(answer["remote"]["id"].as_str().unwrap().starts_with('$'), "{answer}");
    assert_eq!(pipeline.ask("publish-job.v1", &job).await, answer);
    assert_eq!(matrix.texts(&room, token).await, [text]);

    for (to, code) in [
        (vec!["!nobodys-room"], "provider-rejected"),
        (vec![room.as_str(), room.as_str()], "malformed-message"),
        (vec!["../admin"], "malformed-message"),
        (vec![], "malformed-message"),
    ] {
        let answer = pipeline.ask("publish-job.v1", &message("astray", &to)).await;
        assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&json!("failed"), &json!(code)), "{answer}");
        if code == "provider-rejected" {
            assert_eq!(answer["failure"]["provider_error"]["error"], "M_FORBIDDEN", "{answer}");
        }
    }
    assert_eq!(matrix.texts(&room, token).await, [text]);

    let answer = pipeline.ask("exchange-request.v1", &import("eve", &json!("syr_nobodys"))).await;
    assert_eq!(answer["failure"]["code"], "invalid-grant", "{answer}");
}
