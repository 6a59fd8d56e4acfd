//! Makes readable what lapin cannot read. AMQP's short strings are bytes to RabbitMQ and UTF-8 to lapin, which ends the
//! connection over a single one that is not: one such message (a `type` in Latin-1) would stop its queue for minutes and
//! carry its neighbours over their delivery limit. Here each wrong byte of a message's properties becomes a `?`, and the
//! message is an unreadable one among readable ones. And lapin reads tables in tables by recursion, without an end: a frame
//! has room for so many that its thread's stack overflows, which ends the process. What lies too deep becomes plain bytes.
//!
//! Frames: AMQP 0-9-1 §2.3 and §4.2, with RabbitMQ's field types (<https://www.rabbitmq.com/amqp-0-9-1-errata>).

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const BASIC_DELIVER: (usize, usize) = (60, 60);
const BASIC_GET_OK: (usize, usize) = (60, 71);
/// Type, channel and size come before the payload, and one byte ends the frame.
const BEFORE: usize = 7;
const AROUND: usize = BEFORE + 1;
/// How deep tables and arrays may lie in each other. The broker sets no bound: an empty array takes five bytes of a frame.
const MAX_DEPTH: usize = 32;

/// What the broker says, on its way to lapin.
#[derive(Default)]
pub(super) struct Mender {
    /// Read, and not taken.
    bytes: Vec<u8>,
    /// How many of them may be taken.
    ready: usize,
    /// How many more may be taken as they come: the rest of a frame that needs no look.
    passing: usize,
    /// Not AMQP frames (or none that we know): all passes, and lapin says what is wrong.
    foreign: bool,
}

impl Mender {
    /// Takes in what was read.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        loop {
            let new = self.bytes.len() - self.ready;
            if self.foreign {
                self.ready += new;
                return;
            }
            let passed = self.passing.min(new);
            self.ready += passed;
            self.passing -= passed;
            let Some(frame) = self.bytes.get_mut(self.ready..).filter(|frame| frame.len() >= BEFORE) else { return };
            let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]) as usize + AROUND;
            match frame[0] {
                BODY | HEARTBEAT => self.passing = size,
                kind @ (METHOD | HEADER) => {
                    let Some(payload) = frame.get_mut(BEFORE..size - 1) else { return };
                    mend(kind, payload);
                    self.passing = size;
                }
                _ => self.foreign = true,
            }
        }
    }

    /// Gives out what is ready; 0 means that more must be read first.
    pub(super) fn take(&mut self, into: &mut [u8]) -> usize {
        let taken = self.ready.min(into.len());
        into[..taken].copy_from_slice(&self.bytes[..taken]);
        self.bytes.drain(..taken);
        self.ready -= taken;
        taken
    }
}

/// A walk over a payload.
struct Walk<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// Mends a method or content header frame's short strings. What does not look like one is left as it is.
fn mend(kind: u8, payload: &mut [u8]) {
    let mut walk = Walk { bytes: payload, at: 0 };
    let _ = if kind == HEADER { walk.header() } else { walk.method() };
}

impl Walk<'_> {
    // content_type, content_encoding, headers, delivery_mode, priority, correlation_id, reply_to, expiration, message_id,
    // timestamp, type, user_id, app_id, cluster_id; in the order of the flags, the highest bit first.
    const PROPERTIES: [u8; 14] = *b"ssFbbssssTssss";

    fn header(&mut self) -> Option<()> {
        self.skip(12)?;
        let flags = self.number(2)?;
        for (index, kind) in Self::PROPERTIES.into_iter().enumerate() {
            if flags & (0x8000 >> index) != 0 {
                match kind {
                    b's' => self.short_string()?,
                    kind => self.value(kind, 0)?,
                }
            }
        }
        Some(())
    }

    /// The two methods with a message, which hold its routing key.
    fn method(&mut self) -> Option<()> {
        match (self.number(2)?, self.number(2)?) {
            BASIC_DELIVER => self.short_string()?,
            BASIC_GET_OK => {}
            _ => return None,
        }
        // Delivery tag and the redelivered flag; exchange; routing key.
        self.skip(9)?;
        self.short_string()?;
        self.short_string()
    }

    fn number(&mut self, length: usize) -> Option<usize> {
        let bytes = self.bytes.get(self.at..self.at + length)?;
        self.at += length;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.at = self.at.checked_add(length).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    fn short_string(&mut self) -> Option<()> {
        let length = self.number(1)?;
        let (from, ()) = (self.at, self.skip(length)?);
        let text = &mut self.bytes[from..self.at];
        while let Err(error) = std::str::from_utf8(text) {
            let wrong = error.valid_up_to();
            let length = error.error_len().unwrap_or(text.len() - wrong);
            text[wrong..wrong + length].fill(b'?');
        }
        Some(())
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            b't' | b'b' | b'B' => self.skip(1),
            b's' | b'U' | b'u' => self.skip(2),
            b'I' | b'i' | b'f' => self.skip(4),
            b'D' => self.skip(5),
            b'l' | b'L' | b'd' | b'T' => self.skip(8),
            b'V' => Some(()),
            b'S' | b'x' => self.number(4).and_then(|length| self.skip(length)),
            // The byte before it is its kind; a byte array has the same layout.
            b'F' | b'A' if depth >= MAX_DEPTH => {
                *self.bytes.get_mut(self.at.checked_sub(1)?)? = b'x';
                self.value(b'x', depth)
            }
            b'F' | b'A' => {
                let length = self.number(4)?;
                let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
                while self.at < end {
                    if kind == b'F' {
                        self.short_string()?;
                    }
                    let kind = self.number(1)?;
                    self.value(u8::try_from(kind).ok()?, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::Mender;

    pub(super) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 1];
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(payload);
        frame.push(0xce);
        frame
    }

    /// A content type, a table with a nested one, a timestamp, a type.
    pub(super) fn header(text: &[u8]) -> Vec<u8> {
        let short = |text: &[u8]| [&[u8::try_from(text.len()).unwrap()], text].concat();
        let long = |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
        let inner = [short(text), b"t\x01".to_vec()].concat();
        let table = [
            [short(b"number"), b"l\0\0\0\0\0\0\0\xff".to_vec()].concat(),
            [short(b"bytes"), b"S".to_vec(), long(b"\xff\xfe")].concat(),
            [short(b"inner"), b"F".to_vec(), long(&inner)].concat(),
            [short(b"list"), b"A".to_vec(), long(b"V")].concat(),
        ];
        let flags = 0x8000_u16 | 0x8000 >> 2 | 0x8000 >> 9 | 0x8000 >> 10;
        let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        payload.extend(flags.to_be_bytes());
        payload.extend(short(text));
        payload.extend(long(&table.concat()));
        payload.extend([0xff; 8]);
        payload.extend(short(text));
        frame(2, &payload)
    }

    pub(super) fn through(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        let (mut mender, mut out, mut buffer) = (Mender::default(), Vec::new(), [0; 5]);
        for piece in pieces {
            mender.feed(&piece);
            loop {
                match mender.take(&mut buffer) {
                    0 => break,
                    taken => out.extend(&buffer[..taken]),
                }
            }
        }
        out
    }

    pub(super) fn deliver(key: &[u8]) -> Vec<u8> {
        let key = [&[u8::try_from(key.len()).unwrap()], key].concat();
        frame(1, &[&[0, 60, 0, 60, 1, b't', 0, 0, 0, 0, 0, 0, 0, 0xff, 1, 0][..], &key].concat())
    }

    #[test]
    fn short_strings_become_utf_8_and_nothing_else_changes_however_it_is_cut() {
        let spoilt = [
            frame(1, b"\xff method"),
            deliver(b"caf\xe9"),
            header(b"caf\xe9 \xc3"),
            frame(3, b"\xff body"),
            frame(8, b""),
        ]
        .concat();
        let mended =
            [frame(1, b"\xff method"), deliver(b"caf?"), header(b"caf? ?"), frame(3, b"\xff body"), frame(8, b"")]
                .concat();
        for size in [1, 2, 7, 8, 50, spoilt.len()] {
            assert_eq!(through(spoilt.chunks(size).map(<[u8]>::to_vec)), mended, "in pieces of {size}");
        }
        let good = header("café".as_bytes());
        assert_eq!(through([good.clone()].into_iter()), good);
    }

    /// Arrays in arrays, around nothing or around what is given, in a table of headers; and a type.
    pub(super) fn nested(arrays: usize, within: &[u8], text: &[u8]) -> Vec<u8> {
        let long = |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
        let value = (0..arrays).fold(within.to_vec(), |inner, _| [b"A".to_vec(), long(&inner)].concat());
        let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        payload.extend((0x8000_u16 >> 2 | 0x8000 >> 10).to_be_bytes());
        payload.extend(long(&[b"\x04deep".to_vec(), value].concat()));
        payload.extend([&[u8::try_from(text.len()).unwrap()], text].concat());
        frame(2, &payload)
    }

    #[test]
    fn what_lies_too_deep_becomes_bytes_and_what_comes_after_it_is_mended() {
        assert_eq!(through([nested(31, b"", b"caf\xe9")].into_iter()), nested(31, b"", b"caf?"));
        for arrays in [32, 40, 3000] {
            let rest = nested(arrays - 31, b"", b"");
            let too_deep = [b"x", &rest[7 + 12 + 2 + 4 + 5 + 1..rest.len() - 2]].concat();
            let mended = through([nested(arrays, b"", b"caf\xe9")].into_iter());
            assert_eq!(mended, nested(31, &too_deep, b"caf?"), "{arrays}");
        }
    }

    #[test]
    fn what_is_no_frame_and_what_lies_about_its_lengths_passes_unchanged() {
        let mut lying = header(b"x");
        lying[7 + 12 + 2] = 255;
        for bytes in [b"AMQP\0\0\x09\x01".to_vec(), frame(2, b"short"), frame(1, b""), lying] {
            assert_eq!(through([bytes.clone()].into_iter()), bytes);
        }
    }
}
