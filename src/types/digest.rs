//! SHA-256 digests of documents, as 64 hexadecimal digits.

use super::read_as_text::read_as_text;
use std::fmt;
use std::io::{self, Read};

use ring::digest::{Context, SHA256};

/// A SHA-256 digest (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

/// A text that is not a SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest has 64 hexadecimal digits")]
pub struct InvalidSha256;

impl Sha256 {
    /// Parses 64 hexadecimal digits, in capitals or not.
    ///
    /// # Errors
    /// [`InvalidSha256`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidSha256> {
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(InvalidSha256);
        }
        let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low).ok_or(InvalidSha256)?;
        }
        Ok(Self(bytes))
    }

    /// The digest of all that a reader gives, in constant memory.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of(mut reader: impl Read) -> io::Result<Self> {
        let (mut context, mut buffer) = (Context::new(&SHA256), [0; 16 * 1024]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => context.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, own)| *byte = *own);
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

read_as_text!(Sha256, parse, "^[0-9a-fA-F]{64}$");

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of FIPS 180-4: the empty message and `abc`.
    #[test]
    fn digests_are_those_of_the_standard_and_read_in_capitals_too() {
        let known = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ];
        for (message, digest) in known {
            assert_eq!(Sha256::of(message.as_bytes()).unwrap().to_string(), digest);
            assert_eq!(Sha256::parse(&digest.to_uppercase()), Sha256::parse(digest));
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "abc",
            known[0].1.get(1..).unwrap(),
            &long,
            &"é".repeat(32),
            &"g".repeat(64),
            &" ".repeat(64),
        ] {
            assert_eq!(Sha256::parse(bad), Err(InvalidSha256), "{bad}");
        }
    }
}
