//! How a client proves itself: by secret, by a certificate's assertion, and as a workload.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use std::io::Write;
use std::process::{Command, Stdio};

use reqwest::Method;
use sealpost_tests::azure::VAULT_SCOPE;
use sealpost_tests::{Azure, machine::workspace, patience::limited, python::python_venv};
use serde_json::{Value, json};

use super::number;
use super::vendors::PYTHON;

async fn by(azure: &Azure, name: &str, value: &str) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", azure.places.client_id.as_str()),
        ("scope", VAULT_SCOPE),
        (name, value),
    ];
    if name == "client_assertion" {
        form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    }
    azure.token(&form).await
}

#[tokio::test]
async fn a_secret_is_compared_and_a_tenant_looked_for() {
    let azure = Azure::start().await;
    assert_eq!(by(&azure, "client_secret", &azure.places.client_secret).await.0, 200);
    let (status, refused) = by(&azure, "client_secret", "other").await;
    assert_eq!((status, number(&refused)), (401, ("invalid_client", 7_000_215)));
    assert_eq!(number(&by(&azure, "other", "x").await.1), ("invalid_client", 7_000_218));
    assert_eq!(azure.count(&azure.places.tenant, "client_credentials", &azure.places.client_id).await, 1);
}

#[tokio::test]
async fn a_workloads_token_is_exchanged_when_it_is_of_its_cluster_for_the_exchange_and_timely() {
    let azure = Azure::start().await;
    let token = azure.workload_token().await;
    assert_eq!(std::fs::read_to_string(&azure.places.federated_token_file).unwrap(), token);
    assert_eq!(by(&azure, "client_assertion", &token).await.0, 200);
    assert_eq!(by(&azure, "client_assertion", &token).await.0, 200, "it is no assertion of the client's own");
    for (changed, code) in [
        (json!({"iss": "https://elsewhere"}), 700_211),
        (json!({"aud": ["api://other"]}), 700_212),
        (json!({"sub": "system:serviceaccount:other:worker"}), 700_213),
        (json!({"exp": 1_700_000_000}), 700_024),
    ] {
        let token = azure.admin(Method::POST, "workload", changed).await;
        let (status, refused) = by(&azure, "client_assertion", token["token"].as_str().unwrap()).await;
        assert_eq!((status, number(&refused)), (401, ("invalid_client", code)));
    }
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode([0; 256]));
    assert_eq!(number(&by(&azure, "client_assertion", &forged).await.1), ("invalid_client", 50_013));
}

/// An assertion that another library signed.
async fn assertion(asked: Value) -> String {
    let sign = move || {
        let mut command = Command::new(python_venv(&PYTHON));
        command.arg("-B").arg(workspace().join("tests/peers/assertion.py"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
        let _limited = limited(&child);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    tokio::task::spawn_blocking(sign).await.unwrap()
}

#[tokio::test]
async fn an_assertion_of_the_clients_own_is_checked_in_every_way_and_good_once() {
    let azure = Azure::start().await;
    let (made, other) = (
        azure.admin(Method::POST, "certificates", json!({})).await,
        azure.admin(Method::POST, "certificates", json!({})).await,
    );
    let (client, at) = (&azure.places.client_id, 4_000_000_000_u64);
    let claims = |jti: &str| json!({"iss": client, "sub": client, "aud": azure.token_url(&azure.places.tenant), "exp": at, "jti": jti});
    let with = |jti: &str, name: &str, value: Value| {
        let mut claims = claims(jti);
        claims[name] = value;
        claims
    };
    let asked = |claims: Value| json!({"certificate": made["certificate"], "key": made["key"], "claims": claims});
    let good = assertion(asked(claims("1"))).await;
    let (status, answer) = by(&azure, "client_assertion", &good).await;
    assert_eq!(status, 200, "{answer}");
    let mut old = asked(claims("2"));
    (old["thumbprint"], old["alg"]) = ("x5t".into(), "PS256".into());
    assert_eq!(by(&azure, "client_assertion", &assertion(old).await).await.0, 200);

    let mut forged = asked(claims("3"));
    forged["key"] = other["key"].clone();
    let elsewhere = azure.token_url(&azure.places.tenants[1]);
    for (asked, code) in [
        (forged, 700_027),
        (asked(with("4", "aud", elsewhere.into())), 700_023),
        (asked(with("5", "sub", "another".into())), 700_021),
        (asked(with("6", "exp", 1_700_000_000.into())), 700_024),
        (asked(with("", "jti", "".into())), 50_027),
        (asked(claims("1")), 700_028),
    ] {
        let (status, refused) = by(&azure, "client_assertion", &assertion(asked).await).await;
        assert_eq!((status, number(&refused)), (401, ("invalid_client", code)), "{refused}");
    }
}
