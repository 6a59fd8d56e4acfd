//! What operators do from the command line: the real binary on real servers.

mod check;
mod connections;
mod dead;
mod enqueue;
mod jobs;
mod providers;
mod terminal;
mod top;
mod width;
mod world;
