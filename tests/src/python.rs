//! Python for the scenarios that need a second implementation: one virtual environment under `.sealpost/venv`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::patience::limited;

/// The interpreter of the shared virtual environment, with `packages` (pinned, `name==version`) installed in it.
///
/// Makes the environment where there is none. Safe against other tests and other test runs: each waits for the other.
/// All callers share the environment, so all must pin a package to the same version.
///
/// # Panics
///
/// With the command's output and what to install, where the machine has no Python, no `venv`, or a package cannot be
/// had.
#[must_use]
pub fn python_venv(packages: &[&str]) -> PathBuf {
    prepared(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sealpost"), "python3", packages)
        .unwrap_or_else(|problem| panic!("{problem}"))
}

fn prepared(folder: &Path, python3: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let lock = || {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("venv.lock"))?;
        lock.lock()?;
        Ok(lock)
    };
    let _alone = lock().map_err(|error: std::io::Error| format!("locking {}: {error}", folder.display()))?;
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    // Also where there is one that was cut off while it was made, or whose Python has gone.
    if run(Command::new(&python).args(["-m", "pip", "--version"])).is_err() {
        run(Command::new(python3).args(["-m", "venv", "--clear"]).arg(&venv)).map_err(|problem| {
            format!("{problem}\nmaking a virtual environment needs the Debian packages python3 and python3-venv")
        })?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).args(packages))?; // asks no registry for what is there already
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let _limited = limited(&child);
    let output = child.wait_with_output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{command:?}: {}\n{out}{err}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_venv_is_told_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        for python in ["no-such-python", "false"] {
            let problem = prepared(folder.path(), python, &[]).unwrap_err();
            assert!(problem.contains(python) && problem.contains("python3-venv"), "{problem}");
        }
    }
}
