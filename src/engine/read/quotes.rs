//! A CSV file that ends inside a quote is cut off: read on, all lines after the quote would be one cell, and a withdrawal
//! among them would be lost.

use std::io::{Error, ErrorKind, Read};

const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Where in a cell a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of the file, so many bytes of a byte order mark on.
    Mark(usize),
    /// Before the first byte of a cell.
    Start,
    /// Inside a cell without quotes, or after the quote that ended one.
    Plain,
    /// Inside a quoted cell.
    Quoted,
    /// After a quote inside a quoted cell: its end, or the first half of a quote.
    Quote,
}

/// Passes a CSV file on, and fails at its end if that lies inside a quoted cell.
pub(super) struct Quotes<R> {
    inner: R,
    place: Place,
}

impl<R> Quotes<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, place: Place::Mark(0) }
    }

    fn follow(&mut self, bytes: &[u8]) {
        // Most files have no quotes at all.
        if matches!(self.place, Place::Plain | Place::Start) && !bytes.contains(&b'"') {
            if let Some(last) = bytes.last() {
                self.place = unquoted(*last);
            }
            return;
        }
        for byte in bytes {
            self.place = match (self.place, *byte) {
                (Place::Mark(at), byte) if MARK.get(at) == Some(&byte) => Place::Mark(at + 1),
                (Place::Mark(0 | 3) | Place::Start | Place::Quote, b'"') => Place::Quoted,
                (Place::Quoted, b'"') => Place::Quote,
                (Place::Quoted, _) => Place::Quoted,
                (_, byte) => unquoted(byte),
            };
        }
    }
}

fn unquoted(byte: u8) -> Place {
    if matches!(byte, b',' | b'\r' | b'\n') { Place::Start } else { Place::Plain }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(out)?;
        if read == 0 && !out.is_empty() && self.place == Place::Quoted {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the file ends inside a quote"));
        }
        self.follow(out.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a text ends inside a quote, read by so many bytes.
    fn ends_inside(text: &str, bytes: usize) -> bool {
        let mut quotes = Quotes::new(text.as_bytes());
        let mut out = vec![0; bytes];
        loop {
            match quotes.read(&mut out) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(_) => return true,
            }
        }
    }

    #[test]
    fn only_a_quote_that_opens_a_cell_and_is_not_closed_is_open() {
        for (text, inside) in [
            ("", false),
            ("a,b\n1,2", false),
            ("a,b\n1,\"2\n3\"", false),
            ("a,b\n1,\"2\"\"", true),
            ("a,b\n1,\"2\"\"\"", false),
            ("a,b\n1,\"2", true),
            ("a,b\r\n\"1\r\n2,3\r\n", true),
            ("a,b\n5\" pipe,2\n", false),
            ("a,b\n\"x\"y\",2\n", false),
            ("\"a", true),
            ("\u{feff}\"a", true),
            ("\u{feff}a\"", false),
            ("a,\"", true),
            ("a,\"\"", false),
        ] {
            for bytes in [1, 2, 3, 64] {
                assert_eq!(ends_inside(text, bytes), inside, "{text:?} by {bytes}");
            }
        }
    }
}
