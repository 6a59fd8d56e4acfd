//! `sealpost guard -- <program>`: runs one program for a caller and ends it when the caller is gone, even by SIGKILL.
//! The caller holds the guard's stdin; end of file there means that the caller is gone. It starts nothing twice and
//! reads no configuration.
//!
//! The program in turn asks the kernel to be killed when the guard is gone, so that no single kill leaves anything.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::timeout,
};

/// How long the program has between SIGTERM and SIGKILL.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// What the hidden subcommand takes.
#[derive(Debug, clap::Args)]
pub struct GuardArgs {
    /// When the caller is gone, kill the program at once and remove this folder.
    #[arg(long, requires = "up_to")]
    remove: Option<PathBuf>,
    /// And the folders above it that are empty then, up to this one.
    #[arg(long)]
    up_to: Option<PathBuf>,
    /// Become the program, as the child of this guard.
    #[arg(long, hide = true)]
    child_of: Option<i32>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs the program to its end and returns its exit code (128 + n if signal n ended it, 127 if it cannot be started).
///
/// Prints `{"pid":N}` on stdout first. The program's stdin is empty; its stdout and stderr are the guard's stderr.
#[must_use]
pub fn run(args: &GuardArgs) -> ExitCode {
    let Some((program, rest)) = args.command.split_first() else { return ExitCode::from(127) };
    let failed = if let Some(guard) = args.child_of {
        become_program(guard, program, rest)
    } else {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return complain(program, &error),
        };
        match runtime.block_on(watch(args)) {
            Ok(status) => return exit_code(status),
            Err(error) => error,
        }
    };
    complain(program, &failed)
}

fn complain(program: &OsString, error: &io::Error) -> ExitCode {
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(io::stderr(), "sealpost guard: {} cannot be run: {error}", program.display());
    ExitCode::from(127)
}

/// Replaces this process by the program, which the kernel then kills with the guard. Returns only an error.
fn become_program(guard: i32, program: &OsString, rest: &[OsString]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // A guard that died before the line above is not noticed by the kernel.
    if getppid().map(Pid::as_raw_pid) != Some(guard) {
        return io::Error::other("the guard is gone");
    }
    std::process::Command::new(program).args(rest).exec()
}

async fn watch(args: &GuardArgs) -> io::Result<ExitStatus> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    // The kernel's promise above is tied to the thread that starts the program: this one, which lives to the end.
    // By this path it is this very program, also when the file was replaced by a new build.
    let mut child = Command::new("/proc/self/exe")
        .args(["guard", "--child-of", &std::process::id().to_string(), "--"])
        .args(&args.command)
        .stdin(Stdio::null())
        .stdout(io::stderr().as_fd().try_clone_to_owned()?)
        .spawn()?;
    let pid = child.id().ok_or_else(|| io::Error::other("the program has no process id"))?;
    writeln!(io::stdout(), "{{\"pid\":{pid}}}")?;
    io::stdout().flush()?;
    tokio::select! {
        status = child.wait() => return status,
        _ = caller_gone() => {}
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    let Some(folder) = &args.remove else { return end(&mut child).await };
    // What it would write in an orderly end is removed anyway.
    child.start_kill()?;
    let status = child.wait().await?;
    remove(folder, args.up_to.as_deref()).await;
    Ok(status)
}

/// Resolves at the end of stdin. A thread of its own, because a blocked read cannot be taken back.
fn caller_gone() -> oneshot::Receiver<()> {
    let (gone, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while matches!(io::stdin().read(&mut buffer), Ok(1..)) {}
        let _ = gone.send(());
    });
    told
}

async fn end(child: &mut Child) -> io::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // A stopped program heeds SIGTERM only once it continues. Errors mean that it is gone already.
        let _ = kill_process(pid, Signal::TERM);
        let _ = kill_process(pid, Signal::CONT);
    }
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status;
    }
    child.start_kill()?;
    child.wait().await
}

/// Removes the folder; a program's own children may write into it for a moment longer, so a few times.
async fn remove(folder: &Path, up_to: Option<&Path>) {
    for _ in 0..20 {
        match std::fs::remove_dir_all(folder) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    for above in folder.ancestors().skip(1).take_while(|above| up_to.is_some_and(|last| above.starts_with(last))) {
        // Fails while something is in it.
        let _ = std::fs::remove_dir(above);
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
