//! Secrets that a command is given: where they are, never what they are. An argument is seen by every user of the machine.

use std::convert::Infallible;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use sealpost_shared::config::SecretSource;
use secrecy::{ExposeSecret, SecretString};

/// Where a secret is. Reading the argument fails late, so that nothing repeats what may be the secret itself.
#[derive(Clone)]
pub(super) enum SecretFrom {
    Place(SecretSource),
    Stdin,
    /// None of these.
    Wrong,
}

impl std::fmt::Debug for SecretFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretFrom")
    }
}

impl FromStr for SecretFrom {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once(':') {
            _ if text == "-" => Self::Stdin,
            Some(("env", name)) => Self::Place(SecretSource::Env(name.into())),
            Some(("file", path)) => Self::Place(SecretSource::File(PathBuf::from(path))),
            _ => Self::Wrong,
        })
    }
}

impl SecretFrom {
    /// Reads it; `option` is where it was named.
    pub(super) fn read(&self, option: &str) -> Result<String, String> {
        let secret = match self {
            Self::Place(place) => place.read().map_err(|why| format!("{option}: {why}"))?,
            Self::Stdin => {
                let mut text = String::new();
                std::io::stdin()
                    .read_to_string(&mut text)
                    .map_err(|error| format!("{option}: reading stdin: {error}"))?;
                SecretString::from(text.trim_end_matches(['\r', '\n']))
            }
            Self::Wrong => {
                return Err(format!(
                    "{option}: a secret does not belong on the command line, where others see it; write env:VARIABLE, \
                     file:PATH, or - for stdin"
                ));
            }
        };
        let secret = secret.expose_secret();
        if secret.is_empty() { Err(format!("{option}: the secret is empty")) } else { Ok(secret.to_owned()) }
    }
}
