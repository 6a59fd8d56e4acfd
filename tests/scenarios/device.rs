//! Tokens that rest with the user: exchanged, parked, picked up and published with, whatever happens meanwhile.

mod ends;
mod exchange;
mod exchange_crashes;
mod over;
mod pickup;
mod pickup_crashes;
mod publish;
mod publish_crashes;
mod races;
mod refused;
mod rotation;
mod sealed;
mod unroutable;
pub(crate) mod world;
