//! One entry, provable on its own (C2SP tlog-proof v1).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::checkpoint::Checkpoint;
use super::merkle::{Hash, InvalidProof, leaf_hash, verify_inclusion};
use super::note::{Note, NoteError, VerifierKey};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Not a proof.
    #[error("the text is not a proof of the form `c2sp.org/tlog-proof@v1`")]
    Malformed,
    /// The checkpoint is no note by the key, or states no head.
    #[error("the checkpoint in the proof is not signed by the key or states no head")]
    Checkpoint(#[source] NoteError),
    /// The entry is not at its index under the checkpoint.
    #[error("the entry is not what the log has at this index")]
    NotIncluded(#[source] InvalidProof),
}

/// Where an entry is in the log, and the way from it to a signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Bytes for the application; nothing vouches for them.
    pub extra: Option<Vec<u8>>,
    /// The index of the entry.
    pub index: u64,
    /// The inclusion proof, leaf side first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, as a note.
    pub checkpoint: String,
}

impl Proof {
    /// Checks that the log of `key` has this entry at the index; returns the head that covers it.
    ///
    /// # Errors
    /// [`ProofError`]
    pub fn verify(&self, key: &VerifierKey, entry: &[u8]) -> Result<Checkpoint, ProofError> {
        let open = || Checkpoint::open(&Note::parse(self.checkpoint.as_bytes())?, key);
        let head = open().map_err(ProofError::Checkpoint)?;
        verify_inclusion(self.index, head.size, &leaf_hash(entry), &self.hashes, &head.root)
            .map_err(ProofError::NotIncluded)?;
        Ok(head)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for Proof {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        let parse = || {
            let (proof, checkpoint) = text.split_once("\n\n")?;
            let mut lines = proof.split('\n').peekable();
            lines.next().filter(|line| *line == HEADER)?;
            let extra =
                lines.next_if(|line| line.starts_with("extra ")).and_then(|line| line.strip_prefix("extra "));
            let extra =
                extra.map(|extra| BASE64.decode(extra).ok()).map_or(Some(None), |extra| extra.map(Some))?;
            let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
            // A tree has at most 63 levels below its root.
            let hashes: Vec<Hash> = lines
                .take(64)
                .map(|line| BASE64.decode(line).ok()?.try_into().ok())
                .collect::<Option<_>>()?;
            let proof = Self { extra, index, hashes, checkpoint: checkpoint.to_owned() };
            // Leading zeros, signs and a longer proof would print another text.
            (proof.to_string() == text).then_some(proof)
        };
        parse().ok_or(ProofError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{TestSigner, entry, log, signer};

    #[test]
    fn every_entry_is_proved_and_no_other() {
        for size in [1, 2, 255, 256, 257, 600] {
            let (_, log) = log(size);
            for index in (0..size).step_by(37).chain([size - 1]) {
                let proof = log.prove(index).unwrap();
                let text = entry(index).to_text().unwrap();
                let head = proof.verify(&signer().key(), text.as_bytes()).unwrap();
                assert_eq!((head.size, head.root), log.head());
                let other = entry(index + 1).to_text().unwrap();
                assert!(matches!(
                    proof.verify(&signer().key(), other.as_bytes()),
                    Err(ProofError::NotIncluded(_))
                ));
                let stranger = TestSigner::new("sandbox.example/log", [8; 32]).key();
                assert!(matches!(proof.verify(&stranger, text.as_bytes()), Err(ProofError::Checkpoint(_))));
                assert_eq!(proof.to_string().parse(), Ok(proof));
            }
            assert!(log.prove(size).is_err());
        }
    }

    #[test]
    fn one_spelling_only() {
        let (_, log) = log(5);
        let proof = Proof { extra: Some(b"why".to_vec()), ..log.prove(3).unwrap() };
        let text = proof.to_string();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra d2h5\nindex 3\n"));
        assert_eq!(text.parse(), Ok(proof));
        for (old, new) in [
            ("@v1", "@v2"),
            ("index 3", "index 03"),
            ("index 3", "index +3"),
            ("extra d2h5", "extra d2h"),
            ("=\n\n", "=\n"),
            ("index 3\n", ""),
        ] {
            let other = text.replacen(old, new, 1);
            assert_ne!(other, text);
            assert!(other.parse::<Proof>().is_err_and(|error| error == ProofError::Malformed), "{other}");
        }
        let long = text.replacen("index 3\n", &format!("index 3\n{}\n", BASE64.encode([0; 32])).repeat(1), 1);
        assert!(
            long.parse::<Proof>()
                .unwrap()
                .verify(&signer().key(), entry(3).to_text().unwrap().as_bytes())
                .is_err()
        );
    }
}
