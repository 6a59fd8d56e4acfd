//! The console page of `sealpost dev`.

mod azure;
mod clicks;
mod strangers;
