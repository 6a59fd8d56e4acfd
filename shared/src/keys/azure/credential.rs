//! Who we are to the vault: the credential that configuration chose.

use std::sync::Arc;

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::ClientOptions;
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, DeveloperToolsCredential,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use secrecy::ExposeSecret;

use crate::config::Credential;

/// Makes it; nobody is asked for a token yet.
///
/// # Errors
/// In words: what is not set, or not readable.
pub(super) fn make(chosen: &Credential, options: ClientOptions) -> Result<Arc<dyn TokenCredential>, String> {
    let made: azure_core::Result<Arc<dyn TokenCredential>> = match chosen.clone() {
        Credential::ManagedIdentity { client_id } => {
            let user_assigned_id = client_id.map(UserAssignedId::ClientId);
            let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options: options };
            ManagedIdentityCredential::new(Some(options)).map(|made| made as _)
        }
        Credential::WorkloadIdentity { tenant_id, client_id, token_file } => {
            let credential_options = ClientAssertionCredentialOptions { client_options: options };
            let options = WorkloadIdentityCredentialOptions {
                credential_options,
                client_id,
                tenant_id,
                token_file_path: token_file,
            };
            WorkloadIdentityCredential::new(Some(options)).map(|made| made as _)
        }
        Credential::ClientSecret { tenant_id, client_id, client_secret } => {
            let secret = client_secret.read().map_err(|why| format!("client_secret: {why}"))?;
            let secret = Secret::new(secret.expose_secret().to_owned());
            let options = ClientSecretCredentialOptions { client_options: options };
            ClientSecretCredential::new(&tenant_id, client_id, secret, Some(options)).map(|made| made as _)
        }
        // these run az and azd, and ask nobody themselves
        Credential::Developer => DeveloperToolsCredential::new(None).map(|made| made as _),
    };
    made.map_err(|error| error.to_string())
}
