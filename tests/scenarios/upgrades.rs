//! Two versions side by side, and what an older release left behind.
//!
//! A second binary is not built here: it would take longer than all other tests. What a newer release sends or stores is put before
//! this one, which is the older one then; and what older releases sent and stored (`tests/golden`) is, and this one is the newer.

mod cursors;
mod dump;
mod golden;
mod made;
mod messages;
mod newer_messages;
mod newer_records;
mod records;
mod stored;
mod topology;
