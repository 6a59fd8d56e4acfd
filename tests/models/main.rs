//! Protocols of ours as models, explored whole: every order of steps and faults, up to a bound on each kind of fault.
#![cfg(test)]

mod device;
mod exchange;
mod ledger;
mod refresh;
mod revoke;
