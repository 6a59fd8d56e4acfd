//! Templates: texts of an entry that name fields of the content, as in `"Hello {text}"`.
//!
//! Owns which words there are and what they stand for. How a value is escaped, or that it is refused, says the place that
//! the text goes to: an address, a header, a form, JSON.

mod address;
mod fields;
mod json;

use std::borrow::Cow;

use sealpost_schemas::TextContent;
use serde::Deserialize;
use uuid::Uuid;

pub(super) use address::Address;
pub(super) use fields::{Form, Headers};
pub(super) use json::Json;

use super::request::RequestError;
use crate::braces::{Piece, pieces};

/// What a template may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Text,
    Title,
    /// All recipients: a list, which stands alone.
    To,
    /// The only recipient.
    Recipient,
    InReplyTo,
    /// The idempotency key.
    Key,
}

impl Word {
    const ALL: [(&str, Self); 6] = [
        ("text", Self::Text),
        ("title", Self::Title),
        ("to", Self::To),
        ("recipient", Self::Recipient),
        ("in_reply_to", Self::InReplyTo),
        ("key", Self::Key),
    ];

    fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, word)| *word);
        found.ok_or_else(|| {
            let words = Self::ALL.map(|(word, _)| format!("{{{word}}}")).join(", ");
            format!("{{{name}}} is none of {words}; a brace that means itself is written twice")
        })
    }

    /// The field of the message that it stands for.
    const fn field(self) -> &'static str {
        match self {
            Self::Text => "content.text",
            Self::Title => "content.title",
            Self::To | Self::Recipient => "content.to",
            Self::InReplyTo => "content.in_reply_to",
            Self::Key => "id",
        }
    }

    /// Its value cannot stand here.
    fn unfit(self, why: &str) -> RequestError {
        RequestError::Malformed(format!("{}: {why}", self.field()))
    }
}

/// What the words stand for in one request.
pub(super) struct Words<'a> {
    pub(super) content: &'a TextContent,
    pub(super) key: Uuid,
}

impl Words<'_> {
    fn value(&self, word: Word) -> Result<Cow<'_, str>, Unfilled> {
        let content = self.content;
        let value = match word {
            Word::Text => Some(content.text.as_str()),
            Word::Title => content.title.as_deref(),
            Word::InReplyTo => content.in_reply_to.as_deref(),
            Word::Key => return Ok(self.key.to_string().into()),
            Word::To | Word::Recipient => match self.recipients() {
                [] => None,
                [one] => Some(one.as_str()),
                _ => return Err(Unfilled::Unfit(word.unfit("the provider takes one recipient; send a job for each"))),
            },
        };
        value.map(Cow::Borrowed).ok_or(Unfilled::Absent(word))
    }

    fn recipients(&self) -> &[String] {
        self.content.to.as_deref().unwrap_or_default()
    }
}

/// Why a template could not be filled.
#[derive(Debug)]
pub(super) enum Unfilled {
    /// The content has no such field.
    Absent(Word),
    /// It has one that cannot stand here.
    Unfit(RequestError),
}

impl Unfilled {
    /// What is absent where nothing can be left out.
    fn required(self) -> RequestError {
        match self {
            Self::Absent(word) => {
                RequestError::Malformed(format!("{} is missing; the provider's address needs it", word.field()))
            }
            Self::Unfit(error) => error,
        }
    }
}

/// What is absent is left out.
fn optional<T>(filled: Result<T, Unfilled>) -> Result<Option<T>, RequestError> {
    match filled {
        Ok(filled) => Ok(Some(filled)),
        Err(Unfilled::Absent(_)) => Ok(None),
        Err(Unfilled::Unfit(error)) => Err(error),
    }
}

/// A text with words in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text(Vec<Piece<Word>>);

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|problem| format!("{text:?}: {problem}"))
    }
}

impl Text {
    /// Refuses what would not be filled as it looks.
    fn parse(text: &str) -> Result<Self, String> {
        let text = Self(pieces(text, Word::named)?);
        if text.names(Word::To) && !text.is_list() {
            return Err("{to} is a list and stands alone; {recipient} is the only recipient".into());
        }
        Ok(text)
    }

    /// Whether it stands for a list of texts.
    fn is_list(&self) -> bool {
        matches!(self.0.as_slice(), [Piece::Word(Word::To)])
    }

    fn names(&self, word: Word) -> bool {
        self.words().any(|named| named == word)
    }

    fn words(&self) -> impl Iterator<Item = Word> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Word(word) => Some(*word),
            Piece::Literal(_) => None,
        })
    }

    fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Word(_) => None,
        })
    }

    /// The text with every word's value as `escape` lets it in, or says in words why not.
    fn fill(
        &self,
        words: &Words<'_>,
        escape: impl Fn(&str) -> Result<String, &'static str>,
    ) -> Result<String, Unfilled> {
        let piece = |piece: &Piece<Word>| match piece {
            Piece::Literal(text) => Ok(text.clone()),
            Piece::Word(word) => escape(&words.value(*word)?).map_err(|why| Unfilled::Unfit(word.unfit(why))),
        };
        self.0.iter().map(piece).collect()
    }

    /// The same, once for each recipient where it is a list, and not at all where a field is absent.
    fn fill_each(&self, words: &Words<'_>, escape: impl Fn(&str) -> String) -> Result<Vec<String>, RequestError> {
        if self.is_list() {
            return Ok(words.recipients().iter().map(|one| escape(one)).collect());
        }
        Ok(optional(self.fill(words, |value| Ok(escape(value))))?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::TextContent;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{Text, Unfilled, Word, Words};

    /// Content with these fields.
    pub(super) fn content(fields: &Value) -> TextContent {
        serde_json::from_value(fields.clone()).unwrap()
    }

    /// What they stand for, under a key of zeros.
    pub(super) fn words(content: &TextContent) -> Words<'_> {
        Words { content, key: Uuid::nil() }
    }

    fn filled(template: &str, fields: &Value) -> Result<String, Unfilled> {
        Text::parse(template).unwrap().fill(&words(&content(fields)), |value| Ok(value.to_uppercase()))
    }

    #[test]
    fn a_text_that_would_not_be_filled_as_it_looks_is_refused() {
        for good in
            ["", "plain", "{text}", "Hello {text}", "{text}{title}: {in_reply_to}", "{{}}", "{to}", "{recipient} x"]
        {
            assert!(Text::parse(good).is_ok(), "{good}");
        }
        for (bad, named) in [
            ("{txt}", "{txt} is none of {text}, {title}, {to}, {recipient}, {in_reply_to}, {key}"),
            ("{ text }", "{ text } is none"),
            ("{}", "{} is none"),
            ("a { b", "\"{\" stands alone"),
            ("a } b", "\"}\" stands alone"),
            ("{text", "\"{\" stands alone"),
            ("text}", "\"}\" stands alone"),
            ("{{text}", "\"}\" stands alone"),
            ("to {to}", "{to} is a list"),
        ] {
            let error = Text::parse(bad).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }

    #[test]
    fn every_word_stands_for_its_field_and_its_value_alone_is_escaped() {
        let fields = json!({"text": "t{title}", "title": "i", "to": ["r"], "in_reply_to": "p"});
        let template = "a {text} {title} {recipient} {in_reply_to} {key} {{b}}";
        let expected = format!("a T{{TITLE}} I R P {} {{b}}", Uuid::nil());
        assert_eq!(filled(template, &fields).unwrap(), expected);
    }

    #[test]
    fn an_absent_field_is_told_and_several_recipients_are_no_single_one() {
        let absent = |template, fields: Value| match filled(template, &fields) {
            Err(Unfilled::Absent(word)) => word,
            other => panic!("{other:?}"),
        };
        assert_eq!(absent("x {title}", json!({"text": "t"})), Word::Title);
        assert_eq!(absent("{in_reply_to}", json!({"text": "t"})), Word::InReplyTo);
        assert_eq!(absent("{recipient}", json!({"text": "t"})), Word::Recipient);
        assert_eq!(absent("{recipient}", json!({"text": "t", "to": []})), Word::Recipient);
        let Err(Unfilled::Unfit(error)) = filled("{recipient}", &json!({"text": "t", "to": ["a", "b"]})) else {
            panic!("two are one");
        };
        assert!(error.to_string().starts_with("content.to: the provider takes one recipient"), "{error}");
    }
}
