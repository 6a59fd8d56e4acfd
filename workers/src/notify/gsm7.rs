//! The alphabet of a text message that 160 characters fit into: GSM 03.38 (3GPP TS 23.038 §6.2.1), its basic set and its
//! extension table. One character outside would turn the whole message into UCS-2, of which only 70 fit.

use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};

/// The most that one message holds, in [`septets`].
pub(super) const MAX_SEPTETS: usize = 160;

/// One septet each. What is no character of a text (the escape) is left out.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
                     abcdefghijklmnopqrstuvwxyzäöñüà";

/// Two septets each: an escape comes first.
const EXTENSION: &str = "^{}\\[~]|€";

/// What looks like one of these is written so. Whatever Unicode knows to take apart (ê, ç, …, ﬁ) needs no entry.
const LIKE: [(&str, &str); 9] = [
    ("‘’‚‛′`´", "'"),
    ("“”„‟″«»", "\""),
    ("‐‑‒–—―−", "-"),
    ("‹", "<"),
    ("›", ">"),
    ("œ", "oe"),
    ("Œ", "OE"),
    ("•·", "*"),
    ("×", "x"),
];

/// Instead of a character that cannot be written.
const NONE: char = '?';

/// How many septets a character takes; `None`: it cannot be written.
pub(super) fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        return Some(1);
    }
    EXTENSION.contains(c).then_some(2)
}

/// How many septets a text takes that is written in this alphabet.
pub(super) fn length(text: &str) -> usize {
    text.chars().map(|c| septets(c).unwrap_or(1)).sum()
}

/// A text in this alphabet: what is outside is written like it looks, and otherwise as a question mark.
pub(super) fn written(text: &str) -> String {
    let composed = ComposingNormalizer::new_nfc().normalize(text).into_owned();
    composed.chars().map(|c| like(c).unwrap_or_else(|| NONE.into())).collect()
}

/// The first character of a text that would become a question mark.
pub(super) fn unwritable(text: &str) -> Option<char> {
    ComposingNormalizer::new_nfc().normalize(text).chars().find(|c| like(*c).is_none())
}

fn like(c: char) -> Option<String> {
    if septets(c).is_some() {
        return Some(c.into());
    }
    if let Some((_, written)) = LIKE.iter().find(|(those, _)| those.contains(c)) {
        return Some((*written).into());
    }
    // its base letter, or what it stands for
    let apart = DecomposingNormalizer::new_nfkd().normalize(c.encode_utf8(&mut [0; 4])).into_owned();
    let written: String = apart.chars().filter(|c| septets(*c).is_some()).collect();
    (!written.is_empty()).then_some(written)
}

/// As much of a text from its start as this many septets hold, with two dots where something is missing.
pub(super) fn shortened(text: &str, max: usize) -> String {
    if length(text) <= max {
        return text.into();
    }
    let mut left = max.saturating_sub(2);
    let kept = text.chars().take_while(|c| {
        let takes = septets(*c).unwrap_or(1);
        let fits = takes <= left;
        left = left.saturating_sub(takes);
        fits
    });
    kept.collect::<String>() + ".."
}

#[cfg(test)]
mod tests {
    use super::{BASIC, EXTENSION, length, septets, shortened, unwritable, written};

    #[test]
    fn the_alphabet_is_that_of_3gpp_ts_23_038() {
        // 128 positions, of which one is the escape
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(BASIC.chars().collect::<std::collections::BTreeSet<_>>().len(), 127);
        for (text, takes) in [("é", 1), ("à", 1), ("Ç", 1), ("\n", 1), ("€", 2), ("{}", 4), ("[]", 4), ("|~^\\", 8)]
        {
            assert_eq!(length(text), takes, "{text}");
        }
        for outside in ['ç', 'ê', 'œ', '’', '\u{1b}', '`', 'Ж'] {
            assert_eq!(septets(outside), None, "{outside}");
        }
        assert!(EXTENSION.chars().all(|c| !BASIC.contains(c)));
    }

    #[test]
    fn what_is_outside_is_written_like_it_looks() {
        for (text, like) in [
            ("C’est raté : «garçon», forêt, cœur…", "C'est raté : \"garcon\", foret, coeur..."),
            ("e\u{301}te\u{301}", "été"),
            ("ﬁn – Ŧ ½", "fin - ? 12"),
            ("Łódź", "?odz"),
            ("日本 👋", "?? ?"),
            ("a\u{a0}b\u{202f}c", "a b c"),
        ] {
            assert_eq!(written(text), like, "{text}");
            assert!(written(text).chars().all(|c| septets(c).is_some()));
        }
        assert_eq!((unwritable("Forêt à vélo"), unwritable("a Ж")), (None, Some('Ж')));
    }

    #[test]
    fn what_is_too_long_ends_with_two_dots_and_no_half_character() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcd..");
        assert_eq!(shortened("a€€€", 6), "a€..");
        for max in 2..12 {
            assert!(length(&shortened("€{}[]€€€€€", max)) <= max);
        }
    }
}
