//! Programs that a test started and waits for: one that hangs fails its test, and does not keep the others waiting.

use std::{
    process::Child,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a program may take to say that it is ready, or to run to its end: a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_mins(5);
/// How long it may take to end once its stdin is closed.
const GRACE: Duration = Duration::from_secs(10);

/// As long as this lives, the program has a time limit, and is killed when it is over.
#[derive(Debug)]
pub struct Limited {
    _until_dropped: Sender<()>,
}

/// Kills the program after five minutes, so that reading what it says or waiting for its end come to an end.
#[must_use]
pub fn limited(child: &Child) -> Limited {
    limited_to(PATIENCE, child)
}

fn limited_to(limit: Duration, child: &Child) -> Limited {
    // It names this process also when it is gone and another has its number.
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("a child that is not waited for yet");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        if receiver.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    });
    Limited { _until_dropped: sender }
}

/// Closes the program's stdin, with which it ends. One that does not is killed: Node can hang in its own exit
/// (<https://github.com/nodejs/node/issues/54918>). Blocks.
pub fn end(child: &mut Child) {
    drop(child.stdin.take());
    let _limited = limited_to(GRACE, child);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::Command};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let mut child = sleeper();
        let _limited = limited_to(Duration::from_millis(1), &child);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
