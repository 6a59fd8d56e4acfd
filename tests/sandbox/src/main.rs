//! The practice platform: an OAuth 2.1 and `OpenID` server, a wall of posts and a gateway for text messages, with faults that
//! can be switched on.
//!
//! It is what this project is tried out and tested against, so it uses nothing of this project: it cannot share its
//! mistakes. It is strict where real platforms are strict (single-use codes, rotating refresh tokens with reuse
//! detection), keeps everything in memory, listens on loopback only, and knows no passwords. It is no server to expose.

mod admin;
mod app;
mod authorize;
mod azure;
mod clients;
mod faults;
mod fields;
mod grants;
mod limits;
mod log;
mod openid;
mod pages;
mod posts;
mod random;
mod refusal;
mod revoke;
mod scopes;
mod sms;
mod stats;
mod token;
mod wall;

use std::error::Error;
use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::app::{App, Settings};
use crate::clients::Client;

/// The practice platform: an OAuth 2.1 server and a wall of posts, on loopback.
#[derive(Parser)]
struct Args {
    /// Port on 127.0.0.1; 0 takes a free one, which the line on stdout names
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// End when stdin reaches its end, so that the platform does not outlive the process that started it
    #[arg(long)]
    until_stdin_closes: bool,
    /// Client id of the one client that may ask
    #[arg(long, default_value = "sealpost")]
    client_id: String,
    /// Its practice secret
    #[arg(long, default_value = "sealpost-secret")]
    client_secret: String,
    /// Its name on the consent page
    #[arg(long, default_value = "Sealpost")]
    client_name: String,
    /// Life of an access token, in seconds
    #[arg(long, default_value_t = 3600)]
    access_ttl: u32,
    /// Serve the practice vault and the practice tenant instead; what a client needs to know is written into this folder
    #[arg(long, value_name = "FOLDER")]
    azure: Option<PathBuf>,
    /// Tenants, applications, vaults and roles of theirs, as JSON
    #[arg(long, value_name = "FILE", requires = "azure")]
    azure_seed: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sealpost-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = &args.azure {
        let served = azure::serve(folder, args.azure_seed.as_deref());
        return if args.until_stdin_closes {
            tokio::select! { served = served => served, () = stdin_closed() => Ok(()) }
        } else {
            served.await
        };
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
        .await
        .map_err(|error| format!("cannot listen on 127.0.0.1:{}: {error}; choose another --port", args.port))?;
    let port = listener.local_addr()?.port();
    let issuer = format!("http://127.0.0.1:{port}");
    let client = Client { id: args.client_id, secret: args.client_secret, name: args.client_name };
    let settings = Settings { access_ttl: args.access_ttl, ..Settings::default() };
    let app = Arc::new(App::new(issuer.clone(), client, settings));

    let ready = serde_json::json!({"ready": true, "port": port, "issuer": issuer});
    writeln!(io::stdout(), "{ready}")?;
    io::stdout().flush()?;

    let served = axum::serve(listener, router(&app)).into_future();
    if args.until_stdin_closes {
        tokio::select! {
            served = served => served?,
            () = stdin_closed() => {}
        }
    } else {
        served.await?;
    }
    Ok(())
}

fn router(app: &Arc<App>) -> Router {
    Router::new()
        .merge(authorize::routes())
        .merge(token::routes())
        .merge(openid::routes())
        .merge(revoke::routes())
        .merge(posts::routes())
        .merge(sms::routes())
        .merge(wall::routes())
        .layer(axum::middleware::from_fn_with_state(app.clone(), faults::spoil))
        .layer(axum::middleware::from_fn_with_state(app.clone(), limits::hold))
        // Below the layer, so that no fault can lock the tests out.
        .merge(admin::routes())
        .merge(faults::routes())
        .merge(limits::routes())
        .merge(openid::admin_routes())
        .merge(sms::admin_routes())
        .with_state(app.clone())
}

/// A thread of its own: a read of stdin cannot be cancelled, and one on the runtime would hold up the end.
async fn stdin_closed() {
    let (closed, wait) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = closed.send(());
    });
    let _ = wait.await;
}
