//! The practice vault and the practice tenant: Azure Key Vault and the Microsoft identity platform, as far as a client
//! of their secrets and tokens can tell, on loopback and in memory (`--azure FOLDER`).
//!
//! Four free ports: the vaults (TLS; every `NAME.vault.azure.net` is one of its own, by `Host`), the tenants (TLS, several by
//! id), the managed identity (App Service's form) and the admin API. `FOLDER/places.json` says where they are and with which practice
//! identities; `FOLDER/ca.pem` is what their certificate is to be trusted by.
//!
//! They validate what they get. The vault: signature, key, issuer (its tenant's), audience, `nbf` and `exp` of every token, the
//! caller's role for every action, names, sizes, versions, the state of what is asked for. The tenant: clients (secret; assertion with `x5t` or
//! `x5t#S256`, `aud`, `iss`, `sub`, `exp`, `jti` only once; federated assertion), PKCE, redirect addresses, whose a code or refresh
//! token is, scopes that exist and were consented to, and of an on-behalf-of assertion signature, tenant, times, audience, and that it is a user's.
//!
//! They do not: know passwords, consent pages or conditional access (an admin makes it be asked for), delete with a delay, back up, hold keys or
//! certificates, limit rates by themselves (faults do), or forget old tokens when roles change. Real Entra accepts a client assertion
//! twice and five minutes of clock skew; this one does neither, so that a client that needs them is found out.

pub(crate) mod admin;
pub(crate) mod counts;
pub(crate) mod directory;
pub(crate) mod faults;
pub(crate) mod graph;
pub(crate) mod identity;
pub(crate) mod jwt;
pub(crate) mod keys;
pub(crate) mod places;
pub(crate) mod tenant;
pub(crate) mod tls;
pub(crate) mod vault;
pub(crate) mod world;

use std::error::Error;
use std::fs;
use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use self::directory::Directory;
use self::places::Places;
use self::tls::{Tls, TlsListener};
use self::world::World;

/// Serves until one of the servers fails. The line on stdout, and `places.json`, come when all of them listen.
pub(crate) async fn serve(folder: &Path, seed: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let folder = std::path::absolute(folder)?;
    let directory = seed.map_or_else(|| Ok(Directory::default()), Directory::read)?;
    fs::create_dir_all(&folder)?;
    let tls = Tls::new()?;
    fs::write(folder.join("ca.pem"), tls.ca_pem())?;
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (vault, tenant, identity, admin) = (bind().await?, bind().await?, bind().await?, bind().await?);
    let [vault_port, tenant_port, identity_port, admin_port] =
        [&vault, &tenant, &identity, &admin].map(|listener| listener.local_addr().map(|address| address.port()));
    let places = Places::new(&folder, &directory, [vault_port?, tenant_port?, identity_port?, admin_port?]);
    let key = tokio::task::spawn_blocking(keys::Key::new).await?.map_err(|error| error.to_string())?;
    let world = Arc::new(World::new(places.clone(), directory, key));

    let told = serde_json::to_string(&places)?;
    fs::write(folder.join("places.json"), &told)?;
    writeln!(io::stdout(), "{told}")?;
    io::stdout().flush()?;

    let (vault, tenant) = (TlsListener::new(vault, &tls), TlsListener::new(tenant, &tls));
    tokio::try_join!(
        axum::serve(vault, vault::router(&world)).into_future(),
        axum::serve(tenant, tenant::router(&world)).into_future(),
        axum::serve(identity, identity::router(&world)).into_future(),
        axum::serve(admin, admin::router(&world)).into_future(),
    )?;
    Ok(())
}
