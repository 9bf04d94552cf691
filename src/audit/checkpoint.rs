//! The head of the log (C2SP tlog-checkpoint v1.0.0, without extension lines).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::merkle::Hash;
use super::note::{Note, NoteError, Signer, VerifierKey};

/// A tree head: which log, how many entries, which root. Its [`fmt::Display`] is the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of entries, below 2^63.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Signs the head.
    ///
    /// # Errors
    /// [`NoteError`] when the origin is not one line of text, or the signer has no proper name.
    pub fn sign(&self, signer: &(impl Signer + ?Sized)) -> Result<Note, NoteError> {
        let text = self.to_string();
        Self::parse(&text).ok_or(NoteError::Malformed)?;
        Note::sign(&text, signer)
    }

    /// The head that a note by `key` states.
    ///
    /// # Errors
    /// [`NoteError`] when `key` did not sign the note, its text is not a checkpoint, or it is that of a log of another name than the
    /// key's.
    pub fn open(note: &Note, key: &VerifierKey) -> Result<Self, NoteError> {
        note.verify(key)?;
        let head = Self::parse(note.text()).ok_or(NoteError::Malformed)?;
        if head.origin == key.name() {
            Ok(head)
        } else {
            Err(NoteError::OtherLog { name: key.name().to_owned() })
        }
    }

    /// The head that a note states, regardless of who signed it.
    pub(super) fn stated(note: &Note) -> Option<Self> {
        Self::parse(note.text())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let head = Self {
            origin: origin.to_owned(),
            size: size.parse().ok().filter(|size| i64::try_from(*size).is_ok())?,
            root: BASE64.decode(root).ok()?.try_into().ok()?,
        };
        // Leading zeros, a sign, extension lines or a missing newline would print another text.
        (!origin.is_empty() && head.to_string() == text).then_some(head)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, BASE64.encode(self.root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the C2SP text.
    const TEXT: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn one_spelling_only() {
        let head = Checkpoint::parse(TEXT).unwrap();
        assert_eq!((head.origin.as_str(), head.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(head.to_string(), TEXT);
        for bad in [
            TEXT.trim_end(),
            &format!("{TEXT}extension\n"),
            &TEXT.replace("20852163", "020852163"),
            &TEXT.replace("20852163", "+20852163"),
            &TEXT.replace("20852163", "9223372036854775808"),
            &TEXT.replace("example.com/behind-the-sofa", ""),
            &TEXT.replace("q2I=", "q2J="),
            &TEXT.replace("q2I=", ""),
            "",
        ] {
            assert_eq!(Checkpoint::parse(bad), None, "{bad}");
        }
    }
}
