//! What two Sealpost processes must agree on.

pub mod keys;
pub mod seal;
