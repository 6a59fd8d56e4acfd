//! Providers' keys: fetched from the address that the entry names, kept for a while, one fetch in flight.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{AlgorithmFamily, decode_header};
use reqwest::Client;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use super::super::entra;
use crate::clock::Clock;
use crate::http::{self, NoAnswer};

/// How long keys are used without asking again: a key that the provider withdrew is good for no longer.
const KEPT: Duration = Duration::from_hours(1);

/// How long it may take from the preparation to the check.
const MEANWHILE: Duration = Duration::from_mins(5);

/// How long one fetch may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The most keys that are looked at in one set.
const MAX_KEYS: usize = 100;

/// Why a provider's keys could not be had. The address is of the catalogue, so it may be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// No whole answer.
    #[error("fetching the provider's keys at {0}: {1}")]
    NoAnswer(Url, NoAnswer),
    /// Not the answer of a JWKS endpoint.
    #[error("fetching the provider's keys at {0}: {1}; check jwks_url of its entry")]
    Unreadable(Url, String),
}

/// A provider's keys as they were at one time.
pub(super) struct KeySet {
    pub(super) keys: Vec<Jwk>,
    /// For whom each key signs, by the key's name, where the provider tells: those of the Microsoft identity platform sign for
    /// all directories, or for one.
    issuers: HashMap<String, String>,
    /// When they were asked for, since the machine started.
    asked: Duration,
}

impl KeySet {
    /// Whether the key of this token, whose signature is right, may sign for the token's issuer (the platform's page "Secure
    /// applications and APIs by validating claims").
    pub(super) fn signs(&self, token: &str, claims: &Map<String, Value>) -> bool {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let kid = decode_header(token).ok().and_then(|header| header.kid);
        let issuer = kid.and_then(|kid| self.issuers.get(&kid));
        issuer.is_none_or(|issuer| entra::issuer_of(issuer, text("tid")) == text("iss"))
    }
}

/// All providers' keys.
pub(super) struct KeySets {
    http: Client,
    clock: Arc<dyn Clock>,
    slots: std::sync::Mutex<HashMap<Url, Arc<Mutex<Slot>>>>,
}

/// The last fetch of one set, and the last one that failed.
#[derive(Default)]
struct Slot {
    set: Option<Arc<KeySet>>,
    failed: Option<(Duration, JwksError)>,
}

impl KeySets {
    pub(super) fn new(http: Client, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock, slots: std::sync::Mutex::default() }
    }

    /// The keys at this address, no older than [`KEPT`]. What was fetched in preparation does not grow too old meanwhile.
    pub(super) async fn get(&self, url: &Url, prepared: bool) -> Result<Arc<KeySet>, JwksError> {
        let kept = if prepared { KEPT + MEANWHILE } else { KEPT };
        let oldest = self.clock.since_boot().saturating_sub(kept);
        self.obtain(url, |set| set.asked >= oldest).await
    }

    /// Keys that were asked for after these.
    pub(super) async fn newer_than(&self, url: &Url, old: &KeySet) -> Result<Arc<KeySet>, JwksError> {
        self.obtain(url, |set| set.asked > old.asked).await
    }

    /// The set that is kept if it will do. Who waited while it was fetched shares what came of that.
    async fn obtain(&self, url: &Url, will_do: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, JwksError> {
        let came = self.clock.since_boot();
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(url.clone()).or_default().clone();
        let mut slot = slot.lock().await;
        if let Some(set) = slot.set.as_ref().filter(|set| will_do(set)) {
            return Ok(set.clone());
        }
        if let Some((at, error)) = slot.failed.as_ref().filter(|(at, _)| *at > came) {
            tracing::debug!(?at, "shares a fetch that failed");
            return Err(error.clone());
        }
        let asked = self.clock.since_boot();
        match self.fetch(url).await {
            Ok((keys, issuers)) => {
                let set = Arc::new(KeySet { keys, issuers, asked });
                slot.set = Some(set.clone());
                Ok(set)
            }
            Err(error) => {
                slot.failed = Some((self.clock.since_boot(), error.clone()));
                Err(error)
            }
        }
    }

    async fn fetch(&self, url: &Url) -> Result<(Vec<Jwk>, HashMap<String, String>), JwksError> {
        let no_answer = |why| JwksError::NoAnswer(url.clone(), why);
        let unreadable = |why: String| JwksError::Unreadable(url.clone(), why);
        let request = self.http.get(url.clone()).header("accept", "application/json").timeout(LIMIT);
        let answer = http::send(request).await.map_err(no_answer)?;
        if answer.status != 200 {
            return Err(unreadable(format!("status {}", answer.status)));
        }
        let keys =
            read(&answer.body).ok_or_else(|| unreadable("the answer is no JWK set with a public key in it".into()))?;
        Ok((keys, issuers(&answer.body)))
    }
}

/// The public keys of a set; one that is of no known kind does not spoil the others (RFC 7517 §5).
pub(super) fn read(body: &[u8]) -> Option<Vec<Jwk>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let keys = body["keys"].as_array()?.iter().take(MAX_KEYS);
    let keys: Vec<Jwk> =
        keys.filter_map(|key| serde_json::from_value(key.clone()).ok()).filter(|key| family(key).is_some()).collect();
    (!keys.is_empty()).then_some(keys)
}

/// For whom the keys of a set sign, by their names, where it says so.
fn issuers(body: &[u8]) -> HashMap<String, String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let keys = body["keys"].as_array().into_iter().flatten().take(MAX_KEYS);
    keys.filter_map(|key| Some((key["kid"].as_str()?.to_owned(), key["issuer"].as_str()?.to_owned()))).collect()
}

/// What a public key can check.
pub(super) fn family(key: &Jwk) -> Option<AlgorithmFamily> {
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => Some(AlgorithmFamily::Rsa),
        AlgorithmParameters::EllipticCurve(_) => Some(AlgorithmFamily::Ec),
        AlgorithmParameters::OctetKeyPair(_) => Some(AlgorithmFamily::Ed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_key_that_cannot_be_read_does_not_spoil_the_others() {
        let good = r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"1"}"#;
        let set = |keys: &str| read(format!(r#"{{"keys":[{keys}]}}"#).as_bytes()).map(|keys| keys.len());
        assert_eq!(set(good), Some(1));
        assert_eq!(set(&format!(r#"5,{{"kty":"Moon"}},{{"kty":"oct","k":"AAAA"}},{good}"#)), Some(1));
        assert_eq!(set(""), None);
        for body in ["", "<html>", "[]", r#"{"keys":{}}"#] {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
