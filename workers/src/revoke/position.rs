//! Where the walk over a tenant's connections in a shard stands, as the text that its continuation carries.

use std::fmt;

/// Where a walk goes on: first over records, then over tombstones, each in the order of their names, which outlasts Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// After this record.
    Records(Option<String>),
    /// After this tombstone.
    Tombstones(Option<String>),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, after) = match self {
            Self::Records(after) => ("records", after),
            Self::Tombstones(after) => ("tombstones", after),
        };
        write!(f, "{kind}/{}", after.as_deref().unwrap_or_default())
    }
}

impl Position {
    /// What a continuation says. `None` for what another release says in a way of its own: the walk begins anew then, and
    /// what it has ended is not met again.
    pub(super) fn read(text: &str) -> Option<Self> {
        let after = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        match text.split_once('/') {
            Some(("records", name)) => Some(Self::Records(after(name))),
            Some(("tombstones", name)) => Some(Self::Tombstones(after(name))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is_one() {
        for position in [
            Position::Records(None),
            Position::Records(Some("0a1b".into())),
            Position::Tombstones(None),
            Position::Tombstones(Some("0a1b:01939f6e-7c00-7000-8000-000000000001".into())),
        ] {
            assert_eq!(Position::read(&position.to_string()), Some(position));
        }
        for text in ["", "records", "held/tokens/1/0", "tombstone/0a1b"] {
            assert_eq!(Position::read(text), None, "{text}");
        }
    }
}
