//! The harness: private servers, producers and fault injection for the scenarios.

pub mod python;
