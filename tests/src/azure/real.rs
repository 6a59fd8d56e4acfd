//! A real vault and tenant, by environment variables; see `docs/azure.md`. Every secret of a test gets a name with a random
//! beginning, and is deleted when the test ends, however it does.

use std::{
    collections::BTreeSet,
    env::var,
    io::Write,
    net::IpAddr,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use reqwest::{Certificate, Client, Method};
use sealpost_shared::ids;
use serde_json::{Value, json};

use super::{Azure, Places, VAULT_SCOPE, answered};
use crate::{http, machine::folder};

/// What the requests of the vendor's client name.
const API: &str = "api-version=2025-07-01";

#[derive(Debug)]
pub(super) struct Real {
    /// `https://NAME.vault.azure.net`.
    pub(super) vault: String,
    /// Another authority than the public cloud's.
    authority: Option<String>,
    ca: Option<PathBuf>,
    connect_to: Option<IpAddr>,
    beginning: String,
    made: Mutex<BTreeSet<String>>,
}

/// Whether the variables name one.
pub(super) fn is_named() -> bool {
    var("SEALPOST_AZURE_VAULT").is_ok()
}

/// The vault that the variables name; `None`: none.
pub(super) fn named_by_environment() -> Option<Azure> {
    let vault = var("SEALPOST_AZURE_VAULT").ok()?;
    let needed = |name: &str| var(name).unwrap_or_else(|_| panic!("SEALPOST_AZURE_VAULT is set, and {name} is not"));
    let authority = var("SEALPOST_AZURE_AUTHORITY").ok();
    let places = Places {
        authority: authority.clone().unwrap_or_else(|| "https://login.microsoftonline.com".into()),
        tenant: needed("SEALPOST_AZURE_TENANT"),
        client_id: needed("SEALPOST_AZURE_CLIENT_ID"),
        client_secret: needed("SEALPOST_AZURE_CLIENT_SECRET"),
        ..Places::default()
    };
    let real = Real {
        vault: vault.trim_end_matches('/').into(),
        authority,
        ca: var("SEALPOST_AZURE_CA").ok().map(PathBuf::from),
        connect_to: var("SEALPOST_AZURE_CONNECT_TO").ok().map(|text| text.parse().expect("an address")),
        beginning: format!("sealpost-test-{}-", &ids::fresh().simple().to_string()[20..]),
        made: Mutex::default(),
    };
    Some(Azure { places, folder: folder("real-azure"), http: real.client(), child: None, real: Some(real) })
}

impl Real {
    fn client(&self) -> Client {
        let ca = self.ca.as_ref().map(|file| std::fs::read(file).expect("the CA's certificate"));
        let ca = ca.map(|pem| Certificate::from_pem(&pem).expect("a certificate"));
        let host = self.vault.parse::<url::Url>().expect("SEALPOST_AZURE_VAULT is an address");
        http::outside(ca.as_ref(), self.connect_to.map(|to| (host.host_str().expect("a host").to_owned(), to)))
    }

    pub(super) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.beginning)
    }

    pub(super) fn ways(&self) -> String {
        let ca = self.ca.as_ref().map(|file| format!("ca_file = '{}'\n", file.display()));
        let address = self.connect_to.map(|to| format!("connect_to = '{to}'\n"));
        let authority = self.authority.as_ref().map(|host| format!("authority_host = '{host}'\n"));
        [ca, address, authority].into_iter().flatten().collect()
    }

    /// A new version; answers its id.
    pub(super) async fn set(&self, azure: &Azure, name: &str, value: &str) -> String {
        assert!(name.starts_with(&self.beginning), "{name} may be somebody else's");
        self.made().insert(name.into());
        let token = azure.vault_token(&azure.places.client_id, &azure.places.client_secret).await;
        let request = azure.request(Method::PUT, &format!("{}/secrets/{name}?{API}", self.vault));
        let (status, answer) = answered(request.bearer_auth(token).json(&json!({"value": value}))).await;
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().and_then(|id| id.rsplit('/').next()).expect("a version").into()
    }

    /// Deletes every secret that begins like the test's: those that it made, and those that Sealpost made for it.
    pub(super) fn clear(&self, places: &Places) {
        let (client, vault, beginning, places) =
            (self.client(), self.vault.clone(), self.beginning.clone(), places.clone());
        let made = std::mem::take(&mut *self.made());
        // a runtime of its own: the test's may be ending
        let cleared = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let token = token(&client, &places).await?;
                let mut names = made;
                let mut next = Some(format!("{vault}/secrets?{API}"));
                while let Some(url) = next {
                    let page: Value = client.get(url).bearer_auth(&token).send().await?.json().await?;
                    let ids = page["value"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str());
                    let ours = ids.filter_map(|id| id.rsplit('/').next()).filter(|name| name.starts_with(&beginning));
                    names.extend(ours.map(str::to_owned));
                    next = page["nextLink"].as_str().map(str::to_owned);
                }
                for name in names {
                    client.delete(format!("{vault}/secrets/{name}?{API}")).bearer_auth(&token).send().await?;
                }
                Ok::<_, reqwest::Error>(())
            })
        });
        if let Ok(Err(error)) = cleared.join() {
            let (beginning, vault) = (&self.beginning, &self.vault);
            let _ = writeln!(std::io::stderr(), "secrets that begin with {beginning} may be left in {vault}: {error}");
        }
    }

    fn made(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn token(client: &Client, places: &Places) -> Result<String, reqwest::Error> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &places.client_id),
        ("client_secret", &places.client_secret),
        ("scope", VAULT_SCOPE),
    ];
    let url = format!("{}/{}/oauth2/v2.0/token", places.authority, places.tenant);
    let answer: Value = client.post(url).form(&form).send().await?.error_for_status()?.json().await?;
    Ok(answer["access_token"].as_str().unwrap_or_default().into())
}
