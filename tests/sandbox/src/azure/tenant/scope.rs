//! The `scope` of a request: one resource, some of its scopes, and those of `OpenID`.

use super::refusal::Refused;
use crate::azure::directory::Directory;

#[derive(Clone, Default)]
pub(crate) struct Scope {
    /// The resource's name, as the client wrote it.
    pub(crate) resource: String,
    pub(crate) names: Vec<String>,
    pub(crate) openid: bool,
    pub(crate) offline: bool,
}

impl Scope {
    /// Without a resource it is Microsoft Graph's, to read who the user is.
    pub(crate) fn of(text: &str, directory: &Directory) -> Result<Self, Refused> {
        let mut scope = Self::default();
        for word in text.split_ascii_whitespace() {
            match word {
                "openid" => scope.openid = true,
                "offline_access" => scope.offline = true,
                "profile" | "email" => {}
                _ => scope.add(word, directory)?,
            }
        }
        if scope.resource.is_empty() {
            scope.add("https://graph.microsoft.com/User.Read", directory)?;
        }
        Ok(scope)
    }

    fn add(&mut self, word: &str, directory: &Directory) -> Result<(), Refused> {
        let wrong = |why: &str| {
            let message = format!("The provided value for the input parameter 'scope' is not valid: {word} {why}");
            Refused::new("invalid_scope", 70_011, message)
        };
        let (resource, name) = word.rsplit_once('/').ok_or_else(|| wrong("names no resource."))?;
        let resource = resource.trim_end_matches('/');
        let Some(known) = directory.resource(resource) else {
            let message = format!("The resource principal named {resource} was not found in the tenant.");
            return Err(Refused::new("invalid_resource", 500_011, message));
        };
        if !self.resource.is_empty() && self.resource != resource {
            return Err(Refused::new("invalid_scope", 28_000, "The scope contains more than one resource."));
        }
        resource.clone_into(&mut self.resource);
        match name {
            ".default" => self.names.extend(known.scopes.iter().cloned()),
            _ if known.scopes.iter().any(|scope| scope == name) => self.names.push(name.to_owned()),
            _ => return Err(wrong("does not exist.")),
        }
        self.names.sort();
        self.names.dedup();
        Ok(())
    }

    /// Everything asked for is of this other one.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.resource == other.resource && self.names.iter().all(|name| other.names.contains(name))
    }

    /// As the answer tells it: `offline_access` is not in it.
    pub(crate) fn granted(&self) -> String {
        let names = self.names.iter().map(|name| format!("{}/{name}", self.resource));
        names.chain(self.openid.then(|| "openid".to_owned())).collect::<Vec<_>>().join(" ")
    }
}
