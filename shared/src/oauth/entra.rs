//! What the Microsoft identity platform has of its own: directories (tenants), which issuers and addresses name by a GUID in
//! the place of `{tenantid}`, and accounts that are named by `oid` and `tid`.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sealpost_schemas::Owner;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

/// What stands for a directory's id, as in the discovery document of `common`.
pub(super) const TEMPLATE: &str = "{tenantid}";

/// The same as a URL has it in its path.
const TEMPLATE_IN_PATH: &str = "%7Btenantid%7D";

/// Whether a text is a GUID as tokens write it: lower case, with hyphens, without braces.
pub(super) fn is_guid(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}

/// Whether this is the issuer, or of the kind of the template.
pub(super) fn is_issuer(entry: &str, said: &str) -> bool {
    match entry.split_once(TEMPLATE) {
        None => entry == said,
        Some((before, after)) => {
            said.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(is_guid)
        }
    }
}

/// The issuer for a directory.
pub(super) fn issuer_of(entry: &str, tid: &str) -> String {
    entry.replace(TEMPLATE, tid)
}

/// An account's id here, written as the platform's own libraries write a home account's: `oid.tid`. Both stay the same for all
/// applications, where `sub` is another for each.
pub(super) fn account(oid: &str, tid: &str) -> String {
    format!("{oid}.{tid}")
}

/// The account that an owner is who has `tid` and `oid` for names.
#[must_use]
pub fn account_of(owner: &Owner) -> String {
    account(owner.user.as_str(), owner.tenant.as_str())
}

/// Whether an access token says of itself that it is another user's or directory's than this owner. Nothing of it is
/// verified, and one that cannot be read says nothing.
#[must_use]
pub fn claims_another(token: &SecretString, owner: &Owner) -> bool {
    let claims = token.expose_secret().split('.').nth(1).and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let differs = |name: &str, is: &str| {
        claims.as_ref().and_then(|claims| claims[name].as_str()).is_some_and(|claimed| claimed != is)
    };
    differs("tid", owner.tenant.as_str()) || differs("oid", owner.user.as_str())
}

/// Whether an address is another one for every directory.
pub(super) fn is_template(url: &Url) -> bool {
    url.path().contains(TEMPLATE_IN_PATH)
}

/// The address for a directory; `None` if that is no GUID.
pub(super) fn at(url: &Url, tenant: &str) -> Option<Url> {
    let mut url = url.clone();
    let path = url.path().replace(TEMPLATE_IN_PATH, tenant);
    url.set_path(&path);
    is_guid(tenant).then_some(url)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    use sealpost_schemas::{Name, Owner};
    use serde_json::{Value, json};

    use super::{at, claims_another, is_issuer};

    const TID: &str = "7e4a0000-0000-4000-8000-00000000000a";
    const OID: &str = "0d1e0000-0000-4000-8000-00000000ada1";

    #[test]
    fn a_template_is_met_by_a_guid_in_its_place_and_by_nothing_else() {
        let template = "https://login/{tenantid}/v2.0";
        assert!(is_issuer(template, &format!("https://login/{TID}/v2.0")));
        for other in ["common", "{tenantid}", "", "x/7e4a0000-0000-4000-8000-00000000000a", &TID.to_uppercase()] {
            assert!(!is_issuer(template, &format!("https://login/{other}/v2.0")), "{other}");
        }
        assert!(!is_issuer(template, &format!("https://login/{TID}/v2.0/")));
        assert!(!is_issuer(template, &format!("https://other/{TID}/v2.0")));
        assert!(is_issuer("https://p", "https://p") && !is_issuer("https://p", "https://p/"));
        let url = "https://login/{tenantid}/token".parse().unwrap();
        assert_eq!(at(&url, TID).unwrap().as_str(), format!("https://login/{TID}/token"));
        for other in ["acme", "../x", "", &format!("{{{TID}}}")] {
            assert!(at(&url, other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_token_that_names_another_user_or_directory_is_told_by_its_own_words() {
        let name = |text: &str| Name::new(text).unwrap();
        let owner = Owner { tenant: name(TID), user: name(OID) };
        let token = |claims: Value| format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())).into();
        for own in [json!({"tid": TID, "oid": OID}), json!({"tid": TID}), json!({}), json!({"oid": 5}), json!([])] {
            assert!(!claims_another(&token(own.clone()), &owner), "{own}");
        }
        for other in [json!({"tid": TID, "oid": TID}), json!({"tid": OID, "oid": OID}), json!({"oid": ""})] {
            assert!(claims_another(&token(other.clone()), &owner), "{other}");
        }
        for unreadable in ["", "opaque", "a.b.c", "..", "a.!!.c"] {
            assert!(!claims_another(&unreadable.into(), &owner), "{unreadable}");
        }
    }
}
