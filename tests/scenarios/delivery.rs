//! What the runner promises of every message: tried again, put aside or done, and never lost.

mod attempts;
mod crashes;
mod panics;
mod restarts;
