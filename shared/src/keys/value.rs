//! 32 bytes as text: base64 with padding, 44 characters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// 32 bytes in base64 with padding.
pub(super) const TEXT_LEN: usize = 44;

/// The bytes that a text stands for; `None`: it is not 32 bytes of base64.
pub(super) fn read(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut room = Zeroizing::new([0; TEXT_LEN]);
    let len = STANDARD.decode_slice(text, room.as_mut_slice()).ok()?;
    room[..len].try_into().ok().map(Zeroizing::new)
}

/// The text of these bytes, in memory that is wiped.
pub(super) fn write(bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(TEXT_LEN));
    STANDARD.encode_string(bytes, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn only_32_bytes_of_base64_with_padding_are_a_key() {
        let text = write(&[7; 32]);
        assert_eq!(read(&text).map(|bytes| *bytes), Some([7; 32]));
        let long = format!("{}{}", &*text, "AAAA");
        let wrong = ["", "hunter2", &text[..43], &long, &format!("{}\n", &*text), "BwcHBwcHBwcHBwcHBwcHBw=="];
        for text in wrong {
            assert!(read(text).is_none(), "{text:?}");
        }
    }
}
