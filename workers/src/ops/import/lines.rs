//! The file: read and checked as a whole. What is said of it names lines and fields, and never a token.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sealpost_schemas::codec::without_value;
use sealpost_schemas::{Connection, ExchangeRequest, Grant, HeldToken, Name, Owner, ProviderId, Secret};
use sealpost_shared::ids;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use crate::exchange::problem_of_scopes;

/// One connection to be made.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    /// The connection.
    pub(super) connection: Connection,
    token: SecretString,
    scopes: Option<Vec<String>>,
}

/// A line as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
struct Written {
    tenant: Name,
    user: Name,
    provider: Option<ProviderId>,
    label: Option<Name>,
    refresh_token: SecretString,
    scopes: Option<Vec<String>>,
}

impl Line {
    /// The request's id: the same for the same connection, token and scopes.
    pub(super) fn id(&self) -> Uuid {
        ids::import(&self.connection, &self.token, self.scopes.as_deref())
    }

    /// The request, in plain.
    pub(super) fn request(&self) -> ExchangeRequest {
        let Connection { tenant, user, provider, label } = self.connection.clone();
        let grant = HeldToken { refresh_token: Secret::Plain(self.token.clone()), iss: None };
        ExchangeRequest {
            id: self.id(),
            owner: Owner { tenant, user },
            provider,
            label,
            store_on_device: false,
            grant: Grant::RefreshToken(grant),
            scopes: self.scopes.clone(),
            reply_key: None,
            replace_subject: false,
            deadline: None,
        }
    }
}

/// Reads a file, or stdin where it is `-`. `known` tells whether the catalogue has a provider.
///
/// # Errors
/// Everything that is wrong with it, with line numbers.
pub(super) fn read(
    file: &Path,
    default: Option<&ProviderId>,
    known: &dyn Fn(&ProviderId) -> bool,
) -> Result<Vec<Line>, String> {
    let name = if file.as_os_str() == "-" { "stdin".into() } else { file.display().to_string() };
    let problem = |error: std::io::Error| format!("reading {name}: {error}");
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(problem)?;
    } else {
        text = fs::read_to_string(file).map_err(problem)?;
        warn_of_readers(file);
    }
    let text = SecretString::from(text);
    let lines = parse(text.expose_secret(), default, known).map_err(|problems| {
        let (count, problems) = (problems.len(), problems.join("\n  "));
        format!("{name} has {count} problem(s), so nothing was sent:\n  {problems}")
    })?;
    if lines.is_empty() { Err(format!("{name} has no lines, so there is nothing to import")) } else { Ok(lines) }
}

fn warn_of_readers(file: &Path) {
    let mode = fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let file = file.display();
        let _ = writeln!(
            std::io::stderr(),
            "warning: {file} holds tokens, and others may read it (mode {mode:o}); chmod 600 it, and remove it afterwards"
        );
    }
}

/// All lines, or all problems.
fn parse(
    text: &str,
    default: Option<&ProviderId>,
    known: &dyn Fn(&ProviderId) -> bool,
) -> Result<Vec<Line>, Vec<String>> {
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    let (mut connections, mut tokens) = (HashMap::new(), HashMap::new());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let line = match line(number, text, default, known) {
            Ok(line) => line,
            Err(problem) => {
                problems.push(format!("line {number}: {problem}"));
                continue;
            }
        };
        if let Some(first) = connections.insert(line.connection.clone(), number) {
            problems.push(format!("line {number}: {} is on line {first} too", super::named(&line)));
        }
        if let Some(first) = tokens.insert(ids::token_digest(&line.token), number) {
            problems.push(format!("line {number}: its refresh token is on line {first} too"));
        }
        lines.push(line);
    }
    if problems.is_empty() { Ok(lines) } else { Err(problems) }
}

fn line(
    number: usize,
    text: &str,
    default: Option<&ProviderId>,
    known: &dyn Fn(&ProviderId) -> bool,
) -> Result<Line, String> {
    let written: Written = serde_json::from_str(text).map_err(|error| in_words(&error))?;
    let Written { tenant, user, provider, label, refresh_token: token, scopes } = written;
    let provider = provider.or_else(|| default.cloned()).ok_or("it names no `provider`; or give --provider")?;
    if !known(&provider) {
        return Err(format!("provider `{provider}` is not in the catalogue; add its entry first"));
    }
    if token.expose_secret().is_empty() {
        return Err("`refresh_token` must not be empty".into());
    }
    if let Some(problem) = problem_of_scopes(scopes.as_deref()) {
        return Err(problem);
    }
    let label = label.or_else(|| Name::new("default")).ok_or("`label` is missing")?;
    Ok(Line { number, connection: Connection { tenant, user, provider, label }, token, scopes })
}

/// What serde says, without the values that it quotes; nor names of fields that look like values.
fn in_words(error: &serde_json::Error) -> String {
    if !error.is_data() {
        return format!("it is not a JSON object (column {})", error.column());
    }
    let text = error.to_string();
    let problem = without_value(text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem));
    let field = problem.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let plain = |name: &str| name.len() <= 24 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    match field {
        Some(name) if !plain(name) => "it has a field that is not known".into(),
        _ => problem,
    }
}

#[cfg(test)]
mod tests;
