//! Cosignatures of witnesses (C2SP tlog-cosignature v1.0.0: `cosignature/v1` with Ed25519).

use std::fmt;
use std::str::FromStr;

use super::error::{VerifyError, VerifyErrorKind};
use super::folder::head;
use super::note::{Note, NoteError, VerifierKey, key_id, key_text, parse_key, verify_signature};
use super::tiles::CHECKPOINT;
use crate::storage::Storage;
use crate::types::Timestamp;

/// The signature type of a timestamped Ed25519 cosignature.
const TYPE_COSIGNATURE: u8 = 4;

/// The public key of a witness with its name, written `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    public_key: [u8; 32],
}

/// A witness and when it says that it saw the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The name of its key.
    pub witness: String,
    /// When it signed.
    pub at: Timestamp,
}

impl WitnessKey {
    /// Checks that the witness cosigned the note; every line that claims its key must be right. Says when, at the latest.
    fn cosigned(&self, note: &Note) -> Result<Cosigned, NoteError> {
        let forged = || NoteError::Forged { name: self.name.clone() };
        let mut latest = None;
        for payload in note.payloads(&self.name, key_id(&self.name, TYPE_COSIGNATURE, &self.public_key)) {
            let (time, signature) = payload.split_first_chunk::<8>().ok_or_else(forged)?;
            let at = i64::try_from(u64::from_be_bytes(*time)).map_err(|_| forged())?;
            let message = format!("cosignature/v1\ntime {at}\n{}", note.text());
            if !verify_signature(&self.public_key, message.as_bytes(), signature) {
                return Err(forged());
            }
            latest = latest.max(Some(Timestamp::from_seconds(at)));
        }
        let at = latest.ok_or_else(|| NoteError::Unsigned { name: self.name.clone() })?;
        Ok(Cosigned { witness: self.name.clone(), at })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, TYPE_COSIGNATURE, &self.public_key))
    }
}

impl FromStr for WitnessKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        parse_key(text, TYPE_COSIGNATURE).map(|(name, public_key)| Self { name, public_key })
    }
}

/// Checks that each of these witnesses cosigned the checkpoint of the folder, which `key` signed.
///
/// # Errors
/// The first [`VerifyError`]: a witness whose line is missing or is not by its key.
pub fn check_witnesses(
    storage: &dyn Storage,
    key: &VerifierKey,
    witnesses: &[WitnessKey],
) -> Result<Vec<Cosigned>, VerifyError> {
    let (note, _) = head(storage, key)?;
    let check = |witness: &WitnessKey| {
        let name = witness.name.clone();
        witness
            .cosigned(&note)
            .map_err(|error| VerifyError::new(CHECKPOINT, VerifyErrorKind::Witness { name, error }))
    };
    witnesses.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{TestSigner, log, signer};
    use crate::audit::{Log, Signer};
    use crate::storage::Image;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use std::sync::Arc;

    fn witness(name: &str, seed: u8) -> (TestSigner, WitnessKey) {
        let signer = TestSigner::new(name, [seed; 32]);
        let key = WitnessKey { name: name.to_owned(), public_key: signer.public_key() };
        (signer, key)
    }

    /// A line as the specification writes it: the id, the time in eight bytes and the signature of the text after it.
    fn line(by: &TestSigner, time: u64, text: &str) -> String {
        let id = key_id(by.name(), 4, &by.public_key());
        let signature = by.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
        let bytes = [id.as_slice(), &time.to_be_bytes(), &signature].concat();
        format!("— {} {}\n", by.name(), BASE64.encode(bytes))
    }

    fn checkpoint(image: &Image) -> String {
        String::from_utf8(image.read(CHECKPOINT).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_key_has_one_spelling_and_its_own_type() {
        let (signer, key) = witness("witness.example/w1", 3);
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        assert!(key.to_string().parse::<VerifierKey>().is_err(), "no key of a log");
        assert!(signer.key().to_string().parse::<WitnessKey>().is_err(), "no key of a witness");
        assert!(key.to_string().replace("w1", "w2").parse::<WitnessKey>().is_err());
    }

    #[test]
    fn a_named_witness_must_have_signed_this_checkpoint() {
        let (image, _) = log(5);
        let ((one, one_key), (two, two_key)) = (witness("one", 3), witness("two", 4));
        let bare = checkpoint(&image);
        let text = Note::parse(bare.as_bytes()).unwrap().text().to_owned();
        let check = |lines: &str, keys: &[WitnessKey]| {
            image.write(CHECKPOINT, format!("{bare}{lines}").as_bytes()).unwrap();
            check_witnesses(&image, &signer().key(), keys)
        };
        let both = [line(&one, 1_700_000_001, &text), line(&two, 1_700_000_002, &text)].concat();
        let seen = check(&both, &[two_key.clone(), one_key.clone()]).unwrap();
        let seen: Vec<_> = seen.iter().map(|seen| (seen.witness.as_str(), seen.at.seconds())).collect();
        assert_eq!(seen, [("two", 1_700_000_002), ("one", 1_700_000_001)]);
        assert_eq!(check("", &[]).unwrap(), []);

        let keys = std::slice::from_ref(&one_key);
        let forged = TestSigner::new("one", [9; 32]);
        let as_one = |bytes: &str| {
            format!(
                "— one {}\n",
                BASE64.encode([&key_id("one", 4, &one.public_key())[..], bytes.as_bytes()].concat())
            )
        };
        for (lines, what) in [
            (String::new(), "no line"),
            (line(&two, 1, &text), "another witness"),
            (line(&forged, 1, &text), "another key of that name"),
            (line(&one, 1, &text.replace('5', "6")), "another checkpoint"),
            (line(&one, u64::MAX, &text), "a time that is none"),
            (as_one("short"), "a short signature"),
            (both.clone() + &line(&one, 2, "other\n"), "a wrong line beside a right one"),
        ] {
            let fault = check(&lines, keys).expect_err(what);
            assert!(
                fault.place == CHECKPOINT && fault.to_string().contains("witness `one`"),
                "{what}: {fault}"
            );
        }
        // The time is signed.
        let moved = line(&one, 7, &text);
        let bytes = BASE64.decode(moved.trim_end().rsplit_once(' ').unwrap().1).unwrap();
        let mut later = bytes;
        later[11] = 8;
        assert!(check(&format!("— one {}\n", BASE64.encode(later)), keys).is_err());
    }

    #[test]
    fn cosignatures_stay_while_the_checkpoint_does() {
        let (image, log) = log(5);
        drop(log);
        let (one, key) = witness("one", 3);
        let text = Note::parse(checkpoint(&image).as_bytes()).unwrap().text().to_owned();
        let cosigned = checkpoint(&image) + &line(&one, 7, &text);
        image.write(CHECKPOINT, cosigned.as_bytes()).unwrap();
        let mut log = Log::open(Arc::new(image.clone()), &signer().key()).unwrap();
        log.tidy().unwrap();
        assert!(log.prove(3).unwrap().checkpoint.ends_with(&line(&one, 7, &text)), "a proof has them too");
        assert!(check_witnesses(&image, &signer().key(), std::slice::from_ref(&key)).is_ok());
        let _ = log.append(&crate::audit::testing::entry(5), &signer()).unwrap();
        assert!(check_witnesses(&image, &signer().key(), &[key]).is_err(), "it does not know the new one");
    }
}
