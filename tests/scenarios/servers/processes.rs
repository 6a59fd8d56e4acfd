//! What runs on this machine, from /proc.

use std::{fs, path::Path};

/// Everything that runs in the folder or was started for it, the guards too.
pub(super) fn processes_in(folder: &Path) -> Vec<i32> {
    let text = folder.to_str().expect("a folder's name is text");
    let pids =
        fs::read_dir("/proc").expect("Linux").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let at = Path::new("/proc").join(pid.to_string());
        let inside = fs::read_link(at.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        inside
            || ["environ", "cmdline"]
                .iter()
                .any(|file| fs::read(at.join(file)).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text)))
    })
    .collect()
}

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
