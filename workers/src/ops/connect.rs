//! `sealpost connect`: consent in a person's browser becomes a connection.

use std::time::Duration;

use clap::Args;
use sealpost_schemas::{Connection, ExchangeRequest, Name, ProviderId, queues};
use sealpost_shared::broker::Producer;
use sealpost_shared::config::Config;
use sealpost_shared::wire::PublicKey;
use secrecy::SecretString;
use tokio::time::timeout;
use webbrowser::{Browser, BrowserOptions};

use super::enqueue::{Asked, show, wait};
use super::progress::say;
use super::{Common, open, read, sealing};
use crate::connect::{Landing, page_of, request_of};
use crate::providers::Catalogue;
use crate::step::FollowUp;
use crate::worker::stop_signal;

/// How long the workers may take, in seconds.
const ANSWER_WITHIN: u64 = 120;

/// Whose account is connected, and how.
#[derive(Debug, Args)]
pub struct Connect {
    /// The provider, as the catalogue calls it.
    #[arg(value_parser = read::provider)]
    provider: ProviderId,
    /// The tenant.
    #[arg(long, value_parser = read::name)]
    tenant: Name,
    /// The tenant's user, whose account it is.
    #[arg(long, value_parser = read::name)]
    user: Name,
    /// Which of several accounts.
    #[arg(long, value_parser = read::name, default_value = "default")]
    label: Name,
    /// Takes the account that consents now also where another one was connected before.
    #[arg(long)]
    replace_subject: bool,
    /// Only prints the page's address, for any browser on this machine.
    #[arg(long)]
    no_browser: bool,
    /// Gives up after so many seconds without a consent.
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    timeout: u64,
    /// JSON: the answer as it came, on one line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Connects an account.
///
/// # Errors
/// In words: why there is no connection.
pub async fn run(args: &Connect) -> Result<(), String> {
    let config = Config::read(&args.common.config)?;
    let urls = open::broker_urls(&config).await?;
    let catalogue = Catalogue::of(&config)?;
    let unknown = || format!("provider {} is not in {}", args.provider, config.providers.display());
    let provider = catalogue.get(&args.provider).ok_or_else(unknown)?;
    let stop = stop_signal()?;
    let stopped = || "stopped: nothing was connected".to_owned();
    // what can fail without a consent fails before a person is asked for one
    stop.run_until_cancelled(look_for_workers(&urls)).await.ok_or_else(stopped)??;
    let key = sealing::key(&config).await?;
    let landing = Landing::begin(&provider.oauth).await?;
    invite(&landing, args);
    let arrival = timeout(Duration::from_secs(args.timeout), landing.arrival());
    let arrival = stop.run_until_cancelled(arrival).await.ok_or_else(stopped)?;
    let over = |_| format!("no consent within {} s, so nothing was connected; try again", args.timeout);
    let (brought, visitor) = arrival.map_err(over)??;
    let asked = brought.map_err(|no| no.to_string()).and_then(|code| {
        let request = request_of(args.connection(), code);
        asked(&ExchangeRequest { replace_subject: args.replace_subject, ..request }, &key, args)
    });
    let answered = match asked {
        Err(why) => Err(why),
        Ok(asked) => wait(&config, (&asked, 0), ANSWER_WITHIN, &stop).await.map(|answer| (asked, answer)),
    };
    let result = answered.as_ref().map_err(Clone::clone).and_then(|(_, answer)| {
        serde_json::from_value(answer.clone()).map_err(|error| format!("the answer cannot be read: {error}"))
    });
    visitor.tell(page_of(&result)).await;
    let ([asked], answer) = answered?;
    show(&asked, &answer, args.json)?;
    match answer["failure"]["message"].as_str() {
        None => Ok(()),
        Some(why) => Err(format!("not connected: {}", sealpost_shared::plain::plain(why))),
    }
}

impl Connect {
    fn connection(&self) -> Connection {
        let Self { tenant, user, provider, label, .. } = self;
        Connection { tenant: tenant.clone(), user: user.clone(), provider: provider.clone(), label: label.clone() }
    }
}

fn asked(request: &ExchangeRequest, key: &PublicKey, args: &Connect) -> Result<[Asked; 1], String> {
    let message = FollowUp::of(request).map_err(|error| error.to_string())?.sealed(key)?;
    Ok([Asked { message, connection: Some(args.connection()) }])
}

/// Whether the broker is there, and somebody to take the request.
async fn look_for_workers(urls: &[SecretString]) -> Result<(), String> {
    let producer = Producer::connect(urls, false).await.map_err(|error| error.to_string())?;
    if producer.consumers(queues::EXCHANGE_REQUESTS).await == Some(0) {
        say("No worker takes exchange requests now; start one with: sealpost work exchange");
    }
    Ok(())
}

/// Prints where the consent is given, and opens it where a browser can be had.
fn invite(landing: &Landing, args: &Connect) {
    let url = landing.url().to_string();
    let Connect { provider, tenant, user, timeout, .. } = args;
    say(&format!(
        "Consent for {tenant}/{user} at {provider} is given on this page (within {timeout} s; Ctrl-C ends it):\n\n  {url}\n"
    ));
    if !args.no_browser {
        // a thread of its own: some browsers do not return before they are closed. The address stands above.
        std::thread::spawn(move || {
            let mut quiet = BrowserOptions::new();
            let _ = webbrowser::open_browser_with_options(Browser::Default, &url, quiet.with_suppress_output(true));
        });
    }
}
