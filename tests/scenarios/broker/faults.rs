//! Brokers and networks that fail.
