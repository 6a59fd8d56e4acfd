//! The practice vault and tenant as a child process, and their admin API; see the sandbox's `azure`. Or a real vault and tenant
//! that environment variables name (`azure/real.rs`), for what needs no admin API.

mod real;

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use reqwest::{
    Certificate, Client, Method, RequestBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
};
use serde::Deserialize;
use serde_json::{Value, json};

use self::real::Real;
use crate::{
    http,
    machine::{binaries, folder, remove_folder},
    patience::{end, limited},
};

/// What a vault's tokens are for.
pub const VAULT_SCOPE: &str = "https://vault.azure.net/.default";

/// Running practice servers of the test's own. Dropping them ends them.
#[derive(Debug)]
pub struct Azure {
    /// Where everything is.
    pub places: Places,
    /// The folder with `places.json`, `ca.pem` and the workload's token.
    pub folder: PathBuf,
    http: Client,
    child: Option<Child>,
    real: Option<Real>,
}

/// `places.json`, as the sandbox writes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[expect(missing_docs, reason = "the sandbox's `azure/places.rs` documents them")]
pub struct Places {
    pub vault_port: u16,
    pub authority: String,
    pub tenant: String,
    pub tenants: Vec<String>,
    pub identity_endpoint: String,
    pub identity_header: String,
    pub identity_client_id: String,
    pub admin: String,
    pub ca: PathBuf,
    pub client_id: String,
    pub client_secret: String,
    pub federated_token_file: PathBuf,
    pub reader_id: String,
    pub reader_secret: String,
}

/// Every name is this machine's.
#[derive(Debug)]
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let here: Addrs = Box::new([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))].into_iter());
        Box::pin(std::future::ready(Ok(here)))
    }
}

impl Azure {
    /// Starts them on free ports.
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(spawn).await.expect("practice servers")
    }

    /// The vault and tenant that environment variables name; without them, practice servers.
    pub async fn anywhere() -> Self {
        match real::named_by_environment() {
            Some(real) => real,
            None => Self::start().await,
        }
    }

    /// Whether environment variables name a real vault.
    #[must_use]
    pub fn is_real_named() -> bool {
        real::is_named()
    }

    /// What a secret of a test is called: in a real vault no other test and nobody else calls one so.
    #[must_use]
    pub fn named(&self, name: &str) -> String {
        self.real.as_ref().map_or_else(|| name.into(), |real| real.named(name))
    }

    /// What leads to the vault and its tenant, as lines of `[keys.azure]`.
    #[must_use]
    pub fn ways(&self) -> String {
        let practice = || {
            let (ca, authority) = (self.ca().display(), &self.places.authority);
            format!("ca_file = '{ca}'\nconnect_to = '127.0.0.1'\nauthority_host = '{authority}'\n")
        };
        self.real.as_ref().map_or_else(practice, Real::ways)
    }

    /// Where the vault of this name is, for a client that takes every name for 127.0.0.1. There is one real vault only.
    #[must_use]
    pub fn vault_url(&self, name: &str) -> String {
        if let Some(real) = &self.real {
            return real.vault.clone();
        }
        format!("https://{name}.vault.azure.net:{}", self.places.vault_port)
    }

    /// The CA's certificate.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.places.ca
    }

    /// The token endpoint of a tenant, or of `common`.
    #[must_use]
    pub fn token_url(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.places.authority)
    }

    /// A request of a client that trusts the CA and follows no redirect.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// A new version of a secret, by the back door; answers its id. In a real vault by its front door, as every client does.
    pub async fn new_version(&self, vault: &str, name: &str, value: &str) -> String {
        if let Some(real) = &self.real {
            return real.set(self, name, value).await;
        }
        let made = self.admin(Method::POST, "secrets", json!({"vault": vault, "name": name, "value": value})).await;
        made["version"].as_str().expect("a version").into()
    }

    /// Gives a principal (object id or client id) a role on a vault, instead of the one that it has there.
    pub async fn role(&self, vault: &str, principal: &str, role: &str) {
        self.admin(Method::POST, "roles", json!({"vault": vault, "principal": principal, "role": role})).await;
    }

    /// Switches a fault on, like `{"at": "vault", "kind": "status", "status": 503, "always": true}`; see the sandbox's
    /// `azure/faults.rs`.
    pub async fn fault(&self, fault: Value) {
        self.admin(Method::POST, "faults", fault).await;
    }

    /// Takes every fault back.
    pub async fn well_again(&self) {
        self.admin(Method::DELETE, "faults", Value::Null).await;
    }

    /// How many requests faults have spoilt.
    pub async fn faults_fired(&self) -> u64 {
        self.admin(Method::GET, "faults", Value::Null).await["fired"].as_u64().expect("a number")
    }

    /// How often this was asked and answered with 200: of a vault (`operation` as in its counts, `of` a secret) or of a
    /// tenant (`operation` a grant, `of` a client). An empty `of` counts them all.
    pub async fn count(&self, at: &str, operation: &str, of: &str) -> u64 {
        let counts = self.admin(Method::GET, "counts", Value::Null).await;
        let meant = |line: &&Value| {
            line["at"] == at
                && line["operation"] == operation
                && line["status"] == 200
                && (of.is_empty() || line["of"] == of)
        };
        counts["counts"].as_array().expect("a list").iter().filter(meant).filter_map(|line| line["n"].as_u64()).sum()
    }

    /// How often this was asked of a tenant, however it was answered.
    pub async fn asked(&self, at: &str, operation: &str) -> u64 {
        let counts = self.admin(Method::GET, "counts", Value::Null).await;
        let meant = |line: &&Value| line["at"] == at && line["operation"] == operation;
        counts["counts"].as_array().expect("a list").iter().filter(meant).filter_map(|line| line["n"].as_u64()).sum()
    }

    /// What the tenant refuses every token call for this user of the home tenant with; null takes it back. Answers the user's
    /// object id.
    pub async fn refuse(&self, user: &str, how: Value) -> String {
        let told = self.admin(Method::POST, "users", json!({"user": user, "refuse": how})).await;
        told["oid"].as_str().expect("an object id").into()
    }

    /// Writes a new token of the workload into its file, and answers it.
    pub async fn workload_token(&self) -> String {
        let token = self.admin(Method::POST, "workload", json!({})).await;
        token["token"].as_str().expect("a token").into()
    }

    /// The access token for Sealpost that a front end of the user's would bring, with these claims changed.
    pub async fn user_token(&self, user: &str, claims: Value) -> String {
        let token = self.admin(Method::POST, "tokens", json!({"user": user, "claims": claims})).await;
        token["access_token"].as_str().expect("a token").into()
    }

    /// A token for the vaults by a client secret.
    pub async fn vault_token(&self, client_id: &str, secret: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret),
            ("scope", VAULT_SCOPE),
        ];
        let (status, answer) = self.token(&form).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().expect("a token").into()
    }

    /// A call of the home tenant's token endpoint: status and body.
    pub async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.request(Method::POST, &self.token_url(&self.places.tenant)).form(form);
        answered(request).await
    }

    /// A call of the admin API; panics when it is refused.
    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = self.request(method.clone(), &format!("{}/{path}", self.places.admin));
        if !body.is_null() {
            request = request.json(&body);
        }
        let (status, answer) = answered(request).await;
        assert!((200..300).contains(&status), "{method} /{path}: {status} {answer}");
        answer
    }
}

/// Status and body of an answer; a body that is no JSON is null.
pub async fn answered(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer of the practice servers");
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.expect("a whole answer")).unwrap_or_default())
}

/// Blocks until they say that they are ready. They end with this process, as their stdin does.
fn spawn() -> Azure {
    let folder = folder("azure");
    let mut command = Command::new(&binaries().sandbox);
    command.arg("--azure").arg(&folder).arg("--until-stdin-closes").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the sandbox starts");
    let (mut line, _limited) = (String::new(), limited(&child));
    BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line of the sandbox");
    let places: Places =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("the sandbox said {line:?}: {error}"));
    let pem = std::fs::read(&places.ca).expect("the CA's certificate");
    let http = http::under(&Certificate::from_pem(&pem).expect("a certificate"), Arc::new(Loopback));
    Azure { places, folder, http, child: Some(child), real: None }
}

impl Drop for Azure {
    fn drop(&mut self) {
        if let Some(real) = &self.real {
            real.clear(&self.places);
        }
        if let Some(child) = &mut self.child {
            end(child);
        }
        remove_folder(&self.folder);
    }
}
