//! `sealpost connect`: a person's consent, given in their own browser, becomes a connection (RFC 8252).
//!
//! It spends nothing itself: the code goes to the workers as an exchange request, and their answer is shown.

mod answer;
mod landing;
mod page;
mod report;

use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use sealpost_schemas::{
    AuthorizationCode, Connection, ExchangeRequest, ExchangeResult, Grant, Name, Owner, ProviderId, queues,
};
use sealpost_shared::broker::Producer;
use sealpost_shared::config::Config;
use sealpost_shared::ids;
use secrecy::SecretString;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use webbrowser::{Browser, BrowserOptions};

pub(crate) use self::landing::Landing;
pub(crate) use self::page::Page;
use crate::ops::import::asking::{Asking, Ended};
use crate::ops::import::progress::Progress;
use crate::providers::Catalogue;
use crate::worker::stop_signal;

/// How long the workers may take.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);

/// Whose account is connected, and how.
#[derive(Debug, clap::Args)]
pub struct ConnectArgs {
    /// The provider's name in the catalogue.
    #[arg(value_parser = provider)]
    pub provider: ProviderId,
    /// Your customer or site.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub tenant: Name,
    /// Your user, whose account it is.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub user: Name,
    /// Which of several accounts of this user.
    #[arg(long, value_name = "NAME", value_parser = name, default_value = "default")]
    pub label: Name,
    /// Takes the account that consents now, also where another one was connected before.
    #[arg(long)]
    pub replace_subject: bool,
    /// Only prints the page's address, for a browser of your choice on this machine.
    #[arg(long)]
    pub no_browser: bool,
    /// How long the consent may take.
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    pub timeout: u64,
    /// Ends with the result as JSON (exchange-result.v1) instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Connects an account.
///
/// # Errors
/// In words: why there is no connection.
pub async fn connect(config: &Path, args: &ConnectArgs) -> Result<(), String> {
    let config = Config::read(config)?;
    let url = config.broker.url.read().map_err(|why| format!("broker.url: {why}"))?;
    let catalogue = Catalogue::read(&config.providers)?;
    let entry = catalogue.get(&args.provider);
    let entry = entry.ok_or_else(|| format!("provider {} is not in {}", args.provider, config.providers.display()))?;
    let stop = stop_signal()?;
    let interrupted = || "stopped: nothing was connected".to_owned();
    // what can fail without a consent fails before a person is asked for one
    stop.run_until_cancelled(look_at(&url)).await.ok_or_else(interrupted)??;
    let landing = Landing::begin(&entry.oauth).await?;
    invite(&landing, args);
    let limit = Duration::from_secs(args.timeout);
    let waiting = spinner();
    let arrival = stop.run_until_cancelled(timeout(limit, landing.arrival())).await;
    waiting.finish_and_clear();
    let over = |_| format!("no consent within {} s, so nothing was connected; try again", args.timeout);
    let (brought, visitor) = arrival.ok_or_else(interrupted)?.map_err(over)??;
    let result = match brought {
        Ok(code) => exchange(&url, request(args, code), &stop).await,
        Err(no) => Err(no.to_string()),
    };
    visitor.tell(page_of(&result)).await;
    let result = result?;
    let text = if args.json { report::json(&result)? } else { report::table(&result) };
    writeln!(std::io::stdout(), "{text}").map_err(|error| format!("printing the result: {error}"))?;
    result.failure.map_or(Ok(()), |failure| Err(format!("not connected: {} ({})", failure.message, failure.code)))
}

/// Whether the broker is there, and somebody to take the request.
async fn look_at(url: &SecretString) -> Result<(), String> {
    let producer = Producer::connect(url.clone()).await.map_err(|error| error.to_string())?;
    if producer.consumers(queues::EXCHANGE_REQUESTS).await == Some(0) {
        say("No worker takes exchange requests now; start one with: sealpost work exchange");
    }
    Ok(())
}

/// Prints where the consent is given, and opens it where a browser can be had.
fn invite(landing: &Landing, args: &ConnectArgs) {
    let url = landing.url().to_string();
    let (ConnectArgs { provider, tenant, user, .. }, minutes) = (args, args.timeout.div_ceil(60));
    say(&format!(
        "The consent of {tenant}/{user} at {provider} is given on this page (within {minutes} min; Ctrl-C ends it):\n\n  {url}\n"
    ));
    if !args.no_browser {
        // a thread of its own: some browsers do not return before they are closed. The address stands above.
        std::thread::spawn(move || {
            let quiet = BrowserOptions::new().with_suppress_output(true).clone();
            let _ = webbrowser::open_browser_with_options(Browser::Default, &url, &quiet);
        });
    }
}

fn request(args: &ConnectArgs, code: AuthorizationCode) -> ExchangeRequest {
    let connection = Connection {
        tenant: args.tenant.clone(),
        user: args.user.clone(),
        provider: args.provider.clone(),
        label: args.label.clone(),
    };
    ExchangeRequest { replace_subject: args.replace_subject, ..request_of(connection, code) }
}

/// The request that has a code exchanged.
pub(crate) fn request_of(connection: Connection, code: AuthorizationCode) -> ExchangeRequest {
    let Connection { tenant, user, provider, label } = connection;
    ExchangeRequest {
        id: ids::fresh(),
        owner: Owner { tenant, user },
        provider,
        label,
        store_on_device: false,
        grant: Grant::AuthorizationCode(code),
        scopes: None,
        reply_key: None,
        replace_subject: false,
        deadline: None,
    }
}

/// Has the workers exchange it, and waits for their answer.
async fn exchange(
    url: &SecretString,
    request: ExchangeRequest,
    stop: &CancellationToken,
) -> Result<ExchangeResult, String> {
    let (id, requests) = (request.id, [request]);
    let mut asking = Asking::new(&requests, NonZeroUsize::MIN, ANSWER_WITHIN);
    let mut progress = Progress::begin(requests.len());
    let ended = asking.run(url, &mut progress, stop).await;
    progress.end();
    let why = match ended {
        Err(Ended::Stopped) => "stopped",
        _ => "no answer came within 2 min (is a worker running? sealpost work exchange)",
    };
    let answer = asking.into_results().pop().flatten();
    answer.ok_or_else(|| format!("{why}; the request {id} may still be done"))
}

/// How it went, on a page.
pub(crate) fn page_of(result: &Result<ExchangeResult, String>) -> Page {
    match result {
        Ok(ExchangeResult { failure: Some(failure), .. }) => Page::bad("Not connected", &failure.message),
        Ok(result) => {
            let account = result.subject.as_ref().map(|subject| subject.name.as_ref().unwrap_or(&subject.id));
            let title = account.map_or("The account is connected".into(), |account| format!("{account} is connected"));
            let whose = result.connection.as_ref().map(|Connection { tenant, user, provider, .. }| {
                format!("It is {tenant}/{user}’s account at {provider} from now on. ")
            });
            Page::good(title, whose.unwrap_or_default() + "You can close this page.")
        }
        Err(why) => Page::bad("Not connected", why),
    }
}

fn spinner() -> ProgressBar {
    let spinner = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    spinner.set_message("waiting for the browser");
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// On stderr, so that stdout has the result only. That nobody reads it is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn provider(text: &str) -> Result<ProviderId, String> {
    ProviderId::new(text).ok_or_else(|| "must be 1 to 64 of a-z, 0-9 and hyphen".into())
}

fn name(text: &str) -> Result<Name, String> {
    Name::new(text).ok_or_else(|| "must be 1 to 256 bytes without control characters".into())
}
