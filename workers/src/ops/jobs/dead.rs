//! Whether a message is among the dead letters.

use jiff::Timestamp;
use sealpost_schemas::Owner;
use sealpost_schemas::codec::Encoding;
use sealpost_shared::broker::DeadLetter;
use sealpost_shared::config::Config;
use serde::Serialize;
use uuid::Uuid;

use crate::ops::dead::Walk;
use crate::ops::open;
use crate::ops::screen::{outside, table, time_or_dash};

/// What was found there, or why nobody could look.
#[derive(Serialize)]
pub(super) struct DeadLetters {
    dead_letters: Option<Vec<Letter>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letters_problem: Option<String>,
}

#[derive(Serialize)]
struct Letter {
    code: String,
    reason: String,
    queue: Option<&'static str>,
    at: Option<Timestamp>,
}

impl DeadLetters {
    pub(super) async fn of(config: &Config, id: Uuid, owner: &Owner) -> Self {
        match found(config, &id.to_string(), owner).await {
            Ok(letters) => Self { dead_letters: Some(letters), dead_letters_problem: None },
            Err(problem) => Self { dead_letters: None, dead_letters_problem: Some(problem) },
        }
    }

    /// Whether it is known not to be there.
    pub(super) fn is_empty(&self) -> bool {
        self.dead_letters.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether it is known to be there.
    pub(super) fn has_some(&self) -> bool {
        self.dead_letters.as_ref().is_some_and(|letters| !letters.is_empty())
    }

    pub(super) fn text(&self) -> String {
        let letters = match (&self.dead_letters, &self.dead_letters_problem) {
            (Some(letters), _) if letters.is_empty() => return "it is not among the dead letters".into(),
            (Some(letters), _) => letters,
            (None, problem) => {
                return format!(
                    "whether it is among the dead letters is not known: {}",
                    problem.as_deref().unwrap_or_default()
                );
            }
        };
        let mut table = table(["dead letter", "put aside", "reason"]);
        for letter in letters {
            table.add_row([outside(&letter.code), outside(&time_or_dash(letter.at)), outside(&letter.reason)]);
        }
        table.to_string()
    }
}

async fn found(config: &Config, id: &str, owner: &Owner) -> Result<Vec<Letter>, String> {
    let mut walk = Walk::over(open::broker(config).await?).await?;
    let mut found = Vec::new();
    let walked = async {
        while let Some(letter) = walk.next().await? {
            if letter.message.id.as_deref() == Some(id) && may_be_of(&letter, owner) {
                let DeadLetter { code, reason, origin: queue, at, .. } = letter;
                found.push(Letter { code, reason, queue, at });
            }
        }
        Ok(())
    };
    let walked = walked.await;
    walk.end(walked).await.map(|()| found)
}

/// Another owner's message may have the same id. One whose owner cannot be read may be this one's.
fn may_be_of(letter: &DeadLetter, owner: &Owner) -> bool {
    let encoding = Encoding::of(letter.message.content_type.as_deref());
    let body = encoding.and_then(|encoding| encoding.tree(&letter.message.body));
    let said = |name: &str| body.as_ref().ok().and_then(|body| body["owner"][name].as_str());
    let same = |said: Option<&str>, name: &str| said.is_none_or(|said| said == name);
    same(said("tenant"), owner.tenant.as_str()) && same(said("user"), owner.user.as_str())
}
