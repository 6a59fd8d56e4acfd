//! One segment of a path: what outside text may be one, and how it is written.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether no server takes it for more than one segment, however often it decodes it.
pub(super) fn is_single(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    !segment.contains(['/', '\\'])
        && !["%2e", "%2f", "%5c"].iter().any(|hidden| lower.contains(hidden))
        && !segment.chars().any(char::is_control)
}

/// Whether it leads to where it is or above (RFC 3986 §5.2.4), also as a URL parser reads it.
pub(super) fn is_dots(segment: &str) -> bool {
    [".", ".."].contains(&segment.to_ascii_lowercase().replace("%2e", ".").as_str())
}

/// A text as a segment, or part of one.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
