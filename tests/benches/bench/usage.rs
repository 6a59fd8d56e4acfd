//! What a process used, from `/proc`.

use std::fs;

/// Clock ticks a second (`sysconf(_SC_CLK_TCK)`), 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// CPU time of a process so far, user and system, in seconds.
pub(crate) fn cpu_seconds(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| after_name[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS
}

/// Resident memory of a process in MB: what it has now, or the most that it had (`VmRSS`, `VmHWM`).
pub(crate) fn resident_mb(pid: i32, which: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(which)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
