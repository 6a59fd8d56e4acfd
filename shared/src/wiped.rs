//! MessagePack of what holds secrets, in memory that is wiped and never grew: growing leaves copies behind.

use std::io::{self, Write};

use rmp_serde::encode::{Error, write_named};
use serde::Serialize;
use zeroize::Zeroizing;

/// Writes a value; its length is counted first.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut length = Count(0);
    write_named(&mut length, value)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    write_named(&mut *bytes, value)?;
    Ok(bytes)
}

/// Counts what is written to it.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
