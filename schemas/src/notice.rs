//! The text message about how a job ended: whom it goes to, and what it says.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use uuid::Uuid;

use crate::message::queues::NOTICES;
use crate::{Code, Message, Owner, ProviderId, PublishJob, PublishOutcome, PublishResult, Queued};

/// A telephone number, E.164: a plus and 7 to 15 digits, the first no 0. It is personal: its `Debug` shows nothing of it, it
/// has no `Display`, and no error repeats it.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Phone(#[schemars(regex(pattern = r"^\+[1-9][0-9]{6,14}$"))] String);

impl Phone {
    /// `None` if the text is not such a number.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (7..=15).contains(&digits.len()) && !digits.starts_with('0');
        (fits && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(text.into()))
    }

    /// The number, for whoever sends to it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("must be a telephone number as of E.164: + and 7 to 15 digits"))
    }
}

/// A language tag, as in `fr` or `fr-CM` (BCP 47, of which its form is looked at).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Language(#[schemars(regex(pattern = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$"))] String);

impl Language {
    /// `None` if the text is not such a tag.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let first = parts.next()?;
        let is_first = (2..=8).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
        let others = parts
            .clone()
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        (is_first && others && parts.count() <= 3).then(|| Self(text.into()))
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("must be a language tag, as in fr or fr-CM"))
    }
}

/// Tells somebody by text message how a job ended. Between workers only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// Derived from job, outcome and, where that is known, whether tokens were refreshed.
    pub id: Uuid,
    /// The job's id.
    pub job: Uuid,
    /// Whose job it was.
    pub owner: Owner,
    /// Where it was to be published.
    pub provider: ProviderId,
    /// Whom it goes to.
    pub phone: Phone,
    /// The language of the text.
    pub language: Language,
    /// How the job ended.
    pub outcome: PublishOutcome,
    /// Why, where it was not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Where a person finds the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether newer tokens wait for the device.
    #[serde(default)]
    pub tokens_refreshed: bool,
}

impl Notice {
    /// The notice of this result, without an id yet; `None` where the job names no phone.
    #[must_use]
    pub fn of(job: &PublishJob, result: &PublishResult) -> Option<Self> {
        let notify = job.notify.as_ref()?;
        Some(Self {
            id: Uuid::nil(),
            job: job.id,
            owner: job.owner.clone(),
            provider: job.provider.clone(),
            phone: notify.phone.clone(),
            language: notify.language.clone(),
            outcome: result.outcome,
            code: result.failure.as_ref().map(|failure| failure.code),
            url: result.remote.as_ref().and_then(|remote| remote.url.clone()),
            tokens_refreshed: result.tokens_refreshed,
        })
    }
}

impl Message for Notice {
    const NAME: &'static str = "notice";
    const VERSION: u16 = 1;
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Queued for Notice {
    const QUEUE: &'static str = NOTICES;
    fn deadline(&self) -> Option<jiff::Timestamp> {
        None
    }
    fn owner(&self) -> Option<&Owner> {
        Some(&self.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, Phone};

    #[test]
    fn a_number_is_e_164_and_is_in_no_debug_output_and_no_error() {
        for good in ["+237650000000", "+15005550006", "+2904257", "+123456789012345"] {
            let phone: Phone = serde_json::from_value(good.into()).unwrap();
            assert_eq!((phone.expose(), format!("{phone:?}").as_str()), (good, "Phone(…)"));
            assert_eq!(serde_json::to_value(&phone).unwrap(), good);
        }
        for bad in [
            "",
            "+",
            "237650000000",
            "+0237650000",
            "+1234567890123456",
            "+12345",
            "+237 650 000 000",
            "+2376500000a0",
            "+23765000000\n",
            " +237650000000",
            "+٢٣٧٦٥٠٠٠٠٠٠٠",
            "tel:+237650000000",
            "0033650000000",
        ] {
            let error = serde_json::from_value::<Phone>(bad.into()).unwrap_err().to_string();
            assert_eq!(error, "must be a telephone number as of E.164: + and 7 to 15 digits", "{bad}");
        }
    }

    #[test]
    fn a_language_has_the_form_of_a_tag() {
        for good in ["fr", "en", "fr-CM", "zh-Hant-TW", "de-1996"] {
            assert_eq!(Language::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "f", "français", "fr_FR", "fr-", "-fr", "123", "a-b", "fr-abcdefghi", "fr\n", "aa-b-c-d-e"] {
            assert!(Language::new(bad).is_none(), "{bad}");
        }
    }
}
