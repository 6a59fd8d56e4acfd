//! Scenarios on real servers.
#![expect(clippy::expect_used, reason = "a scenario stops by panicking")]

mod broker;
mod contract;
mod flows;
mod import_rules;
mod producer_in_python;
mod records;
mod sealing;
mod servers;
