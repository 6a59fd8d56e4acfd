//! What operators see: measures, readiness, logs; and what nobody may see.

mod measures;
mod readiness;
pub(crate) mod secrets;
