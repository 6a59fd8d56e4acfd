//! What a notice says: texts by language, of which an operator may write his own (`texts.toml`). Every text that can be made
//! of them fits one message, which is looked at when they are read.

mod template;

use std::collections::BTreeMap;
use std::iter::successors;
use std::path::Path;

use schemars::{JsonSchema, schema_for};
use sealpost_schemas::{Code, Language, Notice, PublishOutcome};
use sealpost_shared::config::read_toml;
use serde::Deserialize;
use serde_json::Value;

use self::template::{Plain, Template};
use super::gsm7::{MAX_SEPTETS, length};

/// The texts of an operator who writes none: the example is what is built in.
const BUILT_IN: &str = include_str!("../../../examples/texts.toml");

/// The texts of every language, by its tag.
#[derive(Clone, Debug)]
pub struct Texts {
    languages: BTreeMap<String, Spoken>,
    fallback: String,
}

/// The texts of one language.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Spoken {
    /// The post is there.
    #[schemars(with = "Option<String>")]
    published: Option<Template>,
    /// It is not.
    #[schemars(with = "Option<String>")]
    failed: Option<Template>,
    /// Nobody knows.
    #[schemars(with = "Option<String>")]
    unknown: Option<Template>,
    /// What was told before was wrong.
    #[schemars(with = "Option<String>")]
    conflict: Option<Template>,
    /// Follows each of the others where newer tokens wait for the device.
    #[schemars(with = "Option<String>")]
    tokens_refreshed: Option<Plain>,
    /// In the place of `failed`, by failure code.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Code, String>")]
    failures: BTreeMap<Code, Template>,
}

impl Texts {
    /// The texts of this file, and for what is not in it the ones that are built in. Whoever speaks no language of theirs
    /// reads the fallback.
    ///
    /// # Errors
    /// In words that name file and line.
    pub fn read(file: Option<&Path>, fallback: &str) -> Result<Self, String> {
        let built_in = toml::from_str(BUILT_IN).map_err(|error| format!("the built-in texts: {error}"))?;
        let mut texts = Self { languages: built_in, fallback: fallback.into() };
        let own: BTreeMap<String, Spoken> = file.map(read_toml).transpose()?.unwrap_or_default();
        let place = file.map(|file| format!("{}: ", file.display())).unwrap_or_default();
        for (tag, spoken) in own {
            if Language::new(&tag).is_none() || tag.to_ascii_lowercase() != tag {
                return Err(format!("{place}{tag:?} is no language tag in lower case, as in [fr]"));
            }
            texts.languages.entry(tag).or_default().take(spoken);
        }
        texts.check().map_err(|problem| format!("{place}{problem}"))?;
        Ok(texts)
    }

    /// The JSON Schema (draft 2020-12) of the file, as of its TOML tables.
    #[must_use]
    pub fn schema() -> Value {
        let mut schema = schema_for!(BTreeMap<String, Spoken>).to_value();
        schema["title"] = "texts.toml: what notices say, one table a language".into();
        schema
    }

    /// The languages that there are texts in.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    fn check(&self) -> Result<(), String> {
        if !self.languages.contains_key(&self.fallback) {
            return Err(format!("notify.language: there are no texts in {:?}", self.fallback));
        }
        for (tag, spoken) in &self.languages {
            let all = [&spoken.published, &spoken.failed, &spoken.unknown, &spoken.conflict];
            if all.iter().any(|text| text.is_none()) || spoken.tokens_refreshed.is_none() {
                return Err(format!("[{tag}] needs published, failed, unknown, conflict and tokens_refreshed"));
            }
        }
        Ok(())
    }

    /// The text of a notice: at most 160 septets of GSM 03.38, in the notice's language if there are texts in it.
    #[must_use]
    pub fn text(&self, notice: &Notice) -> String {
        // there is one, which was looked at when they were read
        self.spoken(&notice.language).map(|spoken| spoken.text(notice)).unwrap_or_default()
    }

    /// The language itself, or the one that it is a kind of, or the fallback.
    fn spoken(&self, language: &Language) -> Option<&Spoken> {
        let tag = language.as_str().to_ascii_lowercase();
        let kinds = successors(Some(tag.as_str()), |tag| Some(tag.rsplit_once('-')?.0));
        kinds.chain([self.fallback.as_str()]).find_map(|tag| self.languages.get(tag))
    }
}

impl Spoken {
    fn text(&self, notice: &Notice) -> String {
        let special = notice.code.and_then(|code| self.failures.get(&code));
        let template = match notice.outcome {
            PublishOutcome::Published => self.published.as_ref(),
            PublishOutcome::Failed => special.or(self.failed.as_ref()),
            PublishOutcome::Unknown => self.unknown.as_ref(),
            PublishOutcome::Conflict => self.conflict.as_ref(),
        };
        let more = self.tokens_refreshed.as_ref().filter(|_| notice.tokens_refreshed);
        let more = more.map(|text| format!(" {}", text.as_str())).unwrap_or_default();
        let text = template.map(|template| template.fill(notice, MAX_SEPTETS - length(&more)));
        text.unwrap_or_default() + &more
    }

    /// What the other says counts.
    fn take(&mut self, own: Self) {
        let Self { published, failed, unknown, conflict, tokens_refreshed, failures } = own;
        self.published = published.or(self.published.take());
        self.failed = failed.or(self.failed.take());
        self.unknown = unknown.or(self.unknown.take());
        self.conflict = conflict.or(self.conflict.take());
        self.tokens_refreshed = tokens_refreshed.or(self.tokens_refreshed.take());
        self.failures.extend(failures);
    }
}

#[cfg(test)]
mod tests;
