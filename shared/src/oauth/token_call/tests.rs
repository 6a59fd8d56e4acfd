//! What a token endpoint is sent, and what its answers mean.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::super::ClientAuth;
use super::super::credential::{Credential, Proof};
use super::super::provider::tests::provider;
use super::super::request::authenticated;
use super::{TokenError, read};
use crate::http::Answered;
use crate::secrets::Secrets;

fn answer(status: u16, body: &str) -> Result<super::TokenAnswer, TokenError> {
    let answered = Answered { status, retry_after: None, body: body.into() };
    read(&provider(""), &answered, &["hunter2 &"], Timestamp::UNIX_EPOCH)
}

/// How a grant is sent: the Authorization header, the type of the body, the body.
fn sent(entry: &str) -> (String, String, String) {
    let (header, kind, body, _) = sent_with(entry);
    (header, kind, body)
}

/// The same, and what it proves us with.
fn sent_with(entry: &str) -> (String, String, String, Vec<SecretString>) {
    let client = crate::http::client(std::time::Duration::from_secs(1)).unwrap();
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "r&=")];
    let provider = provider(entry);
    let fields = (&provider.token_url, grant.as_slice());
    let proof = if provider.client_auth == ClientAuth::None { Proof::Nothing } else { Proof::Secret("s:&".into()) };
    let (request, proofs) =
        authenticated(&client, &provider, &Credential::from(proof), fields, Timestamp::UNIX_EPOCH).unwrap();
    let request = request.build().unwrap();
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap();
    (header("authorization"), header("content-type"), body, proofs)
}

#[test]
fn an_entry_says_how_its_client_proves_itself_and_how_the_request_is_written() {
    let form =
        |basic: &str, body: &str| (basic.to_owned(), "application/x-www-form-urlencoded".to_owned(), body.to_owned());
    let grant = "grant_type=refresh_token&refresh_token=r%26%3D";
    // us:s%3A%26
    assert_eq!(sent(""), form("Basic dXM6cyUzQSUyNg==", grant));
    assert_eq!(sent("client_auth = 'post'"), form("", &format!("client_id=us&client_secret=s%3A%26&{grant}")));
    assert_eq!(sent("client_auth = 'none'"), form("", &format!("client_id=us&{grant}")));
    let (basic, kind, body) = sent("client_auth = 'none'\ntoken_request = 'json'");
    assert_eq!((basic.as_str(), kind.as_str()), ("", "application/json"));
    assert_eq!(body, r#"{"client_id":"us","grant_type":"refresh_token","refresh_token":"r&="}"#);
}

#[tokio::test]
async fn a_client_has_what_it_proves_itself_with_and_nothing_else() {
    let entry = |lines: &str| {
        let entry = "authorize_url = 'https://p/authorize'\ntoken_url = 'https://p/token'\nclient_id = 'us'\n";
        toml::from_str::<super::OAuthProvider>(&format!("{entry}{lines}")).unwrap()
    };
    let (secret, key, certificate) =
        ("client_secret = { env = 'NONE' }", "client_key = { env = 'NONE' }", "client_certificate = { env = 'NONE' }");
    for (lines, expected) in [
        (vec![secret], ""),
        (vec![], "client_secret is missing"),
        (vec![secret, key], "client_key: a client with client_auth \"basic\" has none"),
        (vec!["client_auth = 'post'"], "client_secret is missing"),
        (vec!["client_auth = 'none'"], ""),
        (vec!["client_auth = 'none'", secret], "client_secret: a client with client_auth \"none\" has none"),
        (vec!["client_auth = 'none'", certificate], "client_certificate: a client with client_auth \"none\" has none"),
        (vec!["client_auth = 'private_key_jwt'", key, certificate], ""),
        (vec!["client_auth = 'private_key_jwt'", key], "client_certificate is missing; private_key_jwt needs it"),
        (vec!["client_auth = 'private_key_jwt'", certificate], "client_key is missing; private_key_jwt needs it"),
        (vec!["client_auth = 'private_key_jwt'", key, certificate, secret], "client_secret: a client with"),
    ] {
        let checked = entry(&lines.join("\n")).check();
        let problem = checked.err().unwrap_or_default();
        assert!(problem.contains(expected) && problem.is_empty() == expected.is_empty(), "{lines:?}: {problem}");
    }
    let (now, secrets) = (Timestamp::UNIX_EPOCH, Secrets::default());
    let nothing = entry("client_auth = 'none'").credential(&secrets, now).await;
    assert!(nothing.is_ok_and(|nothing| matches!(nothing.proof, Proof::Nothing)));
    let unset = entry(secret).credential(&secrets, now).await.err().unwrap().message;
    assert!(unset.starts_with("oauth.client_secret: the environment variable NONE"), "{unset}");
    let nowhere = entry("client_secret = { vault = 'name' }").credential(&secrets, now).await.err().unwrap().message;
    assert!(nowhere.contains("oauth.client_secret") && nowhere.contains("source = \"azure\""), "{nowhere}");
}

#[test]
fn an_entry_of_many_directories_names_accounts_by_them() {
    let tenant = |text: &str| sealpost_schemas::Name::new(text).unwrap();
    let issuer = "issuer = 'https://p/{tenantid}/v2.0'\njwks_url = 'https://p/keys'\n";
    for (lines, expected) in [
        (issuer.to_owned(), "{tenantid} needs account"),
        (format!("{issuer}account = 'oid-tid'"), ""),
        ("account = 'oid-tid'".to_owned(), "needs jwks_url"),
        ("owner_is_account = true".to_owned(), "owner_is_account needs account"),
    ] {
        let problem = provider(&lines).check().err().unwrap_or_default();
        assert!(problem.contains(expected) && problem.is_empty() == expected.is_empty(), "{lines}: {problem}");
    }
    let mut many = provider(&format!("{issuer}account = 'oid-tid'"));
    assert_eq!(many.of_tenant(&tenant("acme")).unwrap().token_url.as_str(), "https://p/token");
    many.token_url = "https://p/{tenantid}/token".parse().unwrap();
    assert_eq!(many.check(), Ok(()));
    let guid = "7e4a0000-0000-4000-8000-00000000000a";
    assert_eq!(many.of_tenant(&tenant(guid)).unwrap().token_url.as_str(), format!("https://p/{guid}/token"));
    assert!(many.of_tenant(&tenant("acme")).err().unwrap().contains("GUID"));
}

#[test]
fn an_answer_without_an_access_token_is_lost_not_refused() {
    for body in ["", "<html>", "{}", r#"{"access_token":""}"#, r#"{"access_token":5}"#, r#"{"access_token":"a\nb"}"#] {
        assert!(matches!(answer(200, body), Err(TokenError::Lost(_))), "{body}");
    }
    assert!(matches!(answer(503, "{}"), Err(TokenError::Lost(_))));
}

#[test]
fn a_lifetime_that_makes_no_sense_is_an_unknown_one() {
    let expiry =
        |lifetime: &str| answer(200, &format!(r#"{{"access_token":"a","expires_in":{lifetime}}}"#)).unwrap().expires_at;
    assert_eq!(expiry("60").unwrap().as_second(), 60);
    assert_eq!(expiry("\"60\"").unwrap().as_second(), 60);
    assert_eq!(expiry("60.9").unwrap().as_second(), 60);
    for odd in ["-5", "0", "null", "\"soon\"", "9223372036854775807", "1e300", "-1e300", "0.5"] {
        assert_eq!(expiry(odd), None, "{odd}");
    }
}

#[test]
fn only_a_bearer_token_can_be_used_however_the_word_is_written() {
    let usable = |kind: &str| answer(200, &format!(r#"{{"access_token":"a"{kind}}}"#)).unwrap().usable();
    for bearer in ["", r#","token_type":null"#, r#","token_type":"Bearer""#, r#","token_type":"bEARER""#] {
        assert_eq!(usable(bearer), Ok(()), "{bearer}");
    }
    for other in [r#""DPoP""#, r#""mac""#, r#""N_A""#, r#""""#, r#""Bearer ""#, "5", "{}"] {
        let why = usable(&format!(r#","token_type":{other}"#)).unwrap_err();
        assert!(why.contains(&format!("of type {:?}", other.trim_matches('"'))) && why.contains("§7.1"), "{why}");
    }
    assert!(usable(r#","token_type":"a\u001b[2J""#).unwrap_err().contains("of type \"a[2J\""));
}

#[test]
fn a_wrong_secret_is_told_from_a_refused_grant() {
    assert!(matches!(answer(400, r#"{"error":"invalid_grant"}"#), Err(TokenError::Refused(_))));
    for wrong in [r#"{"error":"invalid_client"}"#, r#"{"error":"unauthorized_client"}"#] {
        for status in [400, 401] {
            assert!(matches!(answer(status, wrong), Err(TokenError::InvalidClient(_))), "{status} {wrong}");
        }
    }
    assert!(matches!(answer(401, "<html>"), Err(TokenError::InvalidClient(_))));
    assert!(matches!(answer(401, r#"{"error":"invalid_grant"}"#), Err(TokenError::Refused(_))));
    assert!(matches!(answer(429, ""), Err(TokenError::RateLimited { after: None })));
    assert!(matches!(answer(408, ""), Err(TokenError::Lost(_))));
}

#[test]
fn a_provider_that_repeats_what_it_was_sent_is_not_repeated() {
    let body = r#"{"error":"invalid_grant","error_description":"bad code hunter2 & or hunter2+%26, hunt\u0001er2 &"}"#;
    let Err(TokenError::Refused(error)) = answer(400, body) else { panic!("not refused") };
    assert_eq!(error.description.unwrap(), "bad code [removed] or [removed], [removed]");
}

#[test]
fn what_we_prove_ourselves_with_is_known_as_it_is_sent() {
    for (entry, proofs) in
        [("", &["s:&", "dXM6cyUzQSUyNg=="][..]), ("client_auth = 'post'", &["s:&"]), ("client_auth = 'none'", &[])]
    {
        let (header, _, _, known) = sent_with(entry);
        let known: Vec<_> = known.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(known, proofs, "{entry}");
        assert!(header.is_empty() || header == format!("Basic {}", known[1]), "{header}");
    }
}

#[test]
fn what_a_client_needs_to_go_on_is_kept_whole_or_not_at_all() {
    let said = |fields: Value| {
        let mut body = json!({"error": "interaction_required"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        match answer(400, &body.to_string()) {
            Err(TokenError::Refused(said)) => said,
            _ => panic!("not refused"),
        }
    };
    let wanted = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let full = said(json!({"error_codes": [50076, "x", -1, 70008], "suberror": "basic\u{7}_action", "claims": wanted}));
    assert_eq!((full.error_codes, full.suberror.as_deref()), (vec![50076, 70008], Some("basic_action")));
    assert_eq!(full.claims.as_deref(), Some(wanted));
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(5000));
    for none in [
        json!(wanted.replace('}', "")),
        json!("[]"),
        json!(""),
        json!(long),
        json!(r#"{"a":"hunter2 &"}"#),
        json!("{\"a\":\"\u{202e}\"}"),
        json!({"access_token": {}}),
        json!(5),
    ] {
        assert_eq!(said(json!({"claims": none})).claims, None, "{none}");
    }
    let many = said(json!({"error_codes": vec![1; 500], "suberror": "x".repeat(5000)}));
    assert_eq!((many.error_codes.len(), many.suberror.unwrap().len()), (super::MAX_CODES, super::MAX_WORDS));
    assert_eq!(said(json!({"error_codes": "50076", "suberror": 5})).suberror, None);
}

#[test]
fn what_else_an_answer_says_holds_none_of_what_was_sent_and_given() {
    let body = r#"{"access_token":"an-access-token","refresh_token":"a-refresh-token","id_token":"an-id-token",
        "token_type":"Bearer an-access-token","scope":"posts a-refresh-token hunter2+%26 x-an-id-token"}"#;
    let answer = answer(200, body).unwrap();
    assert_eq!(answer.token_type.unwrap(), "Bearer [removed]");
    assert_eq!(answer.scopes.unwrap(), ["posts", "[removed]", "[removed]", "x-[removed]"]);
}

#[test]
fn a_providers_words_are_bounded_and_hold_no_control_characters() {
    let long = "x".repeat(5000);
    let Err(TokenError::Refused(error)) =
        answer(400, &format!(r#"{{"error":"e\u001b[31m\n","error_description":"{long}"}}"#))
    else {
        panic!("not refused");
    };
    assert_eq!(error.error.unwrap(), "e[31m");
    assert_eq!(error.description.unwrap().len(), super::MAX_WORDS);
}
