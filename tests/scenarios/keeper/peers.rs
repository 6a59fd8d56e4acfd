//! The same against servers that others wrote, with the entries of the example catalogue: consent given in their own
//! pages and spent by the exchange step, and what each of them does to a refresh token that comes again.

mod django;
mod oidc_provider;
mod points;
mod stage;
mod stopped;
mod zitadel;
