//! What runs on this machine, from /proc.

use std::fs;

pub(super) fn gone(pid: i32) -> bool {
    matches!(state(pid), None | Some('Z'))
}

/// The process's state letter, R, S, T, Z and so on.
pub(super) fn state(pid: i32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

pub(super) fn parent_of(pid: i32) -> Option<i32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// The fields of /proc/<pid>/stat after the program's name, which may contain anything.
pub(super) fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}
