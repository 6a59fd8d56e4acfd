//! The vendor's Rust SDK against the practice vault and tenant: the arguments are places.json, the vault's name and the
//! credential. Every step is asserted; the exit status is the answer.
//!
//! It uses nothing of ours, so that it cannot share our mistakes. Challenge verification stays on. The only differences from a client
//! of the real service are the trusted CA, where the vault's name leads, and the authority host.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a step that fails ends it, and it tells how far it is")]

use std::{
    env,
    error::Error as _,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use azure_core::{
    Error,
    cloud::CustomConfiguration,
    credentials::{Secret, TokenCredential},
    error::{ErrorKind, ErrorResponse},
    http::{ClientOptions, StatusCode, Transport},
};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use azure_security_keyvault_secrets::{ResourceExt, SecretClient, SecretClientOptions, models};
use futures_util::TryStreamExt;
use reqwest::{Certificate, Client, redirect::Policy};
use serde_json::Value;

const SECRET: &str = "dek";

#[tokio::main]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [file, vault, credential] = args.as_slice() else { panic!("places.json, a vault and a credential") };
    let places = serde_json::from_slice(&fs::read(file).expect("places.json")).expect("JSON");
    if credential == "refused" {
        return wrong_secret(&places, vault).await;
    }
    let client = client(&places, vault, credential, text(&places, "client_secret"));
    steps(&client).await;
    println!("recovered");
    // the caller has throttled two requests by the time that it writes a line
    io::stdin().read_line(&mut String::new()).expect("a line");
    assert_eq!(get(&client, None).await.expect("after two 429").value.as_deref(), Some("c"));
    println!("done");
}

async fn steps(client: &SecretClient) {
    let mut made = Vec::new();
    for value in ["a", "b", "c"] {
        made.push(version(&set(client, value).await.expect("set")));
    }
    let latest = get(client, None).await.expect("the latest");
    assert_eq!((latest.value.as_deref(), version(&latest)), (Some("c"), made[2].clone()));
    assert!(!format!("{latest:?}").contains("\"c\""), "it shows no value");
    assert_eq!(get(client, Some(&made[0])).await.expect("the first").value.as_deref(), Some("a"));

    let options = models::SecretClientListSecretPropertiesVersionsOptions { maxresults: Some(1), ..Default::default() };
    let all = client.list_secret_properties_versions(SECRET, Some(options)).expect("a list");
    let found: Vec<models::SecretProperties> = all.try_collect().await.expect("all pages");
    let mut listed: Vec<_> = found.iter().map(version).collect();
    listed.sort();
    let mut sorted = made.clone();
    sorted.sort();
    assert_eq!(listed, sorted);

    let parameters = models::UpdateSecretPropertiesParameters {
        secret_attributes: Some(models::SecretAttributes { enabled: Some(false), ..Default::default() }),
        ..Default::default()
    };
    let options = models::SecretClientUpdateSecretPropertiesOptions {
        secret_version: Some(made[0].clone()),
        ..Default::default()
    };
    let content = parameters.try_into().expect("JSON");
    client.update_secret_properties(SECRET, content, Some(options)).await.expect("disabled");
    refused(get(client, Some(&made[0])).await, StatusCode::Forbidden, "Forbidden", Some("SecretDisabled"));
    refused(get(client, Some(&"0".repeat(32))).await, StatusCode::NotFound, "SecretNotFound", None);

    client.delete_secret(SECRET, None).await.expect("deleted");
    refused(get(client, None).await, StatusCode::NotFound, "SecretNotFound", None);
    let inner = Some("ObjectIsDeletedButRecoverable");
    refused(set(client, "d").await, StatusCode::Conflict, "Conflict", inner);
    client.recover_deleted_secret(SECRET, None).await.expect("recovered");
}

/// Entra's cause is not in what the error says, but in what it comes from.
async fn wrong_secret(places: &Value, vault: &str) {
    let error = get(&client(places, vault, "secret", "wrong"), None).await.expect_err("a wrong secret");
    assert!(matches!(error.kind(), ErrorKind::Credential), "{error:?}");
    assert!(!error.to_string().contains("AADSTS"), "{error}");
    let causes: Vec<_> = std::iter::successors(error.source(), |&cause| cause.source()).collect();
    assert!(causes.iter().any(|cause| cause.to_string().contains("AADSTS7000215")), "{causes:?}");
}

fn client(places: &Value, vault: &str, credential: &str, secret: &str) -> SecretClient {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = text(places, "authority").into();
    let host = format!("{vault}.vault.azure.net");
    let options = ClientOptions {
        transport: Some(Transport::new(Arc::new(http(places, &host)))),
        cloud: Some(Arc::new(cloud.into())),
        ..Default::default()
    };
    let proof = proof(places, credential, secret, options.clone());
    let options = SecretClientOptions { client_options: options, ..Default::default() };
    let endpoint = format!("https://{host}:{}", places["vault_port"]);
    SecretClient::new(&endpoint, proof, Some(options)).expect("a client")
}

#[expect(clippy::disallowed_methods, reason = "a client of its own, which must not share mistakes with ours")]
fn http(places: &Value, host: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca = fs::read(text(places, "ca")).expect("the CA's certificate");
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(Duration::from_mins(1))
        .tls_certs_only(Certificate::from_pem_bundle(&ca).expect("certificates"))
        .resolve(host, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .build()
        .expect("an HTTP client")
}

fn proof(places: &Value, credential: &str, secret: &str, client_options: ClientOptions) -> Arc<dyn TokenCredential> {
    let (tenant, client_id) = (text(places, "tenant"), text(places, "client_id"));
    match credential {
        "secret" => {
            let options = ClientSecretCredentialOptions { client_options };
            let secret = Secret::new(secret.to_owned());
            ClientSecretCredential::new(tenant, client_id.into(), secret, Some(options)).expect("by secret")
        }
        // its endpoint is told by IDENTITY_ENDPOINT and IDENTITY_HEADER alone
        "identity" => {
            let options = ManagedIdentityCredentialOptions { client_options, ..Default::default() };
            ManagedIdentityCredential::new(Some(options)).expect("by managed identity")
        }
        "workload" => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
            credential_options: ClientAssertionCredentialOptions { client_options },
            client_id: Some(client_id.into()),
            tenant_id: Some(tenant.into()),
            token_file_path: Some(text(places, "federated_token_file").into()),
        }))
        .expect("by workload identity"),
        other => panic!("no credential is called {other}"),
    }
}

async fn get(client: &SecretClient, version: Option<&String>) -> Result<models::Secret, Error> {
    let options = models::SecretClientGetSecretOptions { secret_version: version.cloned(), ..Default::default() };
    client.get_secret(SECRET, Some(options)).await?.into_model()
}

async fn set(client: &SecretClient, value: &str) -> Result<models::Secret, Error> {
    let parameters = models::SetSecretParameters { value: Some(value.into()), ..Default::default() };
    client.set_secret(SECRET, parameters.try_into()?, None).await?.into_model()
}

/// The concrete version that the id names.
fn version(of: &impl ResourceExt) -> String {
    of.resource_id().expect("an id").version.expect("a version in it")
}

fn refused<T>(result: Result<T, Error>, status: StatusCode, code: &str, inner: Option<&str>) {
    let error = result.err().unwrap_or_else(|| panic!("not refused with {status} {code}"));
    assert_eq!(error.http_status(), Some(status), "{error:?}");
    let detail = ErrorResponse::try_from(error).expect("a body").error.expect("an error in it");
    assert_eq!(detail.code.as_deref(), Some(code));
    if inner.is_some() {
        assert_eq!(detail.inner_error.and_then(|inner| inner.code).as_deref(), inner);
    }
}

fn text<'a>(places: &'a Value, name: &str) -> &'a str {
    places[name].as_str().unwrap_or_else(|| panic!("no {name} in places.json"))
}
