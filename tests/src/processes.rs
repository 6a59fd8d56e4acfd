//! Processes as Linux shows them in `/proc`: which belong to a folder, and whether one stands still.

use std::{fs, path::Path, time::Duration};

use sealpost::dev::child::Guarded;

use crate::until;

/// SIGSTOP, and waits until it has arrived: one thread of the program takes the signal when it is next scheduled, and the
/// others run until then, which on a busy machine is long enough to answer. It continues with `sigcont`.
pub async fn freeze(process: &Guarded) {
    process.sigstop();
    until("every thread stands still", Duration::from_mins(1), async || stands_still(process.pid())).await;
}

/// Whether every thread of the process is stopped; also if it is gone.
fn stands_still(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    // See proc_pid_stat(5): the state follows the name, which may itself hold a parenthesis.
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.into_iter().all(|stat| stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T')))
}

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
