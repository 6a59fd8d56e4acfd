//! The providers' token endpoints, as far as that costs nobody anything: the front page of their origin, without
//! credentials. Any answer will do.

use std::error::Error;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Client;
use sealpost_shared::config::Config;
use url::Url;

use super::Finding;
use crate::providers::Catalogue;

/// How long one may take.
const WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn check(config: &Config, catalogue: Option<&Catalogue>) -> Vec<Finding> {
    let client = match config.http.client(WITHIN.min(config.http.limit())) {
        Ok(client) => client,
        Err(problem) => return vec![Finding::wrong("providers", problem)],
    };
    let all = catalogue.into_iter().flat_map(Catalogue::all);
    let asked = all.map(|(id, provider)| {
        let (client, url) = (client.clone(), provider.oauth.token_url.clone());
        async move { Finding::of(&format!("provider {id}"), &ask(&client, url).await, Clone::clone) }
    });
    join_all(asked).await
}

async fn ask(client: &Client, mut url: Url) -> Result<String, String> {
    url.set_path("/");
    url.set_query(None);
    match client.head(url.clone()).send().await {
        Ok(_) => Ok(format!("{} answers", url.origin().ascii_serialization())),
        Err(error) => {
            let origin = url.origin().ascii_serialization();
            Err(format!("{origin}: {}; look at its name, the network, and its certificate", innermost(&error)))
        }
    }
}

/// The last cause, which says the most.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
