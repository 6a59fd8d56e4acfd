//! An operator's word on a job whose outcome nobody knows. The ledger answers so from then on; should the provider's answer
//! still come and say otherwise, that is told as a conflict.

use clap::{Args, ValueEnum};
use sealpost_schemas::codec::Encoding;
use sealpost_schemas::{
    Announced, Code, Connection, FailureReport, Message, Name, ProviderId, PublishOutcome, PublishResult, Remote,
};
use sealpost_shared::broker::Outgoing;
use sealpost_shared::config::Config;
use sealpost_shared::ids;
use sealpost_shared::records::Outcome;

use super::Whose;
use crate::ops::screen::{facts, print, print_json};
use crate::ops::{Common, answer, open, read};
use crate::publish;

/// Which one, and how it ended.
#[derive(Debug, Args)]
#[command(
    after_help = "Look at the provider first. What is said here cannot be taken back: a job that is said to have \
                        failed, and was published, is published twice if its producer sends it anew."
)]
pub struct Resolve {
    #[command(flatten)]
    whose: Whose,
    /// What was found at the provider.
    #[arg(value_enum)]
    found: Found,
    /// The provider that the job names.
    #[arg(long, value_parser = read::provider)]
    provider: ProviderId,
    /// The label that the job names.
    #[arg(long, value_parser = read::name, default_value = "default")]
    label: Name,
    /// With `published`: the provider's id of the post.
    #[arg(long, value_name = "ID")]
    remote_id: Option<String>,
    /// With `published`: where a person finds it.
    #[arg(long, value_name = "URL")]
    remote_url: Option<String>,
    /// JSON: the result as it is told, on one line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Found {
    /// The post is there.
    Published,
    /// The post is not there.
    Failed,
}

pub(super) async fn run(args: &Resolve) -> Result<(), String> {
    let result = result(args)?;
    let config = Config::read(&args.common.config)?;
    let (id, owner) = (args.whose.id, args.whose.owner());
    let ledger = open::Ledgers::open(&config).await?.of(publish::LEDGER);
    let outcome = match args.found {
        Found::Published => Outcome::Happened,
        Found::Failed => Outcome::Refused,
    };
    if !ledger.resolve(&owner, id, outcome, &result).await.map_err(|failure| failure.message)? {
        return Err("nothing was changed: its outcome is not unknown, or a worker is at it; sealpost jobs show tells \
                    how it stands"
            .into());
    }
    let printed = if args.json { print_json(&result) } else { print(&shown(&result)?) };
    printed?;
    told(&config, &result).await.map_err(|problem| {
        format!(
            "it is resolved, but whoever listens to events was not told; the same command tells it again: {problem}"
        )
    })
}

fn result(args: &Resolve) -> Result<PublishResult, String> {
    let owner = args.whose.owner();
    let connection = Connection::of(&owner, &args.provider, &args.label);
    let (outcome, remote, failure) = match args.found {
        Found::Published => {
            let remote = Remote { id: args.remote_id.clone(), url: args.remote_url.clone(), response: None };
            (PublishOutcome::Published, Some(remote), None)
        }
        Found::Failed if args.remote_id.is_some() || args.remote_url.is_some() => {
            return Err("--remote-id and --remote-url belong to a post that is there: to `published`".into());
        }
        Found::Failed => {
            let message = "an operator looked, and it was not published; if it is still wanted, send it under a new id";
            (PublishOutcome::Failed, None, Some(FailureReport::new(Code::NotPublished, message, false)))
        }
    };
    let name = if failure.is_some() { Code::NotPublished.as_str() } else { "published" };
    let (id, job) = (ids::follow_up(Some(&owner), args.whose.id, PublishResult::NAME, name), args.whose.id);
    let connection = Some(connection);
    Ok(PublishResult { id, job, outcome, connection, remote, tokens_refreshed: false, failure })
}

fn shown(result: &PublishResult) -> Result<String, String> {
    let result = serde_json::to_value(result).map_err(|error| error.to_string())?;
    Ok(facts(&answer::rows(&result)))
}

async fn told(config: &Config, result: &PublishResult) -> Result<(), String> {
    let event = Outgoing {
        type_name: Some(PublishResult::type_name()),
        id: Some(result.id.to_string()),
        content_type: Some(Encoding::Json.content_type().into()),
        body: serde_json::to_vec(&result.public()).map_err(|error| error.to_string())?.into(),
        ..Outgoing::default()
    };
    let broker = open::broker(config).await?;
    let told = broker.event(result.topic(), &event).await.map_err(|error| error.to_string());
    broker.close().await;
    told
}
