//! What operators do from the command line.

pub mod import;
pub mod keys;
