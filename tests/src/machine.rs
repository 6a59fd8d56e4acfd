//! What the tests of one process share: the built binaries, the installed servers, one RabbitMQ, one folder.
//!
//! A shared server lives in a static, which nobody drops: its guard ends it and removes its folder when this process
//! is gone.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use sealpost::dev::{
    install::ensure_installed,
    servers::{
        Launcher,
        rabbitmq::{RabbitMq, RabbitMqOptions},
    },
};

/// The built programs.
#[derive(Debug)]
pub struct Binaries {
    /// The workers.
    pub sealpost: PathBuf,
    /// The practice platform.
    pub sandbox: PathBuf,
}

/// The workspace's root folder.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' folder is in the workspace")
}

/// The binaries beside this test's executable, built once per process, so that they are never stale. Blocks.
#[must_use]
pub fn binaries() -> &'static Binaries {
    static BINARIES: OnceLock<Result<Binaries, String>> = OnceLock::new();
    BINARIES.get_or_init(build).as_ref().unwrap_or_else(|error| panic!("{error}"))
}

fn build() -> Result<Binaries, String> {
    // <target>/<profile>/deps/<test>
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let profile = test.ancestors().nth(2).expect("a test's executable lies in deps");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--workspace", "--bins"]).current_dir(workspace());
    // What the outer cargo told this test about its package would make build scripts, ring's for one, run again.
    let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(told)) {
        cargo.env_remove(name);
    }
    cargo.arg("--target-dir").arg(profile.parent().expect("a profile's folder lies in the target folder"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().map_err(|error| format!("{cargo:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{cargo:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(Binaries { sealpost: profile.join("sealpost"), sandbox: profile.join("sealpost-sandbox") })
}

/// What servers are started with; installs them first where they are missing. Blocks.
#[must_use]
pub fn launcher() -> &'static Launcher {
    static LAUNCHER: OnceLock<Result<Launcher, String>> = OnceLock::new();
    LAUNCHER
        .get_or_init(|| {
            let say = |line: &str| writeln!(std::io::stderr(), "{line}").expect("a stderr");
            let installed =
                ensure_installed(&workspace().join(".sealpost"), &say).map_err(|error| error.to_string())?;
            Ok(Launcher { guard: binaries().sealpost.clone(), installed, remove_up_to: Some(own_folder()) })
        })
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A name for a folder or a virtual host that no other test has, in this process or another.
#[must_use]
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Guards the folder of this process, so that nobody removes it while somebody makes a folder in it.
static FOLDERS: Mutex<()> = Mutex::new(());

/// The folder of this test process. What is in it lives as long as the process, at most.
fn own_folder() -> PathBuf {
    workspace().join(".sealpost/tests").join(std::process::id().to_string())
}

/// A new, empty folder for one server or one test, to be given to [`remove_folder`] at the end.
#[must_use]
pub fn folder(what: &str) -> PathBuf {
    static SWEPT: OnceLock<()> = OnceLock::new();
    let own = own_folder();
    SWEPT.get_or_init(|| sweep(own.parent().expect("it is in the folder of all")));
    let _guard = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = own.join(unique(what));
    fs::create_dir_all(&folder).expect("a folder for a test");
    folder
}

/// Removes a folder that [`folder`] made, and the one of the process when it is empty.
pub fn remove_folder(folder: &Path) {
    let _guard = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    // A test that goes wrong must say so itself; a folder that stays is swept by the next run.
    let _ = fs::remove_dir_all(folder);
    let _ = fs::remove_dir(own_folder());
}

/// Removes what test processes left behind that were killed.
fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The RabbitMQ that all tests of this process share, with the management plugin. For use, not for killing. Blocks.
#[must_use]
pub fn shared_rabbitmq() -> &'static RabbitMq {
    static SHARED: OnceLock<Result<RabbitMq, String>> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            let launcher = launcher();
            let options = RabbitMqOptions { management: true, ..Default::default() };
            // Whoever comes first must not start it on a runtime that ends with one test.
            let start = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(RabbitMq::start(&folder("broker"), launcher, &options))
            };
            std::thread::scope(|scope| scope.spawn(start).join()).expect("no panic").map_err(|error| error.to_string())
        })
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}"))
}
