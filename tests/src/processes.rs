//! Which processes belong to a folder.

use std::{fs, path::Path};

/// Everything that runs in the folder or was started for it, the guards too.
#[must_use]
pub fn processes_in(folder: &Path) -> Vec<i32> {
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
