//! What a request to a vault asks, by its method and path.

use axum::http::{Method, Uri};
use url::form_urlencoded;

use super::refusal::Refused;

/// Longest name of a secret.
const LONGEST_NAME: usize = 127;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    GetLatest,
    GetVersion,
    Set,
    Update,
    List,
    ListVersions,
    Delete,
    GetDeleted,
    ListDeleted,
    Recover,
    Purge,
}

/// A request that is understood.
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    /// As its path writes it; checked to be a name.
    pub(crate) secret: Option<String>,
    pub(crate) version: Option<String>,
    /// `maxresults`, 1 to 25.
    pub(crate) page: usize,
    /// The last id of the page before.
    pub(crate) after: Option<String>,
    pub(crate) api_version: String,
}

impl Operation {
    /// For counts and faults.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetLatest => "get-latest",
            Self::GetVersion => "get-version",
            Self::Set => "set",
            Self::Update => "update",
            Self::List => "list",
            Self::ListVersions => "list-versions",
            Self::Delete => "delete",
            Self::GetDeleted => "get-deleted",
            Self::ListDeleted => "list-deleted",
            Self::Recover => "recover",
            Self::Purge => "purge",
        }
    }

    /// The data action that a role must hold, after `Microsoft.KeyVault/vaults/secrets/`.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::GetLatest | Self::GetVersion => "getSecret/action",
            Self::Set => "setSecret/action",
            Self::Update => "update/action",
            Self::List | Self::ListVersions | Self::GetDeleted | Self::ListDeleted => "readMetadata/action",
            Self::Delete => "delete",
            Self::Recover => "recover/action",
            Self::Purge => "purge/action",
        }
    }

    fn of(method: &Method, path: &[&str]) -> Option<Self> {
        Some(match (method.as_str(), path) {
            ("GET", ["secrets"]) => Self::List,
            ("GET", ["secrets", _, "versions"]) => Self::ListVersions,
            ("GET", ["secrets", _]) => Self::GetLatest,
            ("GET", ["secrets", _, _]) => Self::GetVersion,
            ("PUT", ["secrets", _]) => Self::Set,
            ("PATCH", ["secrets", _] | ["secrets", _, _]) => Self::Update,
            ("DELETE", ["secrets", _]) => Self::Delete,
            ("GET", ["deletedsecrets"]) => Self::ListDeleted,
            ("GET", ["deletedsecrets", _]) => Self::GetDeleted,
            ("DELETE", ["deletedsecrets", _]) => Self::Purge,
            ("POST", ["deletedsecrets", _, "recover"]) => Self::Recover,
            _ => return None,
        })
    }
}

impl Asked {
    pub(crate) fn of(method: &Method, uri: &Uri) -> Result<Self, Refused> {
        let path: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let operation = Operation::of(method, &path).ok_or_else(|| Refused::no_such_operation(method, uri.path()))?;
        let secret = path.get(1).map(|&name| name.to_owned());
        if let Some(name) = secret.as_deref().filter(|name| !is_name(name)) {
            return Err(Refused::bad_parameter(format!("The request URI contains an invalid name: {name}")));
        }
        let version = matches!(operation, Operation::GetVersion | Operation::Update).then(|| path.get(2)).flatten();
        let query = uri.query().unwrap_or_default().as_bytes();
        let field = |name: &str| form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value);
        let api_version =
            field("api-version").ok_or_else(|| Refused::bad_parameter("api-version must be specified"))?;
        if !is_api_version(&api_version) {
            return Err(Refused::bad_parameter(format!("The specified version ({api_version}) is not recognized.")));
        }
        let wrong = || Refused::bad_parameter("maxresults must be 1 to 25");
        let page = field("maxresults").map_or(Ok(25), |most| most.parse().map_err(|_| wrong()))?;
        if !(1..=25).contains(&page) {
            return Err(wrong());
        }
        Ok(Self {
            operation,
            secret,
            version: version.map(|&version| version.to_owned()),
            page,
            after: field("$skiptoken").map(std::borrow::Cow::into_owned),
            api_version: api_version.into_owned(),
        })
    }

    /// The name under which the secret is kept: names differ in more than case.
    pub(crate) fn key(&self) -> String {
        self.secret.as_deref().unwrap_or_default().to_ascii_lowercase()
    }
}

/// `^[0-9a-zA-Z-]{1,127}$`.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// 7.0 and later ones, or a date.
fn is_api_version(version: &str) -> bool {
    let is_date = version.len() >= 10 && version.starts_with("20") && version.as_bytes()[4] == b'-';
    is_date || version.strip_prefix("7.").is_some_and(|minor| !minor.is_empty())
}
