//! Scenarios on real servers.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a scenario stops by panicking")]

mod bad_input;
mod broker;
mod delivery;
mod flows;
mod operations;
mod records;
mod sealing;
mod servers;
