//! The catalogue: providers as data. Owns the publishing half and its call; the OAuth half is `shared::oauth`'s.
//!
//! Neither the provider nor the producer is trusted: the origin of a call is the entry's, addresses in answers are never
//! called, and of an answer only what the entry lists goes on, bounded, without what was sent.

mod answer;
mod call;
mod catalogue;
mod errors;
mod find;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod generated;
mod raw;
mod template;

pub use call::{Publication, PublishError, Request, RequestError, publish};
pub use catalogue::{Api, Catalogue, Provider, Publishing};
pub use find::{Found, find};
