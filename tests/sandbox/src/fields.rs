//! The fields of a query or a form, read as RFC 6749 §3.1 wants: none twice, an empty one as absent.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{FromRequest, Request};

use crate::refusal::Refusal;

/// The fields of a request: of the query for GET, of the form body otherwise.
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The field's value; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The field's value, or `invalid_request`.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::oauth("invalid_request", format!("{name} is missing")))
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, state)
            .await
            .map_err(|rejection| Refusal::oauth("invalid_request", rejection.body_text()))?;
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            if fields.contains_key(&name) {
                return Err(Refusal::oauth("invalid_request", format!("{name} is given twice")));
            }
            fields.insert(name, value);
        }
        Ok(Self(fields))
    }
}
