//! `sealpost connect`: a person's consent in a browser.

mod answers;
mod command;
mod providers;
mod world;
