//! The practice platform's rules, each driven over real HTTP against the started program.

#![expect(clippy::expect_used, reason = "all of this is test code, where a panic is a failed test")]

mod authorize;
mod faults;
mod openid;
mod pages;
mod posts;
mod process;
mod revoke;
mod sandbox;
mod sms;
mod token;
