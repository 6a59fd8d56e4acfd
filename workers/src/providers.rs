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
mod gateway;
#[cfg(test)]
mod generated;
mod publishing;
mod raw;
mod request;
mod segment;
mod summary;
mod template;

pub use call::{Publication, PublishError, publish};
pub use catalogue::{Api, Catalogue, Provider};
pub use find::{Found, find};
pub use gateway::{Gateway, GatewayError, Gateways};
use publishing::Publishing;
pub use request::{Request, RequestError};
pub use summary::Summary;
