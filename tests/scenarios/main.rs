//! Scenarios on real servers.
#![expect(clippy::expect_used, reason = "a scenario stops by panicking")]

mod records;
mod servers;
