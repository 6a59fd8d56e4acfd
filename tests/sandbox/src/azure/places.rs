//! `places.json`: where everything is, and the practice identities. Practice secrets, made for being told.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::directory::{Directory, MANAGED, READER, SEALPOST};

/// The header that the managed identity's endpoint wants.
pub(crate) const IDENTITY_HEADER: &str = "practice-identity-header";

/// What a client needs to know.
#[derive(Clone, Serialize)]
pub(crate) struct Places {
    ready: bool,
    /// For `https://NAME.vault.azure.net:PORT`, with the name resolved to 127.0.0.1.
    pub(crate) vault_port: u16,
    /// `https://localhost:PORT`, the tenants' authority host.
    pub(crate) authority: String,
    /// Its home tenant: the first.
    pub(crate) tenant: String,
    /// All of them.
    tenants: Vec<String>,
    /// For `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
    identity_endpoint: String,
    identity_header: &'static str,
    /// The managed identity's client id.
    identity_client_id: &'static str,
    /// `http://127.0.0.1:PORT`, the admin API.
    admin: String,
    /// The CA's certificate.
    ca: PathBuf,
    /// The application with all rights on every vault, its secret, and its token as a workload.
    client_id: &'static str,
    client_secret: String,
    pub(crate) federated_token_file: PathBuf,
    /// One that may read only.
    reader_id: &'static str,
    reader_secret: String,
}

impl Places {
    pub(crate) fn new(folder: &Path, directory: &Directory, ports: [u16; 4]) -> Self {
        let [vault_port, tenant_port, identity_port, admin_port] = ports;
        let secret = |id| directory.app(id).and_then(|app| app.secret.clone()).unwrap_or_default();
        Self {
            ready: true,
            vault_port,
            authority: format!("https://localhost:{tenant_port}"),
            tenant: directory.home().id.clone(),
            tenants: directory.tenants.iter().map(|tenant| tenant.id.clone()).collect(),
            identity_endpoint: format!("http://127.0.0.1:{identity_port}/msi/token"),
            identity_header: IDENTITY_HEADER,
            identity_client_id: MANAGED,
            admin: format!("http://127.0.0.1:{admin_port}"),
            ca: folder.join("ca.pem"),
            client_id: SEALPOST,
            client_secret: secret(SEALPOST),
            federated_token_file: folder.join("workload.jwt"),
            reader_id: READER,
            reader_secret: secret(READER),
        }
    }

    /// Of the tenant's tokens, which a vault's and a client's checks compare as text.
    pub(crate) fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.authority)
    }

    /// Of a workload's tokens: the cluster.
    pub(crate) fn cluster(&self) -> String {
        format!("{}/cluster", self.authority)
    }
}
