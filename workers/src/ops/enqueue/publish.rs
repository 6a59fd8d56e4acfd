//! A publish job.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use sealpost_schemas::PublishJob;
use serde_json::json;

use super::asked::Asked;
use super::message;
use super::{Sending, Whose};
use crate::ops::read;

/// A text, and on whose behalf it is published.
#[derive(Debug, Args)]
#[command(after_help = "Content of type raw has no flags: write the whole message into a file, and name it by --file.")]
pub struct Publish {
    #[command(flatten)]
    whose: Whose,
    /// The text.
    #[arg(long, required_unless_present = "file", conflicts_with = "file")]
    text: Option<String>,
    /// The type of the content: a public post, a message to somebody, an e-mail.
    #[arg(long = "type", value_name = "TYPE", default_value = "post", conflicts_with = "file")]
    kind: Kind,
    /// A title or subject.
    #[arg(long, conflicts_with = "file")]
    title: Option<String>,
    /// To whom; may be repeated.
    #[arg(long, conflicts_with = "file")]
    to: Vec<String>,
    /// The provider's id of what this answers.
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    in_reply_to: Option<String>,
    /// After this nothing is begun any more, as in `2026-11-22T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = read::time, conflicts_with = "file")]
    deadline: Option<Timestamp>,
    #[command(flatten)]
    pub(super) sending: Sending,
}

/// The types of content that are a text.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Post,
    Message,
    Email,
}

impl Publish {
    pub(super) fn asked(&self) -> Result<Asked, String> {
        let made = message::made::<PublishJob>(&self.sending, || {
            let kind = match self.kind {
                Kind::Post => "post",
                Kind::Message => "message",
                Kind::Email => "email",
            };
            let mut parts = self.whose.fields();
            parts["content"] = json!({"type": kind, "text": self.text, "title": self.title,
                                      "to": (!self.to.is_empty()).then_some(&self.to), "in_reply_to": self.in_reply_to});
            parts["deadline"] = json!(self.deadline);
            Ok(parts)
        })?;
        Ok(Asked::new(made, |job| Some(job.connection())))
    }
}
