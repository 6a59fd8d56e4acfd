//! Refresh tokens that another system held: the grant, and the command that brings a file of them in.

mod command;
mod files;
mod grant;
mod held;
mod lost;
mod world;
