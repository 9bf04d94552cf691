//! Signed notes (C2SP signed-note v1.0.0) with Ed25519 keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Serialize, Serializer};

use super::merkle::short_hash;

/// The largest note, in bytes, and the most signatures in it; the specification asks for at least 16.
const MAX_LENGTH: usize = 1 << 20;
const MAX_SIGNATURES: usize = 100;

/// The signature type of plain Ed25519 over the text.
const TYPE_ED25519: u8 = 1;

/// What signs notes: a name and an Ed25519 key, wherever the secret half lives.
pub trait Signer {
    /// The name of the key: not empty, without spaces, control characters and `+`.
    fn name(&self) -> &str;

    /// The public half, as in RFC 8032.
    fn public_key(&self) -> [u8; 32];

    /// The signature over `message`, as in RFC 8032.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// Why a text is not a signed note or a key, or not signed by the key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a note.
    #[error("the text is not a signed note")]
    Malformed,
    /// Not a key of the form `name+id+key`, or of another type than Ed25519.
    #[error("`{given}` is not a verifier key of the form `name+id+key`")]
    Key {
        /// The beginning of what was given.
        given: String,
    },
    /// A key under which signatures verify that no one made.
    #[error("the key of `{name}` is a point of small order, under which anybody can sign")]
    SmallOrder {
        /// The name of the key.
        name: String,
    },
    /// A line that claims to be by the key is not.
    #[error("the signature of `{name}` does not verify")]
    Forged {
        /// The name of the key.
        name: String,
    },
    /// A checkpoint whose first line names another log than its key.
    #[error("the checkpoint is not of the log `{name}`")]
    OtherLog {
        /// The name of the key.
        name: String,
    },
    /// No line is by the key.
    #[error("the note is not signed by `{name}`")]
    Unsigned {
        /// The name of the key.
        name: String,
    },
}

/// A public key with its name, written `name+id+key`.
///
/// ```
/// use hushtag::audit::{Note, VerifierKey};
///
/// let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse()?;
/// let note = Note::parse(
///     "If you think cryptography is the answer to your problem,\n\
///      then you don't know what your problem is.\n\n\
///      — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
///         .as_bytes(),
/// )?;
/// note.verify(&key)?;
/// # Ok::<(), hushtag::audit::NoteError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public_key: [u8; 32],
}

impl VerifierKey {
    /// The public half of a signer.
    ///
    /// # Errors
    /// [`NoteError::Key`] when its name is not one.
    pub fn of(signer: &(impl Signer + ?Sized)) -> Result<Self, NoteError> {
        let name = signer.name().to_owned();
        if !is_key_name(&name) {
            return Err(bad_key(&name));
        }
        Ok(Self { name, public_key: signer.public_key() })
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 public key.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The first four bytes of SHA-256(name, newline, type, key).
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, TYPE_ED25519, &self.public_key)
    }
}

/// The id of a key of this signature type.
pub(super) fn key_id(name: &str, kind: u8, public_key: &[u8; 32]) -> [u8; 4] {
    short_hash(&[name.as_bytes(), b"\n", &[kind], public_key])
}

/// A key of this signature type as it is written, `name+id+key`.
pub(super) fn key_text(name: &str, kind: u8, public_key: &[u8; 32]) -> String {
    let id = u32::from_be_bytes(key_id(name, kind, public_key));
    format!("{name}+{id:08x}+{}", BASE64.encode([[kind].as_slice(), public_key].concat()))
}

/// Name and key of a text that [`key_text`] has written.
pub(super) fn parse_key(text: &str, kind: u8) -> Result<(String, [u8; 32]), NoteError> {
    let parse = || {
        let (name, rest) = text.split_once('+')?;
        let (_, key) = rest.split_once('+')?;
        let bytes = BASE64.decode(key).ok()?;
        let (_, public_key) = bytes.split_first()?;
        let public_key = public_key.try_into().ok()?;
        // The id and the type byte are right exactly when the key prints as it was written.
        let same = is_key_name(name) && key_text(name, kind, &public_key) == text;
        same.then(|| (name.to_owned(), public_key))
    };
    let (name, public_key) = parse().ok_or_else(|| bad_key(text))?;
    if is_of_small_order(&public_key) {
        return Err(NoteError::SmallOrder { name });
    }
    Ok((name, public_key))
}

/// Whether the point has an order of at most 8: under such a key some signature verifies for any message, and it has no owner.
///
/// The y coordinates of all eight points, also as they are written beyond the prime; the sign of x is the last bit (RFC 8032, section
/// 5.1.2).
fn is_of_small_order(public_key: &[u8; 32]) -> bool {
    const EIGHT: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut without_sign = *public_key;
    let [.., sign] = &mut without_sign;
    *sign &= 0x7f;
    let [first, middle @ .., last] = without_sign;
    let around = |byte: u8| middle.iter().all(|other| *other == byte);
    // 0 and 1; one below the prime, the prime, which is 0, and one above.
    (around(0) && last == 0 && first <= 1)
        || (around(0xff) && last == 0x7f && (0xec..=0xee).contains(&first))
        || EIGHT.contains(&without_sign)
}

/// Whether the key made this signature over the message.
pub(super) fn verify_signature(public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).is_ok()
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, TYPE_ED25519, &self.public_key))
    }
}

/// As its text.
impl Serialize for VerifierKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        parse_key(text, TYPE_ED25519).map(|(name, public_key)| Self { name, public_key })
    }
}

fn bad_key(given: &str) -> NoteError {
    NoteError::Key { given: given.chars().take(80).collect() }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl NoteSignature {
    /// The name of the key it claims.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = BASE64.decode(encoded).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        (is_key_name(name) && !signature.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            signature: signature.to_vec(),
        })
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.id == key.id()
    }
}

/// A text and its signatures; those of unknown keys are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs a text, which ends in a newline.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for a text no note can hold, [`NoteError::Key`] for a signer without a proper name.
    pub fn sign(text: &str, signer: &(impl Signer + ?Sized)) -> Result<Self, NoteError> {
        let key = VerifierKey::of(signer)?;
        let signature = signer.sign(text.as_bytes()).to_vec();
        let line = NoteSignature { id: key.id(), name: key.name, signature };
        let note = Self { text: text.to_owned(), signatures: vec![line] };
        // What cannot be read back as the same note is not handed out.
        Self::parse(note.to_string().as_bytes()).ok().filter(|read| *read == note).ok_or(NoteError::Malformed)
    }

    /// Reads a note without believing it: the text counts only after [`Note::verify`].
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for anything but the one spelling of a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let parse = || {
            let note = std::str::from_utf8(bytes).ok().filter(|note| note.len() <= MAX_LENGTH)?;
            if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
                return None;
            }
            let (text, lines) = note.rsplit_once("\n\n")?;
            let lines = lines.strip_suffix('\n')?;
            let signatures: Vec<_> = lines
                .split('\n')
                .take(MAX_SIGNATURES + 1)
                .map(NoteSignature::parse)
                .collect::<Option<_>>()?;
            (signatures.len() <= MAX_SIGNATURES).then(|| Self { text: format!("{text}\n"), signatures })
        };
        parse().ok_or(NoteError::Malformed)
    }

    /// The text with its last newline: what is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks that the key signed the text. Every line that claims the key must be right.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] or [`NoteError::Forged`].
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut lines = self.signatures.iter().filter(|line| line.is_by(key)).peekable();
        if lines.peek().is_none() {
            return Err(NoteError::Unsigned { name: key.name.clone() });
        }
        if lines.all(|line| verify_signature(&key.public_key, self.text.as_bytes(), &line.signature)) {
            Ok(())
        } else {
            Err(NoteError::Forged { name: key.name.clone() })
        }
    }

    /// Checks that the key signed the text, under whatever name. Every line that claims the key must be right.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] or [`NoteError::Forged`], with the name of `key`.
    pub fn verify_key(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut signed = false;
        for line in &self.signatures {
            let named = VerifierKey { name: line.name.clone(), public_key: key.public_key };
            if line.is_by(&named) {
                self.verify(&named).map_err(|_| NoteError::Forged { name: key.name.clone() })?;
                signed = true;
            }
        }
        if signed { Ok(()) } else { Err(NoteError::Unsigned { name: key.name.clone() }) }
    }

    /// The note with one more signature; as it is, if the key signed it before, under whatever name.
    ///
    /// # Errors
    /// [`NoteError::Forged`] when a line claims the key and is not by it, [`NoteError::Key`] for a signer without a proper
    /// name, [`NoteError::Malformed`] for more lines than a note may have.
    pub fn signed_by(mut self, signer: &(impl Signer + ?Sized)) -> Result<Self, NoteError> {
        match self.verify_key(&VerifierKey::of(signer)?) {
            Err(NoteError::Unsigned { .. }) => {}
            other => return other.map(|()| self),
        }
        self.signatures.extend(Self::sign(&self.text, signer)?.signatures);
        Self::parse(self.to_string().as_bytes())
    }

    /// The note with the lines that `other`, a note over the same text, has and this one has not.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when the texts differ, or for more lines than a note may have.
    pub fn merged(mut self, other: Self) -> Result<Self, NoteError> {
        if self.text != other.text {
            return Err(NoteError::Malformed);
        }
        let more: Vec<_> =
            other.signatures.into_iter().filter(|line| !self.signatures.contains(line)).collect();
        self.signatures.extend(more);
        Self::parse(self.to_string().as_bytes())
    }

    /// What the lines of the key with this name and id hold, whatever its type.
    pub(super) fn payloads(&self, name: &str, id: [u8; 4]) -> impl Iterator<Item = &[u8]> {
        let own = self.signatures.iter().filter(move |line| line.name == name && line.id == id);
        own.map(|line| line.signature.as_slice())
    }

    /// How many signature lines there are, whosever they are.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.signatures.len()
    }

    /// The lines that are not by `key`: cosignatures of witnesses, or of no one in particular.
    pub fn others<'a>(&'a self, key: &'a VerifierKey) -> impl Iterator<Item = &'a NoteSignature> {
        self.signatures.iter().filter(|line| !line.is_by(key))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| {
            let bytes = [line.id.as_slice(), &line.signature].concat();
            writeln!(f, "— {} {}", line.name, BASE64.encode(bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::TestSigner;

    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    // The seed in PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz.
    const SEED: &str = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";

    fn peter() -> VerifierKey {
        VKEY.parse().unwrap()
    }

    /// Known answer of `golang.org/x/mod/sumdb/note`, byte for byte.
    /// Promise: a key under which signatures verify that no one made is no key, as which kind of key and with which sign it is written.
    #[test]
    fn a_key_of_small_order_is_refused() {
        let y = |hex: &str| -> [u8; 32] {
            let digits: Vec<u8> =
                hex.chars().map(|digit| digit.to_digit(16).unwrap().try_into().unwrap()).collect();
            std::array::from_fn(|at| digits[2 * at] << 4 | digits[2 * at + 1])
        };
        let mut all = vec![
            y(&format!("00{}", "00".repeat(31))),
            y(&format!("01{}", "00".repeat(31))),
            y("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            y("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        ];
        all.extend(["ec", "ed", "ee"].map(|first| y(&format!("{first}{}7f", "ff".repeat(30)))));
        for key in all {
            for sign in [0, 0x80] {
                let mut key = key;
                key[31] |= sign;
                let refused = Err(NoteError::SmallOrder { name: "weak".into() });
                assert_eq!(key_text("weak", 1, &key).parse::<VerifierKey>().map(drop), refused);
                assert_eq!(parse_key(&key_text("weak", 4, &key), 4).map(drop), refused);
            }
            let mut other = key;
            other[3] ^= 1;
            assert!(key_text("weak", 1, &other).parse::<VerifierKey>().is_ok());
        }
    }

    #[test]
    fn signs_and_verifies_as_the_reference_implementation() {
        let signer = TestSigner::new("PeterNeumann", BASE64.decode(SEED).unwrap().try_into().unwrap());
        assert_eq!(VerifierKey::of(&signer).unwrap().to_string(), VKEY);
        let note = Note::sign(TEXT, &signer).unwrap();
        assert_eq!(note.to_string(), format!("{TEXT}\n{LINE}"));
        assert_eq!(note.verify(&peter()), Ok(()));
    }

    /// The example of the C2SP text.
    #[test]
    fn verifies_the_example_of_the_specification() {
        let key: VerifierKey =
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse().unwrap();
        let note = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        assert_eq!(Note::parse(note.as_bytes()).unwrap().verify(&key), Ok(()));
    }

    #[test]
    fn a_mangled_key_is_no_key() {
        for start in 0..VKEY.len() {
            for end in start..=VKEY.len() {
                let part = VKEY.get(start..end).unwrap();
                assert!(part == VKEY || part.parse::<VerifierKey>().is_err(), "{part}");
            }
            let mut bytes = VKEY.as_bytes().to_vec();
            bytes[start] += 1;
            assert!(String::from_utf8(bytes).unwrap().parse::<VerifierKey>().is_err());
        }
        // Another length and another algorithm, with the id made to fit.
        for other in [
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(other.parse::<VerifierKey>().is_err());
        }
    }

    #[test]
    fn lines_of_unknown_keys_are_kept_and_a_forged_line_spoils_the_note() {
        let unknown = "— PeterNeumann AAAAAAAA\n— witness.example AAAAAAB0ZXN0\n";
        let text = format!("{TEXT}\n{unknown}{LINE}");
        let note = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(note.to_string(), text);
        assert_eq!(note.verify(&peter()), Ok(()));
        assert_eq!(note.others(&peter()).count(), 2);

        let unsigned = Note::parse(format!("{TEXT}\n{unknown}").as_bytes()).unwrap();
        assert!(matches!(unsigned.verify(&peter()), Err(NoteError::Unsigned { .. })));
        let forged = Note::parse(format!("{TEXT}more\n\n{LINE}").as_bytes()).unwrap();
        assert!(matches!(forged.verify(&peter()), Err(NoteError::Forged { .. })));
        let half = LINE.replace("x08go/ZJ", "x08go/ZK");
        let half = Note::parse(format!("{TEXT}\n{LINE}{half}").as_bytes()).unwrap();
        assert!(matches!(half.verify(&peter()), Err(NoteError::Forged { .. })));
    }

    #[test]
    fn a_key_signs_once_under_whatever_name_and_is_found_by_the_key() {
        let (one, renamed) = (TestSigner::new("one", [1; 32]), TestSigner::new("renamed", [1; 32]));
        let two = TestSigner::new("two", [2; 32]);
        let note = Note::sign(TEXT, &one).unwrap();
        assert_eq!(note.verify_key(&renamed.key()), Ok(()));
        assert!(matches!(note.verify(&renamed.key()), Err(NoteError::Unsigned { .. })));
        assert!(matches!(note.verify_key(&two.key()), Err(NoteError::Unsigned { .. })));
        assert_eq!(note.clone().signed_by(&renamed).unwrap(), note, "the key has signed");
        let both = note.clone().signed_by(&two).unwrap();
        assert_eq!(
            (both.lines(), both.verify_key(&one.key()), both.verify_key(&two.key())),
            (2, Ok(()), Ok(()))
        );
        assert_eq!(note.clone().merged(both.clone()).unwrap(), both);
        assert_eq!(both.clone().merged(note.clone()).unwrap(), both);
        assert!(both.clone().merged(Note::sign("other\n", &two).unwrap()).is_err());
        // The line of another text under the name and id of the key.
        let other = Note::sign("other\n", &two).unwrap().signatures;
        let forged = Note { signatures: [note.signatures, other].concat(), ..both };
        assert!(matches!(forged.verify_key(&two.key()), Err(NoteError::Forged { .. })));
        assert!(matches!(forged.signed_by(&two), Err(NoteError::Forged { .. })));
    }

    #[test]
    fn another_spelling_is_no_note() {
        let good = format!("{TEXT}\n{LINE}");
        let many = format!("{TEXT}\n{}", LINE.repeat(MAX_SIGNATURES + 1));
        let long = format!("{}\n\n{LINE}", "x".repeat(MAX_LENGTH));
        let bad = [
            "",
            "\n\n",
            TEXT,
            LINE,
            &many,
            &long,
            good.trim_end(),
            &format!("{good}\n"),
            &good.replace("— ", "- "),
            &good.replace("PeterNeumann ", "PeterNeumann  "),
            &good.replace("PeterNeumann ", "Peter+Neumann "),
            &good.replace("cryptography", "crypto\tgraphy"),
            &good.replace("nAM=", "nAM"),
            &good.replace("nAM=", "nAN="),
            &good.replace("x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=", "x08goA=="),
        ];
        for text in bad {
            assert_eq!(Note::parse(text.as_bytes()), Err(NoteError::Malformed), "{text:.300}");
        }
        assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::Malformed));
        let signer = TestSigner::new("a", [1; 32]);
        for text in ["no newline", "tab\t\n", ""] {
            assert_eq!(Note::sign(text, &signer), Err(NoteError::Malformed), "{text}");
        }
        assert!(Note::sign("x\n", &TestSigner::new("a b", [1; 32])).is_err());
    }
}
