//! What operators do from the command line.

pub mod keys;
