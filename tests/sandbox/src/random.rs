//! Codes and tokens that nobody can guess.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use crate::refusal::Refusal;

/// `prefix` and 256 random bits. The prefix tells a reader (or a search for leaked secrets) what it is.
pub(crate) fn unguessable(prefix: &str) -> Result<String, Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::server_error(format!("the operating system gave no random bytes: {error}")))?;
    Ok(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}
