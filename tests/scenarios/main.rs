//! Scenarios on real servers.
#![cfg(test)] // always true here; it tells clippy that helpers of tests are tests

mod broker;
mod contract;
mod flows;
mod import_rules;
mod producer_in_python;
mod records;
mod sealing;
mod servers;
