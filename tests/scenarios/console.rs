//! The console page of `sealpost dev`.

mod clicks;
mod strangers;
