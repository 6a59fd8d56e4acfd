//! A person's consent, asked for in their own browser (RFC 8252), and what it brings as a request for the workers.
//!
//! Nothing is spent here: the code goes to the workers as it came.

mod answer;
mod landing;
mod page;

use sealpost_schemas::{AuthorizationCode, Connection, ExchangeRequest, ExchangeResult, Grant, Owner};
use sealpost_shared::ids;

pub(crate) use self::landing::Landing;
pub(crate) use self::page::Page;

/// The request that has a code exchanged.
pub(crate) fn request_of(connection: Connection, code: AuthorizationCode) -> ExchangeRequest {
    let Connection { tenant, user, provider, label } = connection;
    ExchangeRequest {
        id: ids::fresh(),
        owner: Owner { tenant, user },
        provider,
        label,
        store_on_device: false,
        grant: Grant::AuthorizationCode(code),
        scopes: None,
        reply_key: None,
        replace_subject: false,
        deadline: None,
    }
}

/// How it went, on a page.
pub(crate) fn page_of(result: &Result<ExchangeResult, String>) -> Page {
    match result {
        Ok(ExchangeResult { failure: Some(failure), .. }) => Page::bad("Not connected", &failure.message),
        Ok(result) => {
            let account = result.subject.as_ref().map(|subject| subject.name.as_ref().unwrap_or(&subject.id));
            let title = account.map_or("The account is connected".into(), |account| format!("{account} is connected"));
            let whose = result.connection.as_ref().map(|Connection { tenant, user, provider, .. }| {
                format!("It is {tenant}/{user}’s account at {provider} from now on. ")
            });
            Page::good(title, whose.unwrap_or_default() + "You can close this page.")
        }
        Err(why) => Page::bad("Not connected", why),
    }
}
