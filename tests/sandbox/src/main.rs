//! The practice platform.

fn main() {}
