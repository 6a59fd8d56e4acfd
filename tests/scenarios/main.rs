//! Scenarios on real servers.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a scenario stops by panicking")]

mod broker;
mod contract;
mod delivery;
mod dev;
mod flows;
mod import_rules;
mod ledger;
mod records;
mod sealing;
mod servers;
