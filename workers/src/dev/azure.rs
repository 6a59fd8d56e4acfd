//! The practice vault and the practice tenant of `dev --azure`: a child process, where it is, and its back door.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Client;
use sealpost_schemas::{Name, Owner};
use sealpost_shared::http;
use serde::Deserialize;
use serde_json::{Value, json};

use super::child::Guarded;
use super::play::REPLY_WITHIN;

/// The vault, which the practice servers have under any name.
const VAULT: &str = "sealpost";

/// What it is asked for keys by.
const READS: [&str; 2] = ["get-latest", "get-version"];

/// The running practice servers.
pub(super) struct PracticeAzure {
    pub(super) process: Guarded,
    places: Places,
    http: Client,
}

/// What `places.json` says of them: practice secrets, made for being told.
#[derive(Deserialize)]
struct Places {
    vault_port: u16,
    authority: String,
    tenant: String,
    admin: String,
    ca: PathBuf,
    client_id: String,
    client_secret: String,
}

/// A user of the practice tenant who is signed in at a front end.
pub(super) struct SignedIn {
    /// Her access token for Sealpost.
    pub(super) token: String,
    /// Whom it is of.
    pub(super) owner: Owner,
}

impl PracticeAzure {
    /// What starts them, with their data in a folder.
    pub(super) fn command(program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("--azure").arg(folder);
        command
    }

    /// Those that run as this process, and are ready.
    ///
    /// # Errors
    /// In words, if they do not say where they are.
    pub(super) fn of(process: Guarded, folder: &Path) -> Result<Self, String> {
        let file = folder.join("places.json");
        let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = std::fs::read(&file).map_err(|error| problem(&error))?;
        let places = serde_json::from_slice(&text).map_err(|error| problem(&error))?;
        let http = http::client(REPLY_WITHIN).map_err(|error| format!("cannot make an HTTP client: {error}"))?;
        Ok(Self { process, places, http })
    }

    /// The vault's address.
    pub(super) fn vault(&self) -> String {
        format!("https://{VAULT}.vault.azure.net:{}", self.places.vault_port)
    }

    /// Our secret, for the vault and for the tenant.
    pub(super) fn client_secret(&self) -> &str {
        &self.places.client_secret
    }

    /// `[keys]` and `[http]` of the configuration.
    pub(super) fn section(&self) -> String {
        self.filled(include_str!("stack/azure.toml"))
    }

    /// The catalogue's entry `entra`.
    pub(super) fn entry(&self) -> String {
        self.filled(include_str!("stack/entra.toml"))
    }

    fn filled(&self, text: &str) -> String {
        let Places { authority, tenant, ca, client_id, .. } = &self.places;
        let (vault, ca) = (self.vault(), ca.display().to_string());
        let words =
            [("VAULT", &vault), ("AUTHORITY", authority), ("TENANT", tenant), ("CLIENT", client_id), ("CA", &ca)];
        words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("<{word}>"), value))
    }

    /// Signs a user of the practice tenant in, as a front end does that has users of its own.
    ///
    /// # Errors
    /// In words, if that did not work.
    pub(super) async fn sign_in(&self, user: &str) -> Result<SignedIn, String> {
        let problem = |why: &dyn std::fmt::Display| format!("signing {user} in at the practice tenant: {why}");
        let asked = self.http.post(format!("{}/tokens", self.places.admin)).json(&json!({"user": user}));
        let answer = asked.send().await.and_then(reqwest::Response::error_for_status).map_err(|e| problem(&e))?;
        let answer: Value = answer.json().await.map_err(|e| problem(&e))?;
        let token = answer["access_token"].as_str().unwrap_or_default().to_owned();
        let claims = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Value = claims.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let name = |claim: &str| claims[claim].as_str().and_then(Name::new).ok_or_else(|| problem(&"no token came"));
        Ok(SignedIn { owner: Owner { tenant: name("tid")?, user: name("oid")? }, token })
    }

    /// How often the vault was asked for keys.
    ///
    /// # Errors
    /// In words, if the practice servers do not answer.
    pub(super) async fn vault_calls(&self) -> Result<u64, String> {
        let counts = self.counts().await?;
        let of_keys = |line: &&Value| line["at"] == VAULT && READS.iter().any(|read| line["operation"] == *read);
        Ok(sum(counts.iter().filter(of_keys)))
    }

    /// How many messages were written to the practice tenant's chats.
    ///
    /// # Errors
    /// In words, if the practice servers do not answer.
    pub(super) async fn messages(&self) -> Result<u64, String> {
        let written = |line: &&Value| line["operation"] == "message" && line["status"] == 201;
        Ok(sum(self.counts().await?.iter().filter(written)))
    }

    async fn counts(&self) -> Result<Vec<Value>, String> {
        let problem = |error: reqwest::Error| format!("asking the practice vault what it counted: {error}");
        let answer = self.http.get(format!("{}/counts", self.places.admin)).send().await.map_err(problem)?;
        let mut counts: Value = answer.json().await.map_err(problem)?;
        Ok(counts["counts"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }
}

fn sum<'a>(lines: impl Iterator<Item = &'a Value>) -> u64 {
    lines.filter_map(|line| line["n"].as_u64()).sum()
}
