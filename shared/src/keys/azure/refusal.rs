//! Why the vault gave no secret, as far as its answer says.

use std::error::Error as _;
use std::time::Duration;

use azure_core::Error;
use azure_core::error::{ErrorKind, ErrorResponse};
use azure_core::http::StatusCode;

use crate::keys::{KeyError, Wanted};

/// Why the vault did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such secret, or version.
    Missing,
    /// It was deleted, and can be brought back.
    Deleted,
    /// It is switched off.
    Disabled,
    /// The vault takes no more requests for this long.
    Throttled(Duration),
    /// We may not; the vault's code for why.
    Denied(String),
    /// No token, or not one that the vault takes.
    Unauthenticated,
    /// No usable answer. It may come later.
    Unavailable(String),
    /// What the vault holds is no key.
    NoKey(&'static str),
}

impl Refusal {
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Deleted => "deleted",
            Self::Disabled => "disabled",
            Self::Throttled(_) => "throttled",
            Self::Denied(_) => "denied",
            Self::Unauthenticated => "unauthenticated",
            Self::Unavailable(_) => "unavailable",
            Self::NoKey(_) => "no-key",
        }
    }

    pub(super) fn of(self, wanted: Wanted) -> KeyError {
        match self {
            Self::Missing => KeyError::Missing { wanted },
            Self::Deleted => KeyError::Deleted { wanted },
            Self::Disabled => KeyError::Disabled { wanted },
            Self::Throttled(after) => KeyError::Throttled { wanted, after },
            Self::Denied(reason) => KeyError::Denied { wanted, reason },
            Self::Unauthenticated => KeyError::Unauthenticated { wanted },
            Self::Unavailable(reason) => KeyError::SourceUnavailable { wanted, reason },
            Self::NoKey(reason) => KeyError::Misconfigured { wanted, reason: reason.to_owned() },
        }
    }
}

/// What an error means, and its whole story for the operator's log, which names apps and traces: never for a user.
pub(super) fn read(error: Error, quiet: Option<Duration>) -> (Refusal, String) {
    let cause = chain(&error);
    let refusal = match error.kind() {
        ErrorKind::HttpResponse { status, .. } => {
            let status = *status;
            let detail = ErrorResponse::try_from(error).ok().and_then(|answer| answer.error);
            let (code, inner) =
                detail.map_or((None, None), |detail| (detail.code, detail.inner_error.and_then(|inner| inner.code)));
            answered(status, code.as_deref(), inner.as_deref(), quiet)
        }
        ErrorKind::Credential if was_refused(&error) => Refusal::Unauthenticated,
        ErrorKind::Credential => Refusal::Unavailable("no token could be had for it; the log has the cause".into()),
        ErrorKind::Connection => Refusal::Unavailable("it cannot be reached".into()),
        ErrorKind::Io => Refusal::Unavailable("its answer did not come in time, or was cut off".into()),
        ErrorKind::DataConversion => Refusal::Unavailable("its answer is not one of Key Vault".into()),
        // a challenge that names another domain than the vault's
        ErrorKind::Other => Refusal::Unavailable("its answer cannot be trusted; the log has the cause".into()),
    };
    (refusal, cause)
}

fn answered(status: StatusCode, code: Option<&str>, inner: Option<&str>, quiet: Option<Duration>) -> Refusal {
    match (status, inner.or(code)) {
        (StatusCode::NotFound, _) => Refusal::Missing,
        (StatusCode::Forbidden, Some("SecretDisabled")) => Refusal::Disabled,
        (StatusCode::Forbidden, code) => Refusal::Denied(word(code)),
        (StatusCode::Unauthorized, _) => Refusal::Unauthenticated,
        (StatusCode::Conflict, Some("ObjectIsDeletedButRecoverable")) => Refusal::Deleted,
        (StatusCode::Conflict, _) if code == Some("Conflict") => Refusal::Deleted,
        (StatusCode::TooManyRequests, _) => Refusal::Throttled(quiet.unwrap_or_default()),
        (status, code) => Refusal::Unavailable(format!("it answered {} {}", u16::from(status), word(code))),
    }
}

/// A code as the vault's documentation has them; anything else is not repeated.
fn word(code: Option<&str>) -> String {
    let plain = |code: &&str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    code.filter(plain).unwrap_or("without a code").to_owned()
}

/// Whether somebody said no, rather than that nobody answered.
fn was_refused(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(found) = cause {
        match found.downcast_ref::<Error>().map(Error::kind) {
            Some(ErrorKind::Connection | ErrorKind::Io) => return false,
            Some(ErrorKind::HttpResponse { status, .. }) => {
                return !status.is_server_error() && *status != StatusCode::TooManyRequests;
            }
            _ => {}
        }
        cause = found.source();
    }
    true
}

/// The error and its causes, on one line.
fn chain(error: &Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        let says = found.to_string();
        if !told.contains(&says) {
            told = format!("{told}: {says}");
        }
        cause = found.source();
    }
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind, source: Error) -> Error {
        Error::with_error(kind, source, "outer")
    }

    #[test]
    fn a_disabled_version_is_told_from_a_missing_permission_by_the_inner_code() {
        let forbidden = |inner| answered(StatusCode::Forbidden, Some("Forbidden"), inner, None);
        assert_eq!(forbidden(Some("SecretDisabled")), Refusal::Disabled);
        assert_eq!(forbidden(Some("ForbiddenByRbac")), Refusal::Denied("ForbiddenByRbac".into()));
        assert_eq!(forbidden(None), Refusal::Denied("Forbidden".into()));
        assert_eq!(forbidden(Some("<b>no</b>")), Refusal::Denied("without a code".into()));
    }

    #[test]
    fn statuses_mean_what_key_vault_means_by_them() {
        let quiet = Some(Duration::from_secs(7));
        for (status, code, meant) in [
            (StatusCode::NotFound, "SecretNotFound", Refusal::Missing),
            (StatusCode::Conflict, "Conflict", Refusal::Deleted),
            (StatusCode::Unauthorized, "Unauthorized", Refusal::Unauthenticated),
            (StatusCode::TooManyRequests, "Throttled", Refusal::Throttled(Duration::from_secs(7))),
            (StatusCode::ServiceUnavailable, "Busy", Refusal::Unavailable("it answered 503 Busy".into())),
        ] {
            assert_eq!(answered(status, Some(code), None, quiet), meant);
        }
    }

    #[test]
    fn a_credential_is_refused_where_somebody_said_no_and_away_where_nobody_answered() {
        let cause = || Error::with_message(ErrorKind::Other, "AADSTS7000215: Invalid client secret.");
        let (refusal, told) = read(error(ErrorKind::Credential, cause()), None);
        assert_eq!(refusal, Refusal::Unauthenticated);
        assert!(told.contains("AADSTS7000215"), "{told}");
        let shown = refusal.of(Wanted::Index).to_string();
        assert!(!shown.contains("AADSTS"), "{shown}");
        let away = Error::with_message(ErrorKind::Connection, "refused");
        let (refusal, _) = read(error(ErrorKind::Credential, away), None);
        assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal:?}");
    }
}
