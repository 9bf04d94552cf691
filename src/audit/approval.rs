//! Approval by signatures: the text that every handler of a study signs, and whose signatures a study has.
//!
//! A C2SP signed note. Keys have any name; a handler is known by the public key that was pinned for it, not by a name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::entry::{Entry, Kind};
use super::note::{Note, NoteError, VerifierKey};
use crate::policy::{Regime, Study};
use crate::types::HandlerId;

/// The first line of the text.
const HEADER: &str = "hushtag-study@v1";

/// The text that a handler signs: the study and its regime, byte for byte.
///
/// # Errors
/// [`ApprovalFault::RegimeId`]
pub fn approval_text(study: &Study, regime: &Regime) -> Result<String, ApprovalFault> {
    let id = regime.id();
    // A line break in an id that people write would make one text look like another.
    if id.is_empty() || id.chars().any(char::is_control) {
        return Err(ApprovalFault::RegimeId { regime: id.escape_default().take(80).collect() });
    }
    Ok(format!("{HEADER}\n{}\n{}\n{id}\n{}\n", study.id, study.hash, regime.hash()))
}

/// One thing that an approval lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalFault {
    /// There are no signatures.
    #[error("no one has signed the study")]
    Missing,
    /// Not a note.
    #[error("the signatures cannot be read")]
    Note(#[source] NoteError),
    /// Signatures of another study or regime, or of an older text.
    #[error("the signatures are for another text of the study or of its regime")]
    OtherText,
    /// A handler's signature is missing or forged.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    /// No key is known for the handler.
    #[error("no key is pinned for handler `{handler}`")]
    NotPinned {
        /// The handler.
        handler: HandlerId,
    },
    /// The regime's id cannot stand in a text that is signed.
    #[error("the id `{regime}` of the regime is empty or holds control characters")]
    RegimeId {
        /// The beginning of the id.
        regime: String,
    },
}

/// What is wrong with the signature of a handler, over a study or a renewal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// The handler's key is in no line.
    #[error("handler `{handler}` has not signed with the key that is pinned for it")]
    Unsigned {
        /// The handler.
        handler: HandlerId,
    },
    /// A line claims the handler's key and is not by it.
    #[error("the signature of handler `{handler}` does not verify")]
    Forged {
        /// The handler.
        handler: HandlerId,
    },
}

/// Whether `handler` signed the note with this key.
pub(super) fn signed(note: &Note, handler: &HandlerId, key: &VerifierKey) -> Result<(), SignatureFault> {
    let handler = || handler.clone();
    note.verify_key(key).map_err(|error| match error {
        NoteError::Unsigned { .. } => SignatureFault::Unsigned { handler: handler() },
        _ => SignatureFault::Forged { handler: handler() },
    })
}

/// Why keys cannot be pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Not a key.
    #[error("the key of handler `{handler}` is not a vkey string")]
    Key {
        /// The handler.
        handler: HandlerId,
    },
    /// No entry that pins keys.
    #[error("the first entry of the log does not say how studies are approved")]
    Entry,
    /// A handler with two keys.
    #[error("handler `{handler}` is given twice")]
    Twice {
        /// The handler.
        handler: HandlerId,
    },
    /// A holder of the key could sign for both.
    #[error("handlers `{one}` and `{other}` have one key: each signs with its own")]
    OneKey {
        /// A handler.
        one: HandlerId,
        /// The other.
        other: HandlerId,
    },
}

/// The keys with which handlers sign, fixed when the sandbox is made: each handler has one, and no two have the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pinned(BTreeMap<HandlerId, VerifierKey>);

impl Pinned {
    /// Pins the keys, given as vkey strings.
    ///
    /// # Errors
    /// [`PinError`]
    pub fn new<'a>(handlers: impl IntoIterator<Item = (&'a HandlerId, &'a str)>) -> Result<Self, PinError> {
        let mut all: BTreeMap<HandlerId, VerifierKey> = BTreeMap::new();
        for (handler, vkey) in handlers {
            let key: VerifierKey = vkey.parse().map_err(|_| PinError::Key { handler: handler.clone() })?;
            if let Some((one, _)) = all.iter().find(|(_, known)| known.public_key() == key.public_key())
                && one != handler
            {
                return Err(PinError::OneKey { one: one.clone(), other: handler.clone() });
            }
            if all.insert(handler.clone(), key).is_some() {
                return Err(PinError::Twice { handler: handler.clone() });
            }
        }
        Ok(Self(all))
    }

    /// The handlers.
    pub fn handlers(&self) -> impl Iterator<Item = &HandlerId> {
        self.0.keys()
    }

    /// The key of a handler.
    #[must_use]
    pub fn key(&self, handler: &HandlerId) -> Option<&VerifierKey> {
        self.0.get(handler)
    }

    /// Checks that each of `handlers` signed `study` under `regime`, and says with which keys.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub fn check(
        &self,
        study: &Study,
        regime: &Regime,
        note: Option<&str>,
        handlers: &BTreeSet<&HandlerId>,
    ) -> Result<Vec<(HandlerId, VerifierKey)>, Vec<ApprovalFault>> {
        let unpinned = handlers.iter().filter(|handler| !self.0.contains_key(**handler));
        let mut faults: Vec<ApprovalFault> =
            unpinned.map(|handler| ApprovalFault::NotPinned { handler: (*handler).clone() }).collect();
        let note = match read(study, regime, note) {
            Ok(note) => note,
            Err(fault) => {
                faults.push(fault);
                return Err(faults);
            }
        };
        let mut signed = Vec::new();
        for handler in handlers {
            let Some((handler, key)) = self.0.get_key_value(*handler) else { continue };
            match self::signed(&note, handler, key) {
                Ok(()) => signed.push((handler.clone(), key.clone())),
                Err(fault) => faults.push(fault.into()),
            }
        }
        if faults.is_empty() { Ok(signed) } else { Err(faults) }
    }
}

/// The note, if it is one over the text of this study and regime.
fn read(study: &Study, regime: &Regime, note: Option<&str>) -> Result<Note, ApprovalFault> {
    let text = approval_text(study, regime)?;
    let note = Note::parse(note.ok_or(ApprovalFault::Missing)?.as_bytes()).map_err(ApprovalFault::Note)?;
    if note.text() == text { Ok(note) } else { Err(ApprovalFault::OtherText) }
}

/// The keys that the `init` entry of a log pins, or `None` where studies take effect without signatures.
///
/// # Errors
/// [`PinError`]
pub fn pinned_by(init: &Entry) -> Result<Option<Pinned>, PinError> {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    match init.body.get("approval").and_then(Value::as_str) {
        Some("none") if init.kind == Kind::Init => return Ok(None),
        Some("signatures") if init.kind == Kind::Init => {}
        _ => return Err(PinError::Entry),
    }
    let handlers = init.body.get("handlers").and_then(Value::as_array).ok_or(PinError::Entry)?;
    let pinned = handlers.iter().map(|handler| {
        let id = text(handler, "id").and_then(|id| HandlerId::new(&id).ok());
        id.zip(text(handler, "vkey")).ok_or(PinError::Entry)
    });
    let pinned = pinned.collect::<Result<Vec<_>, _>>()?;
    Pinned::new(pinned.iter().map(|(id, vkey)| (id, vkey.as_str()))).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::TestSigner;

    const STUDY: &str = include_str!("../../tests/support/study.toml");

    fn study(text: &str) -> (Study, Regime) {
        (Study::parse("study.toml", text).unwrap(), Regime::built_in("cn-pipl").unwrap())
    }

    fn handler(id: &str) -> HandlerId {
        HandlerId::new(id).unwrap()
    }

    /// Fixed by hand: another text would make every signature that was ever given worthless.
    #[test]
    fn the_text_is_five_lines() {
        let (study, regime) = study(STUDY);
        let text = approval_text(&study, &regime).unwrap();
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines, ["hushtag-study@v1", "small", &study.hash, "cn-pipl", regime.hash(), ""]);
        assert_eq!(study.hash, format!("blake3:{}", blake3::hash(STUDY.as_bytes()).to_hex()));
        let id = |id: &str| {
            let law = Regime::built_in_text("cn-pipl").unwrap();
            let law = law.replacen("id = \"cn-pipl\"", &format!("id = \"{id}\""), 1);
            approval_text(&study, &Regime::parse("law", &law).unwrap())
        };
        assert!(id("other law").is_ok());
        for bad in ["", "a\\nblake3:0", "a\\u007f"] {
            assert!(matches!(id(bad), Err(ApprovalFault::RegimeId { .. })), "{bad:?}");
        }
    }

    #[test]
    fn every_handler_signs_with_its_own_pinned_key_under_any_name() {
        let (one, two) = (TestSigner::new("any-name", [1; 32]), TestSigner::new("any-name", [2; 32]));
        let (a, b) = (handler("social-platform"), handler("payment-platform"));
        // Pinned under other names than those that sign.
        let keys = [
            TestSigner::new("a", [1; 32]).key().to_string(),
            TestSigner::new("b", [2; 32]).key().to_string(),
        ];
        let pinned = Pinned::new([(&a, keys[0].as_str()), (&b, keys[1].as_str())]).unwrap();
        let (study, regime) = study(STUDY);
        let both = BTreeSet::from([&a, &b]);
        let text = approval_text(&study, &regime).unwrap();
        let half = Note::sign(&text, &one).unwrap();
        let whole = half.clone().signed_by(&two).unwrap().to_string();
        assert_eq!(pinned.check(&study, &regime, Some(&whole), &both).unwrap().len(), 2);

        let faults = |note: Option<&str>, handlers: &BTreeSet<&HandlerId>| {
            pinned.check(&study, &regime, note, handlers).unwrap_err()
        };
        assert_eq!(
            faults(Some(&half.to_string()), &both),
            [SignatureFault::Unsigned { handler: b.clone() }.into()]
        );
        assert_eq!(faults(None, &both), [ApprovalFault::Missing]);
        let stranger = handler("stranger");
        let three = BTreeSet::from([&a, &b, &stranger]);
        assert_eq!(faults(Some(&whole), &three), [ApprovalFault::NotPinned { handler: stranger.clone() }]);
        // Every single changed byte of the note.
        for place in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(pinned.check(&study, &regime, Some(&changed), &both).is_err(), "byte {place}");
        }
    }

    #[test]
    fn two_handlers_have_two_keys() {
        let key = |name: &str, seed: u8| TestSigner::new(name, [seed; 32]).key().to_string();
        let (a, b) = (handler("a"), handler("b"));
        let pin = |first: (&HandlerId, String), second: (&HandlerId, String)| {
            Pinned::new([(first.0, first.1.as_str()), (second.0, second.1.as_str())])
        };
        assert!(pin((&a, key("x", 1)), (&b, key("x", 2))).is_ok());
        assert!(matches!(pin((&a, key("x", 1)), (&b, key("y", 1))), Err(PinError::OneKey { .. })));
        assert!(matches!(pin((&a, key("x", 1)), (&a, key("x", 2))), Err(PinError::Twice { .. })));
        assert!(matches!(pin((&a, key("x", 1)), (&a, key("x", 1))), Err(PinError::Twice { .. })));
        assert!(matches!(pin((&a, key("x", 1)), (&b, "x+1+y".into())), Err(PinError::Key { .. })));
    }
}
