//! Sealpost: workers that hold OAuth 2 tokens and act with them.

mod braces;
pub mod connect;
pub mod dev;
pub mod exchange;
mod exposition;
pub mod notify;
pub mod ops;
pub mod ops_port;
pub mod places;
pub mod providers;
pub mod publish;
pub mod query;
pub mod revoke;
pub mod rotate;
pub mod runner;
pub mod schedule;
pub mod step;
pub mod telemetry;
pub mod worker;
