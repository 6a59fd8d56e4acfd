//! Connections that end: revoked at a platform that follows RFC 7009, and deleted, whatever happens meanwhile.

mod answers;
mod badly;
mod commands;
mod killed;
mod late;
mod newer;
mod points;
mod receipts;
mod scopes;
mod sealed;
pub(crate) mod world;
