//! Sealpost: workers that hold OAuth 2 tokens and act with them.

pub mod dev;
