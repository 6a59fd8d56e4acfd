//! Rotations, and what is sealed under what.

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use jiff::Timestamp;
use sealpost_schemas::{RotationCounts, RotationMode};

/// What rotations did with records.
pub const ROTATED: &str = "sealpost_rotation_records_total";
const SHARDS_DONE: &str = "sealpost_rotation_shards_done_total";
const SEALED: &str = "sealpost_sealed_records";
const SHARDS_LEFT: &str = "sealpost_rotation_shards_left";
const ROTATION_ENDED: &str = "sealpost_rotation_ended_timestamp_seconds";

/// Help texts, and counters that begin at 0.
pub(super) fn describe() {
    describe_counter!(ROTATED, "Records that rotations did something with, by result.");
    describe_counter!(SHARDS_DONE, "Shards that rotations walked to their end.");
    describe_gauge!(SEALED, "Records and results sealed under the latest key version, and under older ones.");
    describe_gauge!(SHARDS_LEFT, "Shards that the running rotations have not walked to their end yet, by mode.");
    describe_gauge!(ROTATION_ENDED, Unit::Seconds, "When the last rotation of this mode that is remembered ended.");
    // from the start, so that the first one is a rise
    counter!(SHARDS_DONE).increment(0);
}

/// A rotation's walk did this with records.
pub fn rotated(counts: RotationCounts) {
    let RotationCounts { refreshed, resealed, ended, failed } = counts;
    for (result, number) in [("refreshed", refreshed), ("resealed", resealed), ("ended", ended), ("failed", failed)] {
        counter!(ROTATED, "result" => result).increment(number);
    }
}

/// A shard of a rotation was walked to its end.
pub fn shard_done() {
    counter!(SHARDS_DONE).increment(1);
}

/// So much is sealed under the latest key version, and so much under older ones.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, which counts exactly to 2^53")]
pub fn sealed_under(latest: u64, older: u64) {
    gauge!(SEALED, "version" => "latest").set(latest as f64);
    gauge!(SEALED, "version" => "older").set(older as f64);
}

/// So many shards of rotations of this mode are not done yet.
pub fn rotation_shards_left(mode: RotationMode, shards: u32) {
    gauge!(SHARDS_LEFT, "mode" => mode_label(mode)).set(shards);
}

/// The last rotation of this mode that is remembered ended at this time.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, which counts exactly to 2^53")]
pub fn rotation_ended(mode: RotationMode, at: Timestamp) {
    gauge!(ROTATION_ENDED, "mode" => mode_label(mode)).set(at.as_second() as f64);
}

/// The word for a mode, in labels and configuration.
#[must_use]
pub const fn mode_label(mode: RotationMode) -> &'static str {
    match mode {
        RotationMode::Rewrap => "rewrap",
        RotationMode::Refresh => "refresh",
    }
}
