//! Scenarios on real servers.
#![cfg(test)] // always true here; it tells clippy that helpers of tests are tests

mod asyncapi;
mod authority;
mod azure;
mod azure_keys;
mod bad_input;
mod broker;
mod canary;
mod catalogue;
mod clusters;
mod commands;
mod connect;
mod console;
mod contract;
mod delivery;
mod dev;
mod device;
mod flows;
mod identity;
mod import;
mod import_rules;
mod keeper;
mod keys;
mod ledger;
mod notify;
mod operations;
mod producer_in_python;
mod queries;
mod records;
mod revoke;
mod sealing;
mod servers;
mod soak;
mod traces;
mod wire;
