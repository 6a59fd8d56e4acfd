//! `raw` content: any call that the entry allows, and no other.

use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::catalogue::is_pointer;
use super::request::RequestError;
use super::segment::{is_dots, is_single};

/// Which calls of an API may be made as they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccess {
    /// Scheme, host and port of every call, and the path that all of them begin with.
    pub(super) base: Url,
    /// The calls.
    pub(super) allow: Vec<Allowed>,
    /// JSON pointers of the answer's fields that a job may ask for.
    #[serde(default)]
    pub(super) response: Vec<String>,
}

/// One call that may be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Allowed {
    /// The method, in capitals.
    pub(super) method: String,
    /// The path below the base, as in `/posts/*/comments`; `*` stands for one segment, whatever it is.
    pub(super) path: String,
}

impl RawAccess {
    pub(super) fn check(&self) -> Result<(), String> {
        let plain = |allowed: &Allowed| {
            segments(&allowed.path).is_some() && Method::from_bytes(allowed.method.as_bytes()).is_ok()
        };
        if let Some(allowed) = self.allow.iter().find(|allowed| !plain(allowed)) {
            return Err(format!(
                "allow: {} {}: not a method and a plain path, as in POST /posts/*",
                allowed.method, allowed.path
            ));
        }
        self.response.iter().try_for_each(|at| is_pointer("response", at))
    }

    /// The fields that a job asks for and may have, as JSON pointers. A job may leave the first slash out.
    pub(super) fn asked_for(&self, accept: &[String]) -> Vec<String> {
        let asked = |listed: &&String| {
            accept.iter().any(|asked| listed.trim_start_matches('/') == asked.trim_start_matches('/'))
        };
        self.response.iter().filter(asked).cloned().collect()
    }

    /// The address of a call, if the entry allows it. The path has no query; each segment is encoded anew, so that none
    /// can end itself, and what came of it is looked at again after parsing.
    pub(super) fn url(&self, method: &str, path: &str) -> Result<Url, RequestError> {
        let segments = segments(path).ok_or_else(|| {
            RequestError::Malformed(
                "content.path: must begin with one slash and have plain segments, without `..`, `;`, `?`, `#`, `%2f` or `\\`"
                    .into(),
            )
        })?;
        let fits = |allowed: &&Allowed| {
            let pattern: Vec<&str> = allowed.path.split('/').skip(1).collect();
            allowed.method == method
                && pattern.len() == segments.len()
                && pattern.iter().zip(&segments).all(|(pattern, segment)| *pattern == "*" || pattern == segment)
        };
        if !self.allow.iter().any(|allowed| fits(&allowed)) {
            return Err(RequestError::NotAllowed(
                "its entry does not allow this method and path as raw content".into(),
            ));
        }
        let mut url = self.base.clone();
        let base: Vec<&str> = self.base.path().split('/').filter(|part| !part.is_empty()).collect();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend(&segments),
            Err(()) => return Err(RequestError::NotAllowed("its entry's base has no path".into())),
        };
        let parsed: Vec<&str> = url.path().split('/').skip(1).collect();
        let inside = url.origin() == self.base.origin()
            && parsed.len() == base.len() + segments.len()
            && parsed.starts_with(&base)
            && url.query().is_none();
        if inside {
            Ok(url)
        } else {
            Err(RequestError::Malformed("content.path: leads out of the provider's API".into()))
        }
    }
}

/// The segments of a path that holds nothing but segments.
fn segments(path: &str) -> Option<Vec<&str>> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let plain = |segment: &&str| {
        !segment.is_empty()
            && !is_dots(segment)
            && is_single(segment)
            && !segment.contains(['?', '#', ';'])
            && !segment.to_ascii_lowercase().contains("%3b")
    };
    segments.iter().all(plain).then_some(segments)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RawAccess;

    fn url(method: &str, path: &str) -> Option<String> {
        let access: RawAccess = serde_json::from_value(json!({
            "base": "https://api.example/v1",
            "allow": [{"method": "POST", "path": "/posts/*/comments"}, {"method": "GET", "path": "/*"}],
        }))
        .unwrap();
        access.url(method, path).ok().map(Into::into)
    }

    #[test]
    fn only_listed_methods_and_paths_are_called() {
        assert_eq!(url("POST", "/posts/7/comments").unwrap(), "https://api.example/v1/posts/7/comments");
        assert_eq!(url("GET", "/me").unwrap(), "https://api.example/v1/me");
        for (method, path) in [
            ("DELETE", "/me"),
            ("get", "/me"),
            ("POST", "/posts/7"),
            ("POST", "/posts/7/comments/8"),
            ("POST", "/postsx/7/comments"),
        ] {
            assert!(url(method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_api() {
        for path in [
            "//evil/x",
            "https://evil",
            "https://evil/x",
            "/..%2f",
            "/..%2F..%2fx",
            "/%2e%2e",
            "/..",
            "/.",
            "/../x",
            "/a\\b",
            "/me?as=root",
            "/me#x",
            "/",
            "me",
            "",
            "/a\nb",
            // what some servers make of it: a path parameter, which they take away
            "/..;",
            "/..%3b",
            "/..;x=1",
            "/me;as=root",
        ] {
            assert!(url("GET", path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_segment_is_encoded_and_cannot_end_itself() {
        assert_eq!(url("GET", "/a b%41é").unwrap(), "https://api.example/v1/a%20b%2541%C3%A9");
    }
}
