//! What a token endpoint is sent, and what its answers mean.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::super::provider::tests::provider;
use super::{TokenError, read};
use crate::http::Answered;

fn answer(status: u16, body: &str) -> Result<super::TokenAnswer, TokenError> {
    let answered = Answered { status, retry_after: None, body: body.into() };
    read(&provider(""), &answered, &["hunter2 &"], Timestamp::UNIX_EPOCH)
}

/// How a grant is sent: the Authorization header, the type of the body, the body.
fn sent(entry: &str) -> (String, String, String) {
    let client = crate::http::client(std::time::Duration::from_secs(1)).unwrap();
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "r&=")];
    let provider = provider(entry);
    let fields = (&provider.token_url, grant.as_slice());
    let request = super::authenticated(&client, &provider, &"s:&".into(), fields).build().unwrap();
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap();
    (header("authorization"), header("content-type"), body)
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

#[test]
fn a_client_has_a_secret_or_says_that_it_has_none() {
    let (with, without) = (provider(""), |lines: &str| {
        let entry = "authorize_url = 'https://p/authorize'\ntoken_url = 'https://p/token'\nclient_id = 'us'\n";
        toml::from_str::<super::OAuthProvider>(&format!("{entry}{lines}")).unwrap()
    });
    assert_eq!(with.check(), Ok(()));
    assert!(provider("client_auth = 'none'").check().unwrap_err().contains("has none"));
    assert!(without("").check().unwrap_err().contains("client_secret is missing"));
    let public = without("client_auth = 'none'");
    assert_eq!((public.check(), public.client_secret().unwrap().expose_secret()), (Ok(()), ""));
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
fn our_credentials_are_not_repeated_as_they_stand_in_the_header_either() {
    let (entry, secret) = (provider(""), "s:&".into());
    let basic = super::credentials(&entry, &secret);
    assert_eq!(format!("Basic {}", basic.expose_secret()), sent("").0);
    assert_eq!(super::credentials(&provider("client_auth = 'post'"), &secret).expose_secret(), "");
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
