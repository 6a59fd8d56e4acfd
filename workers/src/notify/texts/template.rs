//! One text with words in it, as in `Your post on {provider} is there. {url}`. It is written in the alphabet of text messages
//! when it is read, and refused where it would not be read as it looks, or where what it makes would not fit.

use sealpost_schemas::Notice;
use serde::Deserialize;

use super::super::gsm7::{MAX_SEPTETS, length, shortened, unwritable, written};
use crate::braces::{Piece, pieces};

/// What is kept free for the sentence about new tokens, its blank included.
const ROOM: usize = 50;

/// What a text may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Provider,
    Code,
    Url,
}

impl Word {
    const ALL: [(&str, Self); 3] = [("provider", Self::Provider), ("code", Self::Code), ("url", Self::Url)];

    /// The most septets of its value; a longer one is shortened. An address is whole, or not there.
    const fn most(self) -> usize {
        match self {
            Self::Provider => 24,
            Self::Code => 28,
            Self::Url => 0,
        }
    }

    fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, word)| *word);
        found.ok_or_else(|| {
            format!("{{{name}}} is none of {{provider}}, {{code}}, {{url}}; a brace that means itself is written twice")
        })
    }

    fn value(self, notice: &Notice) -> String {
        let text = match self {
            Self::Provider => notice.provider.as_str(),
            Self::Code => notice.code.map_or("", |code| code.as_str()),
            Self::Url => notice.url.as_deref().unwrap_or_default(),
        };
        written(text)
    }
}

/// A text with words in it, which with the sentence about new tokens fits one message.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Template(Vec<Piece<Word>>);

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pieces = pieces(&writable(&text)?, Word::named);
        let template = Self(pieces.map_err(|problem| format!("must be filled as it looks: {problem}"))?);
        let takes: usize = template.0.iter().map(most).sum();
        if takes > MAX_SEPTETS - ROOM {
            let most = MAX_SEPTETS - ROOM;
            return Err(format!("must take at most {most} characters of GSM 03.38, and takes up to {takes}"));
        }
        Ok(template)
    }
}

/// The most septets of a part.
fn most(piece: &Piece<Word>) -> usize {
    match piece {
        Piece::Literal(text) => length(text),
        Piece::Word(word) => word.most(),
    }
}

impl Template {
    /// The text, of at most this many septets.
    pub(super) fn fill(&self, notice: &Notice, max: usize) -> String {
        let with = |url: bool| -> String {
            let piece = |piece: &Piece<Word>| match piece {
                Piece::Literal(text) => text.clone(),
                Piece::Word(Word::Url) if url => Word::Url.value(notice),
                Piece::Word(Word::Url) => String::new(),
                Piece::Word(word) => shortened(&word.value(notice), word.most()),
            };
            let filled: String = self.0.iter().map(piece).collect();
            filled.trim().into()
        };
        // half an address leads nowhere
        let whole = with(true);
        if length(&whole) <= max { whole } else { with(false) }
    }
}

/// A text without words.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Plain(String);

impl TryFrom<String> for Plain {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = writable(&text)?;
        if text.contains(['{', '}']) {
            return Err("must name nothing: it follows the other texts as it is".into());
        }
        match length(&text) {
            0..ROOM => Ok(Self(text)),
            takes => Err(format!("must take at most {} characters of GSM 03.38, and takes {takes}", ROOM - 1)),
        }
    }
}

impl Plain {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an operator writes is read as it was meant, or not at all.
fn writable(text: &str) -> Result<String, String> {
    match unwritable(text) {
        None => Ok(written(text)),
        Some(c) => Err(format!("must be of the alphabet of text messages (GSM 03.38), which has no {c:?}")),
    }
}
