//! The catalogue: providers as data. Owns the publishing half and its call; the OAuth half is `shared::oauth`'s.

mod call;
mod catalogue;
mod template;

pub use call::{Publication, PublishError, publish};
pub use catalogue::{Catalogue, Provider, Publishing};
