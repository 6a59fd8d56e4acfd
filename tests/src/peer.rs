//! What servers that others wrote have in common: they are installed once, by version, below `.sealpost/peers`, and run
//! as a child process that says where it is in its first line and ends with its stdin.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    machine::workspace,
    patience::{end, limited},
};

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Peer {
    issuer: String,
    child: Child,
}

impl Peer {
    /// Blocks until the program says where it is. It ends with this process, as its stdin does.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (mut line, _limited) = (String::new(), limited(&child));
        BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line of the server");
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command:?} said {line:?}: {error}"));
        Self { issuer: ready["issuer"].as_str().expect("an issuer").into(), child }
    }

    /// Its address, as it says it itself.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        url::Url::parse(&self.issuer).expect("an address").port().expect("a port")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The folder of a package, with these files in it, after `install` was done there. It is done again when a file has
/// changed. One installer at a time, over all test processes. Blocks.
pub(crate) fn installed(package: &str, files: &[(&str, &str)], install: impl FnOnce(&Path)) -> PathBuf {
    let folder = workspace().join(".sealpost/peers").join(package);
    fs::create_dir_all(&folder).expect("a folder for the package");
    let lock = File::create(folder.join("lock")).expect("a lock");
    lock.lock().expect("the lock");
    let done = folder.join("installed");
    let is_there =
        |(name, text): &(&str, &str)| fs::read_to_string(folder.join(name)).is_ok_and(|found| found == *text);
    if done.exists() && files.iter().all(is_there) {
        return folder;
    }
    let _ = fs::remove_file(&done);
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file of the package");
    }
    install(&folder);
    fs::write(&done, "").expect("a note that it is installed");
    folder
}

/// Runs an installer; panics with what it said when it fails.
pub(crate) fn run(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let _limited = limited(&child);
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
