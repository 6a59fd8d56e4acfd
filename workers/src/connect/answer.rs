//! What the provider sends the browser back with (RFC 6749 §4.1.2, RFC 9207), read from a query that anybody may have
//! written.

use std::collections::BTreeMap;
use std::fmt;

use sealpost_shared::plain::plain;
use secrecy::SecretString;
use url::form_urlencoded;

/// How much of a provider's words a person is shown, in characters.
const MAX_WORDS: usize = 300;

/// A good answer.
pub(super) struct Answer {
    pub(super) code: SecretString,
    /// The issuer that says that it gave the code.
    pub(super) iss: Option<String>,
}

/// Why there is no code, in an answer to our question all the same.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoConsent {
    /// The user, or the provider, said no.
    Refused {
        /// One of RFC 6749 §4.1.2.1, if the provider keeps to it.
        error: String,
        /// Its own words.
        description: Option<String>,
    },
    /// It comes from another issuer than the one that was asked.
    OtherIssuer(String),
    /// Neither a code nor an error.
    Empty,
}

impl Answer {
    /// `None` if it does not bring our state, or any field twice (RFC 6749 §3.1): it is no answer to us.
    pub(super) fn read(query: &str, state: &str, issuer: Option<&str>) -> Option<Result<Self, NoConsent>> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if fields.insert(name, value).is_some() {
                return None;
            }
        }
        let mut take = |name: &str| fields.remove(name).map(String::from).filter(|value| !value.is_empty());
        if take("state")? != state {
            return None;
        }
        let (code, iss, error, description) = (take("code"), take("iss"), take("error"), take("error_description"));
        // before the error too: what another issuer says is not an answer either
        if let (Some(iss), Some(issuer)) = (&iss, issuer)
            && iss != issuer
        {
            return Some(Err(NoConsent::OtherIssuer(words(iss))));
        }
        Some(match (error, code) {
            (Some(error), _) => {
                let description = description.map(|description| words(&description));
                Err(NoConsent::Refused { error: words(&error), description })
            }
            (None, Some(code)) => Ok(Self { code: code.into(), iss }),
            (None, None) => Err(NoConsent::Empty),
        })
    }
}

impl fmt::Display for NoConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { error, description: None } => write!(f, "the provider sent no code: {error}"),
            Self::Refused { error, description: Some(words) } => {
                write!(f, "the provider sent no code: {error} ({words})")
            }
            Self::OtherIssuer(iss) => {
                write!(f, "the answer comes from another issuer than the catalogue names: {iss}; it was not used")
            }
            Self::Empty => f.write_str("the provider sent neither a code nor an error"),
        }
    }
}

/// Outside words, for a terminal.
fn words(text: &str) -> String {
    plain(text).chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{Answer, MAX_WORDS, NoConsent};

    fn read(query: &str) -> Option<Result<(String, Option<String>), NoConsent>> {
        let answer = Answer::read(query, "s t", Some("https://p"));
        answer.map(|answer| answer.map(|answer| (answer.code.expose_secret().to_owned(), answer.iss)))
    }

    #[test]
    fn only_what_brings_the_state_once_is_an_answer() {
        let good = Some(Ok(("c d".to_owned(), None)));
        assert_eq!(read("code=c+d&state=s%20t"), good);
        for no_answer in
            ["code=c", "", "state=", "code=c&state=s", "state=s%20t&code=c&state=s%20t", "code=a&code=b&state=s+t"]
        {
            assert_eq!(read(no_answer), None, "{no_answer}");
        }
        assert_eq!(read("state=s+t&code="), Some(Err(NoConsent::Empty)));
    }

    #[test]
    fn a_code_of_another_issuer_is_not_used_and_none_is_no_other() {
        assert_eq!(read("code=c&state=s+t&iss=https://p"), Some(Ok(("c".into(), Some("https://p".into())))));
        let other = Some(Err(NoConsent::OtherIssuer("https://q".into())));
        assert_eq!(read("code=c&state=s+t&iss=https://q"), other);
        assert_eq!(read("error=access_denied&state=s+t&iss=https://q"), other);
        let anybody = Answer::read("code=c&state=s+t&iss=https://q", "s t", None);
        assert!(anybody.is_some_and(|answer| answer.is_ok()));
    }

    #[test]
    fn a_providers_words_are_bounded_and_plain() {
        let long = format!("error=no%1b[31m&state=s+t&code=c&error_description={}%0a", "x".repeat(1000));
        let Some(Err(no)) = read(&long) else { panic!("an answer without a code") };
        let said = no.to_string();
        assert!(said.starts_with("the provider sent no code: no[31m (xxx"), "{said}");
        assert!(said.len() < MAX_WORDS + 100 && !said.contains(['\n', '\u{1b}']), "{said}");
    }
}
