//! A receipt of a consent event: a signed note that the person keeps and anyone can check with the log's key.
//!
//! Its text is `hushtag-receipt@v1`, a newline, one canonical JSON object (RFC 8785) and a newline, so it is never the text of a
//! checkpoint, whose second line is a number. It names the person by HMAC-SHA256 under a fresh salt that is in it.

use serde_json::{Map, Value, json};

use super::commitment::{Commitment, commit, verify_commitment};
use super::log_keys::LogKeys;
use super::note::{Note, NoteError, Signer, VerifierKey};
use crate::types::json::{from_canonical, to_canonical};
use crate::types::{Secret, Timestamp};

/// The first line of the text.
const HEADER: &str = "hushtag-receipt@v1";

/// What a register says that it has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The sandbox.
    pub sandbox: String,
    /// When it was recorded, by the register's clock.
    pub recorded_at: Timestamp,
    /// What the event says, without whose it is.
    pub event: Map<String, Value>,
    salt: Commitment,
    person: Commitment,
}

/// Why a text is no receipt by a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not a signed note, or not signed by the key.
    #[error("the receipt does not hold")]
    Note(#[from] NoteError),
    /// The note says something else.
    #[error("the signed text is not a receipt")]
    Malformed,
    /// The key signed it after it was replaced.
    #[error("the receipt is of a time at which its key had been replaced")]
    Replaced,
    /// The key is another sandbox's.
    #[error("the receipt is of another sandbox than the key")]
    AnotherSandbox,
}

impl Receipt {
    /// A receipt for the person with this id; `salt` is fresh and is not secret.
    #[must_use]
    pub fn new(
        sandbox: &str,
        recorded_at: Timestamp,
        (ids, person): (&str, &str),
        salt: &Secret,
        event: Map<String, Value>,
    ) -> Self {
        let named = commit(salt, &named(ids, person));
        let salt = Commitment::from(*salt.expose());
        Self { sandbox: sandbox.to_owned(), recorded_at, event, salt, person: named }
    }

    /// Signs the receipt.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for an event that cannot stand in one.
    pub fn sign(&self, signer: &(impl Signer + ?Sized)) -> Result<Note, NoteError> {
        let body = json!({
            "event": self.event,
            "person": self.person.to_string(),
            "recorded_at": self.recorded_at.to_string(),
            "salt": self.salt.to_string(),
            "sandbox": self.sandbox,
        });
        let body = to_canonical(&body).map_err(|_| NoteError::Malformed)?;
        Note::sign(&format!("{HEADER}\n{body}\n"), signer)
    }

    /// The receipt that `key` signed, from the bytes of its file.
    ///
    /// # Errors
    /// [`ReceiptError`]
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, ReceiptError> {
        let note = Note::parse(bytes)?;
        note.verify(key)?;
        let receipt = Self::stated(note.text()).ok_or(ReceiptError::Malformed)?;
        let own = key.name().strip_prefix("hushtag/") == Some(receipt.sandbox.as_str());
        if own { Ok(receipt) } else { Err(ReceiptError::AnotherSandbox) }
    }

    /// The receipt that a key of the log signed while it was in force, and the number of that key.
    ///
    /// # Errors
    /// [`ReceiptError`]
    pub fn open_with(bytes: &[u8], log: &LogKeys) -> Result<(Self, u64), ReceiptError> {
        let mut unsigned = ReceiptError::Malformed;
        for (number, key) in log.keys() {
            match Self::open(bytes, key) {
                Ok(receipt) if log.was_in_force(number, receipt.recorded_at) => return Ok((receipt, number)),
                Ok(_) => return Err(ReceiptError::Replaced),
                Err(error) => unsigned = error,
            }
        }
        Err(unsigned)
    }

    fn stated(text: &str) -> Option<Self> {
        let body = text.strip_prefix(HEADER)?.strip_prefix('\n')?.strip_suffix('\n')?;
        let Value::Object(body) = from_canonical(body).ok()? else { return None };
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let at = text("recorded_at")?;
        let receipt = Self {
            sandbox: text("sandbox")?.to_owned(),
            recorded_at: Timestamp::parse(at).ok().filter(|read| read.to_string() == at)?,
            event: body.get("event")?.as_object()?.clone(),
            salt: text("salt")?.parse().ok()?,
            person: text("person")?.parse().ok()?,
        };
        (body.len() == 5).then_some(receipt)
    }

    /// Whether a file of these bytes is meant as a receipt, however it was damaged in one place.
    #[must_use]
    pub fn resembles(bytes: &[u8]) -> bool {
        let holds = |mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
        holds(HEADER.as_bytes()) || holds(b"\"recorded_at\"") || holds(b"hushtag/")
    }

    /// Whether it is about the person with this id.
    #[must_use]
    pub fn is_about(&self, ids: &str, person: &str) -> bool {
        verify_commitment(&self.person, &Secret::new(self.salt.bytes()), &named(ids, person))
    }
}

/// What is hashed: the JSON list of namespace and id.
fn named(ids: &str, person: &str) -> Vec<u8> {
    json!([ids, person]).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::testing::TestSigner;
    use super::*;

    fn receipt() -> Receipt {
        let event = Map::from_iter([("cn-pipl:trigger".to_owned(), json!("SC23"))]);
        Receipt::new("s", Timestamp::from_seconds(7), ("phone", "138"), &Secret::new([5; 32]), event)
    }

    #[test]
    fn a_receipt_holds_as_it_is_and_for_its_person_and_key_alone() {
        let signer = TestSigner::new("hushtag/s", [1; 32]);
        let key = VerifierKey::of(&signer).unwrap();
        let text = receipt().sign(&signer).unwrap().to_string();
        let opened = Receipt::open(text.as_bytes(), &key).unwrap();
        assert_eq!(opened, receipt());
        assert!(opened.is_about("phone", "138"));
        assert!(!opened.is_about("phone", "139") && !opened.is_about("account", "138"));
        assert!(!text.contains("138"));
        for byte in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[byte] ^= 1;
            assert!(Receipt::open(&changed, &key).is_err(), "byte {byte}");
            assert!(Receipt::resembles(&changed), "byte {byte}");
            assert!(Receipt::open(&text.as_bytes()[..byte], &key).is_err(), "cut at {byte}");
        }
        for (name, seed) in [("hushtag/s", 2), ("hushtag/t", 1)] {
            let other = VerifierKey::of(&TestSigner::new(name, [seed; 32])).unwrap();
            assert!(Receipt::open(text.as_bytes(), &other).is_err());
        }
        let elsewhere = receipt().sign(&TestSigner::new("hushtag/t", [1; 32])).unwrap().to_string();
        let key = VerifierKey::of(&TestSigner::new("hushtag/t", [1; 32])).unwrap();
        assert!(matches!(Receipt::open(elsewhere.as_bytes(), &key), Err(ReceiptError::AnotherSandbox)));
    }

    #[test]
    fn a_receipt_is_no_checkpoint_and_a_checkpoint_no_receipt() {
        let signer = TestSigner::new("hushtag/s", [1; 32]);
        let key = VerifierKey::of(&signer).unwrap();
        let note = receipt().sign(&signer).unwrap();
        assert!(Checkpoint::open(&note, &key).is_err());
        let head = Checkpoint { origin: "hushtag/s".into(), size: 1, root: [1; 32] };
        let note = head.sign(&signer).unwrap().to_string();
        assert!(matches!(Receipt::open(note.as_bytes(), &key), Err(ReceiptError::Malformed)));
    }
}
