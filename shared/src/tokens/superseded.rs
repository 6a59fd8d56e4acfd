//! The refresh tokens that a connection had, by keyed hash.

/// How many a record remembers.
const REMEMBERED: usize = 8;

/// What a record remembers when these come to what it remembered: the newest last, none twice.
pub(super) fn with(before: &[[u8; 32]], more: impl IntoIterator<Item = [u8; 32]>) -> Vec<[u8; 32]> {
    let mut all = before.to_vec();
    for hash in more {
        all.retain(|known| *known != hash);
        all.push(hash);
    }
    all.drain(..all.len().saturating_sub(REMEMBERED));
    all
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, with};

    #[test]
    fn the_newest_are_remembered_and_none_twice() {
        let hashes: Vec<_> = (0..10).map(|number| [number; 32]).collect();
        assert_eq!(with(&[[1; 32], [2; 32]], [[3; 32], [1; 32]]), [[2; 32], [3; 32], [1; 32]]);
        assert_eq!(with(&[], hashes.clone()), hashes[10 - REMEMBERED..]);
    }
}
