//! What two Sealpost processes must agree on.
//!
//! Owns sealing, keys, records, the ledger, the broker, the token calls and the words for failure. Knows no step.

pub mod broker;
pub mod clock;
pub mod config;
pub mod failure;
pub mod http;
pub mod ids;
pub mod keys;
#[cfg(test)]
mod known_answers;
pub mod ledger;
pub mod metrics;
pub mod oauth;
pub mod pace;
pub mod plain;
pub mod records;
pub mod seal;
pub mod secrets;
pub mod tokens;
pub mod trace;
mod wiped;
pub mod wire;
