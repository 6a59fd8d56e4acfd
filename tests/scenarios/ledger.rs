//! At most one post, and never a guess: the publish ledger on real servers, with real workers.

mod answers;
pub(crate) mod crashes;
mod doubts;
mod exchanges;
mod quirks;
mod told;
pub(crate) mod world;
