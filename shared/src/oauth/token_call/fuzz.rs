//! Answers of token endpoints, spoilt: no error holds a token of the answer, or what was sent.

use jiff::Timestamp;
use sealpost_fuzz::{ITERATIONS, near};

use super::super::provider::tests::provider;
use super::{MAX_CHALLENGE, MAX_CODES, MAX_SCOPES, MAX_WORDS, TokenError, read};
use crate::http::Answered;

const SENT: &str = "sent & secret";

fn seeds() -> Vec<Vec<u8>> {
    [
        r#"{"access_token":"hunter2","refresh_token":"hunter2","token_type":"Bearer","expires_in":3600,"scope":"a b"}"#,
        r#"{"access_token":"hunter2","id_token":"hunter2.hunter2.hunter2","expires_in":"60","expires_in_ms":60000}"#,
        r#"{"error":"invalid_grant","error_description":"bad code sent & secret, or sent+%26+secret"}"#,
        r#"{"error":"invalid_client","access_token":"hunter2","error_uri":"https://p/e"}"#,
        r#"{"error":"\u001b[31msent \u0026 secret","error_description":null}"#,
        r#"{"error":"interaction_required","error_codes":[50076,5],"suberror":"sent & secret","claims":"{\"a\":\"b\"}"}"#,
        r#"{"error":"invalid_grant","claims":"{\"a\":\"sent & secret\"}"}"#,
        "<html>sent & secret</html>",
    ]
    .map(Into::into)
    .into()
}

#[test]
fn a_spoilt_answer_is_tokens_or_a_bounded_refusal_without_secrets() {
    let entries = [provider(""), provider("expires_in_ms = 'expires_in_ms'")];
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(seeds())).for_each(|body| {
        for status in [200, 400, 401, 429, 500] {
            let answered = Answered { status, retry_after: None, body: body.clone() };
            for entry in &entries {
                match read(entry, &answered, &[SENT], Timestamp::UNIX_EPOCH) {
                    Ok(tokens) => {
                        assert!(tokens.expires_at.is_none_or(|at| at > Timestamp::UNIX_EPOCH), "{tokens:?}");
                        assert!(tokens.scopes.is_none_or(|scopes| scopes.len() <= MAX_SCOPES));
                        assert!(tokens.token_type.is_none_or(|words| words.chars().count() <= MAX_WORDS));
                    }
                    Err(error) => {
                        if let TokenError::Refused(said) = &error {
                            let told = serde_json::to_string(said).unwrap();
                            assert!(!told.contains(SENT) && !told.contains(char::is_control), "{told}");
                            assert!(said.claims.as_ref().is_none_or(|claims| claims.len() <= MAX_CHALLENGE));
                            assert!(said.error_codes.len() <= MAX_CODES, "{told}");
                        }
                        let words = error.to_string();
                        assert!(!words.contains(SENT) && !words.contains("hunter2"), "{words}");
                        assert!(!words.contains(char::is_control), "{words:?}");
                        assert!(words.chars().count() < 2 * MAX_WORDS + 100, "{words}");
                        assert!(status != 200 || matches!(error, TokenError::Lost(_)), "a success is no refusal");
                    }
                }
            }
        }
    });
}
