//! A program that runs behind a guard: the handle knows its pid, stops, kills and waits for it, and dropping it ends
//! it. Tied to no async runtime, so that a handle may outlive the one it was made in. It restarts nothing.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{sync::watch, time::timeout};

use super::{DevError, guard::GRACE, servers::tail};

/// A program behind its guard. Dropping it ends the program (SIGTERM, after 10 s SIGKILL) without waiting for that.
#[derive(Debug)]
pub struct Guarded {
    name: String,
    pid: Pid,
    log: PathBuf,
    /// The guard reads its end here.
    _held: Option<ChildStdin>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

/// What a guard removes when the caller is gone.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// The program's folder.
    pub folder: &'a Path,
    /// The topmost folder above it that goes too when it is empty.
    pub up_to: &'a Path,
}

#[derive(serde::Deserialize)]
struct Started {
    pid: i32,
}

impl Guarded {
    /// Starts `command` (its program, arguments, environment changes and folder count; its standard streams do not)
    /// behind `guard`, the path of the `sealpost` binary, in a process group of its own, so that Ctrl-C in a terminal
    /// reaches only the caller. What the program prints is appended to `log`. With `removal`, the end of the caller
    /// kills the program at once, and the guard removes that folder.
    ///
    /// Blocks for some milliseconds, until the program has a pid.
    ///
    /// # Errors
    /// If the guard or the log cannot be opened. A program that cannot be started shows as one that exited with 127.
    pub fn spawn(
        name: &str,
        guard: &Path,
        command: &Command,
        log: &Path,
        removal: Option<Removal<'_>>,
    ) -> Result<Self, DevError> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .map_err(DevError::io(format!("opening the log {} of {name}", log.display())))?;
        let mut guarded = Command::new(guard);
        guarded.arg("guard");
        if let Some(Removal { folder, up_to }) = removal {
            guarded.arg("--remove").arg(folder).arg("--up-to").arg(up_to);
        }
        guarded.arg("--").arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(key, value),
                None => guarded.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guarded.current_dir(folder);
        }
        let doing = || DevError::io(format!("starting {name} behind the guard {}", guard.display()));
        let mut guarded = guarded
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output)
            .spawn()
            .map_err(doing())?;
        let held = guarded.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = guarded.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(doing())?;
        }
        let (told, exit) = watch::channel(None);
        let pid = serde_json::from_str::<Started>(&line).ok().and_then(|started| Pid::from_raw(started.pid));
        let Some(pid) = pid else {
            let status = guarded.wait().map_err(doing())?;
            return Err(DevError::Ended { name: name.into(), status, log: log.into(), tail: tail(log) });
        };
        std::thread::spawn(move || {
            // Waiting fails only for a process that is not ours; then nobody is told anything but that this ended.
            told.send_replace(guarded.wait().ok());
        });
        Ok(Self { name: name.into(), pid, log: log.into(), _held: held, exit })
    }

    /// What this is called in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The program's process id (not the guard's).
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether the program ended, and its guard with it: the guard's status, which is the program's (128 + n for signal
    /// n).
    #[must_use]
    pub fn has_exited(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits until the program ended. `None` if nobody can tell how.
    pub async fn exited(&self) -> Option<ExitStatus> {
        let mut exit = self.exit.clone();
        exit.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// As [`Self::exited`], where there is no async runtime, as in a `Drop`. Blocks.
    pub fn wait(&self) {
        while self.has_exited().is_none() && self.exit.has_changed().is_ok() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// SIGKILL, as in a crash. Wait with [`Self::exited`].
    pub fn kill9(&self) {
        self.send(Signal::KILL);
    }

    /// SIGSTOP: alive and mute, as on a machine that hangs.
    pub fn sigstop(&self) {
        self.send(Signal::STOP);
    }

    /// SIGCONT: the end of [`Self::sigstop`].
    pub fn sigcont(&self) {
        self.send(Signal::CONT);
    }

    /// Asks the program to end (SIGTERM, after 10 s SIGKILL) and waits for it.
    pub async fn terminate(&self) -> Option<ExitStatus> {
        self.send(Signal::TERM);
        // A stopped program heeds SIGTERM only once it continues.
        self.send(Signal::CONT);
        if let Ok(status) = timeout(GRACE, self.exited()).await {
            return status;
        }
        self.kill9();
        self.exited().await
    }

    fn send(&self, signal: Signal) {
        // Never to a process id that may be somebody else's by now. An error means that the program is just gone.
        if self.has_exited().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }
}
