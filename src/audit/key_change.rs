//! What a `key` entry says: another key signs the log from there on, or the root key has changed.

use serde_json::{Map, Value, json};

use super::entry::{Entry, Kind};
use super::rotation::{Rotation, RotationFault};

/// The content of a `key` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// The key that signs the log changes; both keys have signed for it.
    Log(Box<Rotation>),
    /// The root key has changed, for the `number`-th time since init. Nothing else is reported of it.
    Root {
        /// From 1 on, without a gap.
        number: u64,
    },
}

impl KeyChange {
    /// What `entry` says.
    ///
    /// # Errors
    /// [`RotationFault`] when it is neither of the two.
    pub fn of(entry: &Entry) -> Result<Self, RotationFault> {
        if entry.body.get("key").is_none() {
            return Rotation::of(entry).map(|rotation| Self::Log(Box::new(rotation)));
        }
        let number = entry.body.get("number").and_then(Value::as_u64).filter(|number| *number > 0);
        match number {
            Some(number)
                if entry.kind == Kind::Key
                    && entry.ledger_seq.is_none()
                    && entry.body == Self::root_body(number) =>
            {
                Ok(Self::Root { number })
            }
            _ => Err(RotationFault::Malformed),
        }
    }

    /// The body of the entry of the `number`-th change of the root key.
    #[must_use]
    pub fn root_body(number: u64) -> Map<String, Value> {
        [("key", json!("root")), ("number", json!(number))]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Timestamp;

    fn entry(body: Value) -> Entry {
        let Value::Object(body) = body else { panic!("{body}") };
        Entry { kind: Kind::Key, at: Timestamp::from_seconds(1), ledger_seq: None, body }
    }

    #[test]
    fn a_change_of_the_root_key_has_its_number_and_nothing_else() {
        let good = entry(json!({ "key": "root", "number": 3 }));
        assert_eq!(good.body, KeyChange::root_body(3));
        assert_eq!(KeyChange::of(&good), Ok(KeyChange::Root { number: 3 }));
        for bad in [
            json!({}),
            json!({ "key": "root" }),
            json!({ "number": 3 }),
            json!({ "key": "log", "number": 3 }),
            json!({ "key": "root", "number": 0 }),
            json!({ "key": "root", "number": "3" }),
            json!({ "key": "root", "number": -3 }),
            json!({ "key": "root", "number": 3, "note": "more" }),
        ] {
            assert_eq!(KeyChange::of(&entry(bad.clone())), Err(RotationFault::Malformed), "{bad}");
        }
        let charged = Entry { ledger_seq: Some(1), ..good.clone() };
        let other = Entry { kind: Kind::Ask, ..good };
        assert!(KeyChange::of(&charged).is_err() && KeyChange::of(&other).is_err());
    }
}
