//! What the pipeline is for, from the producer's message to the post on the wall, with real worker processes.

mod exchange;
mod publish;
mod renewal;
mod rotate;
mod schedule;
