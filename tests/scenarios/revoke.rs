//! Connections that end: revoked at a platform that follows RFC 7009, and deleted, whatever happens meanwhile.

mod access;
mod answers;
mod badly;
mod commands;
mod damaged;
mod index;
mod killed;
mod late;
mod newer;
mod points;
mod receipts;
mod replaced;
mod scopes;
mod sealed;
mod second;
mod stuck;
mod sweeps;
pub(crate) mod world;
