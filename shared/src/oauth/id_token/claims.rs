//! The claims of an ID token whose signature is right (`OpenID` Connect Core §3.1.3.7).

use jiff::Timestamp;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::super::token_call::bounded;
use super::super::{AccountId, OAuthProvider, entra};
use super::{Account, IdTokenError};

/// How far a provider's clock may be from ours, in seconds.
const LEEWAY: f64 = 300.0;

/// The longest `sub` (`OpenID` Connect Core §2).
const MAX_SUBJECT: usize = 255;

/// Checks every claim that must be checked, and says whose token it is.
pub(super) fn check(
    claims: &Map<String, Value>,
    provider: &OAuthProvider,
    nonce: Option<&str>,
    now: Timestamp,
) -> Result<Account, IdTokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let tid = text("tid").filter(|tid| entra::is_guid(tid));
    // in a template it is the token's own directory that counts
    let issuer =
        provider.issuer.as_deref().map(|entry| tid.map_or_else(|| entry.into(), |tid| entra::issuer_of(entry, tid)));
    if text("iss").is_none() || text("iss") != issuer.as_deref() {
        return Err(IdTokenError::Issuer);
    }
    if !is_for_us(claims, &provider.client_id) {
        return Err(IdTokenError::Audience);
    }
    times(claims, now)?;
    if let Some(nonce) = nonce
        && !text("nonce").is_some_and(|said| bool::from(said.as_bytes().ct_eq(nonce.as_bytes())))
    {
        return Err(IdTokenError::Nonce);
    }
    let id = match provider.account {
        AccountId::Sub => text("sub").filter(|id| is_subject(id)).map(str::to_owned).ok_or(IdTokenError::Subject)?,
        AccountId::OidTid => {
            let oid = text("oid").filter(|oid| entra::is_guid(oid));
            oid.zip(tid).map(|(oid, tid)| entra::account(oid, tid)).ok_or(IdTokenError::Account)?
        }
    };
    let name = ["preferred_username", "name", "email"].into_iter().filter_map(text).map(|name| bounded(name, &[]));
    Ok(Account { id, name: name.into_iter().find(|name| !name.is_empty()) })
}

/// §3.1.3.7, 3 to 5: we are in the audience, and where others are too, the token was issued to us.
fn is_for_us(claims: &Map<String, Value>, client_id: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(all)) => {
            let issued_to_us = || claims.get("azp").and_then(Value::as_str) == Some(client_id);
            all.iter().any(|one| one.as_str() == Some(client_id)) && (all.len() == 1 || issued_to_us())
        }
        _ => false,
    }
}

/// §3.1.3.7, 9 and 10, and RFC 7519 §4.1.5.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in an f64 for all time to come")]
fn times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), IdTokenError> {
    let now = now.as_second() as f64;
    let time = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    // a comparison with what is no number is false
    if !time("exp").is_some_and(|expiry| expiry + LEEWAY > now) {
        return Err(IdTokenError::Expired);
    }
    let has_begun = |time: f64| time - LEEWAY <= now;
    if !time("iat").is_some_and(has_begun) || !time("nbf").is_none_or(has_begun) {
        return Err(IdTokenError::NotYetValid);
    }
    Ok(())
}

fn is_subject(id: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&id.len()) && id.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Map, Value, json};

    use super::super::super::provider::tests::provider;
    use super::super::{Account, IdTokenError};
    use super::check;

    const NOW: i64 = 1_800_000_000;

    /// A good token's claims, with these put in and those of `null` taken out.
    fn checked(changes: &Value) -> Result<Account, IdTokenError> {
        let mut claims: Map<String, Value> = serde_json::from_value(json!({
            "iss": "https://p", "aud": "us", "exp": NOW + 60, "iat": NOW, "sub": "17", "nonce": "n-1",
        }))
        .unwrap();
        claims.extend(changes.as_object().unwrap().clone());
        claims.retain(|_, value| !value.is_null());
        check(&claims, &provider("issuer = 'https://p'"), Some("n-1"), Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn every_claim_that_must_be_checked_is() {
        use IdTokenError::{Audience, Expired, Issuer, Nonce, NotYetValid, Subject};
        for (changes, error) in [
            (json!({"iss": "https://p/"}), Issuer),
            (json!({"iss": null}), Issuer),
            (json!({"iss": ["https://p"]}), Issuer),
            (json!({"aud": "them"}), Audience),
            (json!({"aud": null}), Audience),
            (json!({"aud": []}), Audience),
            (json!({"aud": {"us": "us"}}), Audience),
            (json!({"aud": ["us", "them"]}), Audience),
            (json!({"aud": ["us", "them"], "azp": "them"}), Audience),
            (json!({"aud": ["them"], "azp": "us"}), Audience),
            (json!({"exp": NOW - 300}), Expired),
            (json!({"exp": null}), Expired),
            (json!({"exp": "tomorrow"}), Expired),
            (json!({"iat": NOW + 301}), NotYetValid),
            (json!({"iat": null}), NotYetValid),
            (json!({"nbf": NOW + 301}), NotYetValid),
            (json!({"nbf": "now"}), NotYetValid),
            (json!({"nonce": "n-2"}), Nonce),
            (json!({"nonce": "n-"}), Nonce),
            (json!({"nonce": null}), Nonce),
            (json!({"nonce": ["n-1"]}), Nonce),
            (json!({"sub": null}), Subject),
            (json!({"sub": ""}), Subject),
            (json!({"sub": 17}), Subject),
            (json!({"sub": "a\u{1b}[2J"}), Subject),
            (json!({"sub": "x".repeat(256)}), Subject),
        ] {
            assert_eq!(checked(&changes), Err(error), "{changes}");
        }
    }

    #[test]
    fn five_minutes_either_way_and_several_audiences_are_fine() {
        for changes in [
            json!({}),
            json!({"exp": NOW - 299}),
            json!({"exp": 1_799_999_700.5, "iat": 1.8e9}),
            json!({"iat": NOW + 300}),
            json!({"nbf": NOW + 300}),
            json!({"aud": ["us"], "azp": "them"}),
            json!({"aud": ["them", "us"], "azp": "us"}),
            json!({"sub": "x".repeat(255)}),
        ] {
            assert!(checked(&changes).is_ok(), "{changes}");
        }
    }

    #[test]
    fn a_directorys_tokens_name_their_account_by_oid_and_tid_and_their_issuer_by_tid() {
        let (tid, oid) = ("7e4a0000-0000-4000-8000-00000000000a", "0d1e0000-0000-4000-8000-00000000ada1");
        let lines = "issuer = 'https://login/{tenantid}/v2.0'\naccount = 'oid-tid'";
        let checked = |changes: Value| {
            let mut claims = json!({
                "iss": format!("https://login/{tid}/v2.0"), "aud": "us", "exp": NOW + 60, "iat": NOW, "sub": "pairwise",
                "tid": tid, "oid": oid,
            });
            let claims = claims.as_object_mut().unwrap();
            claims.extend(changes.as_object().unwrap().clone());
            claims.retain(|_, value| !value.is_null());
            check(claims, &provider(lines), None, Timestamp::from_second(NOW).unwrap()).map(|account| account.id)
        };
        assert_eq!(checked(json!({})), Ok(format!("{oid}.{tid}")));
        for (changes, error) in [
            (json!({"tid": oid}), IdTokenError::Issuer),
            (json!({"tid": null}), IdTokenError::Issuer),
            (json!({"tid": "{tenantid}", "iss": "https://login/{tenantid}/v2.0"}), IdTokenError::Account),
            (json!({"tid": "common", "iss": "https://login/common/v2.0"}), IdTokenError::Issuer),
            (json!({"iss": format!("https://login/{oid}/v2.0")}), IdTokenError::Issuer),
            (json!({"oid": null}), IdTokenError::Account),
            (json!({"oid": ""}), IdTokenError::Account),
            (json!({"oid": "ada"}), IdTokenError::Account),
            (json!({"oid": oid.to_uppercase()}), IdTokenError::Account),
        ] {
            assert_eq!(checked(changes.clone()), Err(error), "{changes}");
        }
    }

    #[test]
    fn the_first_name_that_is_told_is_the_accounts_name() {
        let name = |changes: Value| checked(&changes).unwrap().name;
        assert_eq!(name(json!({})), None);
        assert_eq!(name(json!({"email": "a@p", "name": "Ada"})).as_deref(), Some("Ada"));
        assert_eq!(name(json!({"preferred_username": "", "email": "a@p"})).as_deref(), Some("a@p"));
        assert_eq!(name(json!({"name": 5, "preferred_username": "a\u{1b}[31md\na"})).as_deref(), Some("a[31mda"));
        assert_eq!(name(json!({"name": "x".repeat(5000)})).unwrap().len(), 300);
    }
}
