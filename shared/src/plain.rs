//! Outside text, for a person's eyes: without what acts on a terminal, hides, or turns the order of what is read.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Control characters, those that order text (bidi among them), and the ends of lines and paragraphs.
const ACTING: GeneralCategoryGroup = GeneralCategoryGroup::Control
    .union(GeneralCategoryGroup::Format)
    .union(GeneralCategoryGroup::LineSeparator)
    .union(GeneralCategoryGroup::ParagraphSeparator);

/// Whether a character is what it looks like: it neither acts nor is invisible (Unicode's default ignorable code points).
#[must_use]
pub fn is_plain(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    !ACTING.contains(category) && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// A text without the characters that are not plain.
#[must_use]
pub fn plain(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars().filter(|c| is_plain(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_acts_on_a_terminal_hides_or_turns_the_order_is_left_out() {
        for hidden in [
            "\n",
            "\r",
            "\t",
            "\0",
            "\u{7}",
            "\u{1b}",
            "\u{7f}",
            "\u{85}",
            "\u{9b}", // controls, C1 among them
            "\u{61c}",
            "\u{200e}",
            "\u{200f}",
            "\u{202a}",
            "\u{202e}",
            "\u{2066}",
            "\u{2069}", // bidi
            "\u{ad}",
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{2060}",
            "\u{feff}",
            "\u{180e}", // of no width
            "\u{2028}",
            "\u{2029}",
            "\u{fff9}",
            "\u{e0041}",
            "\u{fe0f}",
            "\u{115f}",
            "\u{3164}",
        ] {
            assert_eq!(plain(&format!("a{hidden}b")), "ab", "{}", hidden.escape_unicode());
        }
        let shown = "Zoë, Ünïcode, 日本語, עברית, العربية, हिन्दी, \u{1f980} 100 % (a-b_c) ‘x’ – €";
        assert_eq!(plain(shown), shown);
    }
}
