//! A rotation tick.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use sealpost_schemas::{Name, ProviderId, RotationTick};
use sealpost_shared::clock::{Clock, SystemClock};
use serde_json::json;

use super::Sending;
use super::asked::Asked;
use super::message;
use crate::ops::read;

/// What a rotation does, and with which records.
#[derive(Debug, Args)]
pub struct Rotate {
    /// What is done with each record: rewrap seals it anew under the newest key version, refresh has its provider refresh it
    /// first.
    #[arg(long, default_value = "rewrap", conflicts_with = "file")]
    mode: Mode,
    /// Only this tenant's.
    #[arg(long, value_parser = read::name, conflicts_with = "file")]
    tenant: Option<Name>,
    /// Only this provider's.
    #[arg(long, value_parser = read::provider, conflicts_with = "file")]
    provider: Option<ProviderId>,
    /// Mode refresh: only what is due before this, as in `2026-11-22T12:00:00Z` [default: all].
    #[arg(long, value_name = "TIME", value_parser = read::time, conflicts_with = "file")]
    due_before: Option<Timestamp>,
    #[command(flatten)]
    pub(super) sending: Sending,
}

/// What is done with each record.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Rewrap,
    Refresh,
}

impl Rotate {
    pub(super) fn asked(&self) -> Result<Asked, String> {
        let made = message::made::<RotationTick>(&self.sending, || {
            let mode = match self.mode {
                Mode::Rewrap => "rewrap",
                Mode::Refresh => "refresh",
            };
            Ok(json!({"mode": mode, "scope": {"tenant": self.tenant, "provider": self.provider},
                      "due_before": self.due_before, "scheduled_for": SystemClock.now()}))
        })?;
        Ok(Asked::new(made, |_| None))
    }
}
