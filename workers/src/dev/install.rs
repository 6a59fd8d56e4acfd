//! Finds RabbitMQ and Redis on this machine and, on Debian and Ubuntu, installs what is missing. It says first what it
//! will do, never lets the packages' services start, and refuses to install anywhere else.

use std::{
    fs::{self, File, OpenOptions},
    io::{IsTerminal, stdin},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{DevError, servers::tail};

const SCRIPT: &str = include_str!("install.sh");

/// Where the servers' programs are.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The script that starts a node: the real one. Debian's on PATH is a wrapper that insists on its own user.
    pub rabbitmq_server: PathBuf,
    /// The real `rabbitmqctl`, beside it.
    pub rabbitmqctl: PathBuf,
    /// Erlang's port mapper.
    pub epmd: PathBuf,
    /// The Redis server.
    pub redis_server: PathBuf,
    /// The Redis client, which builds clusters.
    pub redis_cli: PathBuf,
}

/// Finds the servers' programs; installs the missing ones where it can. One installer of a
/// project at a time: its lock and the log are in `folder`; the script has one for the machine. Blocks, for minutes if it must install.
///
/// # Errors
/// If something is missing and cannot be installed here, with the command that does it by hand.
pub fn ensure_installed(folder: &Path, say: &dyn Fn(&str)) -> Result<Installed, DevError> {
    if let Ok(installed) = find() {
        return Ok(installed);
    }
    fs::create_dir_all(folder).map_err(DevError::io(format!("making the folder {}", folder.display())))?;
    let path = folder.join("install.lock");
    let doing = || DevError::io(format!("locking {}", path.display()));
    let lock = File::create(&path).map_err(doing())?;
    lock.lock().map_err(doing())?;
    // Somebody else may have installed them while this waited for the lock.
    if let Err(missing) = find() {
        install(&missing, &folder.join("install.log"), say)?;
    }
    find().map_err(|missing| by_hand(&missing, "installing the packages did not bring them."))
}

fn install(packages: &[&'static str], log: &Path, say: &dyn Fn(&str)) -> Result<(), DevError> {
    if which("apt-get").is_none() {
        return Err(by_hand(
            packages,
            "this is not Debian or Ubuntu, so that Sealpost does not know how to install them.",
        ));
    }
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("sh")
    } else if which("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        // Nobody is there to type a password.
        sudo.args(if stdin().is_terminal() { &["sh"][..] } else { &["-n", "sh"] });
        sudo
    } else {
        return Err(by_hand(packages, "installing needs root, and there is no sudo."));
    };
    say(&format!(
        "{} missing: installing with apt-get{}; the services stay off. Progress: {}",
        packages.join(" and "),
        if rustix::process::geteuid().is_root() { "" } else { " through sudo" },
        log.display()
    ));
    let doing = || DevError::io(format!("installing {}, log {}", packages.join(" "), log.display()));
    let output = OpenOptions::new().create(true).append(true).open(log).map_err(doing())?;
    let status = command
        .args(["-c", SCRIPT, "install"])
        .args(packages)
        .stdin(Stdio::inherit())
        .stdout(output.try_clone().map_err(doing())?)
        .stderr(output)
        .status()
        .map_err(doing())?;
    if status.success() {
        return Ok(());
    }
    Err(by_hand(packages, &format!("installing failed ({status}). The end of {}:\n{}", log.display(), tail(log))))
}

/// All programs, or the packages of the missing ones.
fn find() -> Result<Installed, Vec<&'static str>> {
    // The real scripts lie beside what the one on PATH links to.
    let beside = which("rabbitmq-server").and_then(|path| path.canonicalize().ok());
    let script = |name| beside.as_ref().map(|path| path.with_file_name(name)).filter(|path| path.exists());
    let found = (
        (script("rabbitmq-server"), script("rabbitmqctl"), which("epmd")),
        (which("redis-server"), which("redis-cli")),
    );
    match found {
        ((Some(rabbitmq_server), Some(rabbitmqctl), Some(epmd)), (Some(redis_server), Some(redis_cli))) => {
            Ok(Installed { rabbitmq_server, rabbitmqctl, epmd, redis_server, redis_cli })
        }
        ((Some(_), Some(_), Some(_)), _) => Err(vec!["redis-server"]),
        (_, (Some(_), Some(_))) => Err(vec!["rabbitmq-server"]),
        _ => Err(vec!["rabbitmq-server", "redis-server"]),
    }
}

/// The first file of that name on PATH, or in a folder for servers that is not on everybody's PATH.
fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn by_hand(missing: &[&'static str], why: &str) -> DevError {
    let packages = missing.join(" ");
    let command = format!("sudo apt-get update && sudo apt-get install --no-install-recommends {packages}");
    let missing = missing.join(", ");
    DevError::NotInstalled { missing, why: why.into(), command }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A machine of its own for the script: its paths are moved into a folder, and the programs that it calls do nothing.
    struct Machine(PathBuf);

    impl Machine {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("sealpost-install-{name}-{}", std::process::id()));
            for folder in ["sbin", "run", "bin", "proc/1"] {
                fs::create_dir_all(root.join(folder)).unwrap();
            }
            // Two at once see each other, or the other's policy.
            let apt_get = "#!/bin/sh\nset -e\nmkdir ROOT/busy\ngrep -qx 'exit 101' ROOT/sbin/policy-rc.d\n\
                           sleep 0.2\nrmdir ROOT/busy\n";
            for (program, text) in [("apt-get", apt_get), ("systemctl", "#!/bin/sh\n")] {
                let file = root.join("bin").join(program);
                fs::write(&file, text.replace("ROOT", root.to_str().unwrap())).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            }
            Self(root)
        }

        fn install(&self) -> Command {
            let root = self.0.to_str().unwrap();
            let mut script = SCRIPT.to_owned();
            for (real, here) in [("/usr/sbin/", "sbin"), ("/run/", "run"), ("/proc/", "proc")] {
                script = script.replace(real, &format!("{root}/{here}/"));
            }
            let mut command = Command::new("sh");
            let path = std::env::var("PATH").unwrap();
            command.args(["-c", &script, "install", "a-server"]).env("PATH", format!("{root}/bin:{path}"));
            command
        }

        fn policy(&self) -> PathBuf {
            self.0.join("sbin/policy-rc.d")
        }

        fn saved(&self) -> PathBuf {
            self.0.join("sbin/policy-rc.d.before-sealpost")
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn installers_of_two_projects_wait_for_each_other_and_leave_the_machines_own_policy() {
        let machine = Machine::new("two");
        fs::write(machine.policy(), "the machine's own").unwrap();
        let running = [machine.install().spawn().unwrap(), machine.install().spawn().unwrap()];
        for mut installer in running {
            assert!(installer.wait().unwrap().success());
        }
        assert_eq!(fs::read_to_string(machine.policy()).unwrap(), "the machine's own");
        assert!(!machine.saved().exists());
    }

    #[test]
    fn what_a_killed_installer_left_is_put_right_by_the_next_and_a_second_policy_is_never_overwritten() {
        let machine = Machine::new("killed");
        fs::write(machine.0.join("bin/apt-get"), "#!/bin/sh\nkill -9 $PPID\n").unwrap();
        fs::write(machine.policy(), "the machine's own").unwrap();
        assert!(!machine.install().status().unwrap().success());
        assert!(machine.saved().exists());
        fs::write(machine.0.join("bin/apt-get"), "#!/bin/sh\n").unwrap();
        assert!(machine.install().status().unwrap().success());
        assert_eq!(fs::read_to_string(machine.policy()).unwrap(), "the machine's own");
        assert!(!machine.saved().exists());

        fs::write(machine.saved(), "the machine's first").unwrap();
        let refused = machine.install().output().unwrap();
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("before-sealpost"), "{refused:?}");
        assert_eq!(fs::read_to_string(machine.policy()).unwrap(), "the machine's own");
        assert_eq!(fs::read_to_string(machine.saved()).unwrap(), "the machine's first");
    }
}
