//! The token keeper on a real Redis and a platform that rotates refresh tokens and ends a family when a spent one comes
//! again: at the moment of expiry, with bad answers, and interrupted at each point of the refresh protocol.

mod answers;
mod consents;
mod deleted;
mod expiry;
mod meanwhile;
mod peers;
mod points;
mod processes;
mod quirks;
mod stopped;
mod untold;
mod world;
