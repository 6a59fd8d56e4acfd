//! Who asked what, call by call: for tests that hold it against what happened to the clients meanwhile.

use jiff::Timestamp;
use serde::Serialize;

use crate::app::now;

/// Every call that spends a grant or makes a post, in the order in which they were carried out.
#[derive(Default)]
pub(crate) struct Log(Vec<Line>);

/// One call.
#[derive(Clone, Serialize)]
pub(crate) struct Line {
    /// When it was carried out; its answer may have been sent later.
    at: Timestamp,
    /// `authorization_code`, `refresh_token`, `other`, `post`.
    call: &'static str,
    /// The query of the request, as it came: a client that wants to be known says there who it is.
    query: Option<String>,
    user: Option<String>,
    /// The consent that the code or refresh token is of.
    family: Option<usize>,
    /// Of a post.
    text: Option<String>,
    /// As in the statistics.
    outcome: &'static str,
}

impl Log {
    pub(crate) fn token(
        &mut self,
        call: &'static str,
        query: Option<String>,
        whose: Option<(usize, String)>,
        outcome: &'static str,
    ) {
        let (family, user) = whose.unzip();
        self.0.push(Line { at: now(), call, query, user, family, text: None, outcome });
    }

    /// `made`: author and text.
    pub(crate) fn post(&mut self, query: Option<String>, made: Option<(String, String)>, outcome: &'static str) {
        let (user, text) = made.unzip();
        self.0.push(Line { at: now(), call: "post", query, user, family: None, text, outcome });
    }

    pub(crate) fn all(&self) -> &[Line] {
        &self.0
    }
}
