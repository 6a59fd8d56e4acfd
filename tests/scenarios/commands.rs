//! What operators do from the command line: the real binary on real servers.

mod dead;
mod world;
