//! Where a sweep of one shard stands, as the text that its continuation carries.

use std::fmt;

use crate::records::{Cursor, Due};
use crate::seal::KeyRef;

/// Where a sweep goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// In the so-manieth walk over what key versions hold: at which version, and where in it.
    Held(u8, KeyRef, Cursor),
    /// After this record in the order of due times.
    Due(Due),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(walk, key, cursor) => write!(f, "held/{walk}/{}/{}/{cursor}", key.id, key.version),
            Self::Due(due) => write!(f, "due/{due}"),
        }
    }
}

impl Position {
    /// What a continuation says. `None` for what another release says in a way of its own: the shard begins anew then, and
    /// what is done already is not met again.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let held = |rest: &str| {
            let mut parts = rest.splitn(4, '/');
            let walk = parts.next()?.parse().ok()?;
            let key = KeyRef { id: parts.next()?.parse().ok()?, version: parts.next()?.parse().ok()? };
            Some(Self::Held(walk, key, parts.next()?.parse().ok()?))
        };
        match text.split_once('/') {
            Some(("held", rest)) => held(rest),
            Some(("due", rest)) => rest.parse().ok().map(Self::Due),
            _ => None,
        }
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_position_is_read_back_as_itself_and_nothing_else_is_one() {
        let due = format!("due/1795000000000/{}", "0a".repeat(32));
        for text in ["held/2/tokens/v1/42", due.as_str()] {
            let position = Position::read(text).unwrap();
            assert_eq!(position.to_string(), text);
        }
        let others = ["", "held/0/tokens/v1", "held/0/tokens/v1/x", "held/x/tokens/v1/1", "held/0/tokens/latest/1"];
        for other in others.into_iter().chain(["due/1", "due/x/00", "due/1/0g", "tokens/v1/42"]) {
            assert_eq!(Position::read(other), None, "{other}");
        }
    }
}
