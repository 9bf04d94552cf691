//! What the log records: one canonical JSON object for each act.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::fields::FieldFault;
use crate::types::Timestamp;
use crate::types::json::{JsonError, from_canonical, to_canonical};

/// The largest entry in bytes; a bundle writes the length in two.
pub const MAX_ENTRY: usize = 65_535;

/// The largest amount written as a JSON number (2^53 - 1); larger ones are text.
const EXACT: u128 = (1 << 53) - 1;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal),+ $(,)?) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $kind),+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word),+
                }
            }
        }

        impl FromStr for Kind {
            type Err = EntryError;

            fn from_str(word: &str) -> Result<Self, EntryError> {
                match word {
                    $($word => Ok(Self::$kind),)+
                    _ => Err(EntryError::Kind),
                }
            }
        }
    };
}

kinds! {
    /// The sandbox was made.
    Init = "init",
    /// A handler approved a study.
    Approve = "approve",
    /// A study was adopted.
    Adopt = "adopt",
    /// An epoch was sealed.
    Seal = "seal",
    /// A question was answered; `units` is its charge.
    Ask = "ask",
    /// A question or an act was refused.
    Refuse = "refuse",
    /// The auditor opened joined figures.
    Inspect = "inspect",
    /// A person saw their own view.
    Person = "person",
    /// The pool was renewed.
    Renew = "renew",
    /// An epoch's keys were destroyed.
    Retire = "retire",
    /// The signing key changed.
    Key = "key",
    /// The operator or the auditor read what no entry of another kind names, or a seal failed: `act` and `role`.
    Access = "access",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something is not an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not canonical JSON.
    #[error("the entry is not canonical JSON")]
    Json(#[source] JsonError),
    /// Longer than 65,535 bytes.
    #[error("the entry is longer than 65,535 bytes")]
    TooLong,
    /// A kind that this version does not know.
    #[error("the entry is of an unknown kind")]
    Kind,
    /// A field that every entry has is missing, of another type, or written by the body.
    #[error("the field `{0}` of the entry is missing, not as it should be, or given twice")]
    Field(&'static str),
    /// Other fields than those of its kind.
    #[error(transparent)]
    Fields(#[from] FieldFault),
}

/// One act. The body holds what docs/src/normal-form.md allows: public constants, costs, rule ids, hashes of public texts, hashes of
/// ciphertexts, canonical questions and commitments.
///
/// # Privacy
/// The log is public: no integer, hash or text in the body may depend on people, input files or answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub kind: Kind,
    /// When.
    pub at: Timestamp,
    /// The record of the budget ledger that belongs to it.
    pub ledger_seq: Option<u64>,
    /// The other fields; amounts as [`amount`] writes them. `v`, `kind`, `at` and `ledger_seq` are not among them.
    pub body: Map<String, Value>,
}

impl Entry {
    /// The one text of the entry.
    ///
    /// # Errors
    /// [`EntryError`] when the body holds a float, a large number or a field of the head, when an `ask` has no
    /// `units`, or when it is too long.
    pub fn to_text(&self) -> Result<String, EntryError> {
        self.charged_units()?;
        let at = self.at.to_string();
        if Timestamp::parse(&at) != Ok(self.at) {
            return Err(EntryError::Field("at"));
        }
        let mut map = self.body.clone();
        let head = [
            ("v", Some(Value::from(1))),
            ("kind", Some(self.kind.as_str().into())),
            ("at", Some(at.into())),
            ("ledger_seq", self.ledger_seq.map(Value::from)),
        ];
        for (name, value) in head {
            let clash = match value {
                Some(value) => map.insert(name.to_owned(), value).is_some(),
                None => map.contains_key(name),
            };
            if clash {
                return Err(EntryError::Field(name));
            }
        }
        let text = to_canonical(&Value::Object(map)).map_err(EntryError::Json)?;
        if text.len() > MAX_ENTRY { Err(EntryError::TooLong) } else { Ok(text) }
    }

    /// Reads the text of an entry; only what [`Entry::to_text`] writes is accepted.
    ///
    /// # Errors
    /// [`EntryError`]
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        if text.len() > MAX_ENTRY {
            return Err(EntryError::TooLong);
        }
        let Value::Object(mut body) = from_canonical(text).map_err(EntryError::Json)? else {
            return Err(EntryError::Field("v"));
        };
        if body.remove("v") != Some(Value::from(1)) {
            return Err(EntryError::Field("v"));
        }
        let kind = match body.remove("kind") {
            Some(Value::String(word)) => word.parse()?,
            _ => return Err(EntryError::Field("kind")),
        };
        let at = body
            .remove("at")
            .and_then(|at| Timestamp::parse(at.as_str()?).ok().filter(|read| at == read.to_string().as_str()))
            .ok_or(EntryError::Field("at"))?;
        let ledger_seq = match body.remove("ledger_seq") {
            Some(value) => Some(value.as_u64().ok_or(EntryError::Field("ledger_seq"))?),
            None => None,
        };
        let entry = Self { kind, at, ledger_seq, body };
        entry.charged_units()?;
        Ok(entry)
    }

    /// Reads the text of an entry that has the fields of its kind and nothing else.
    ///
    /// # Errors
    /// [`EntryError`]
    pub fn parse_whole(text: &str) -> Result<Self, EntryError> {
        let entry = Self::parse(text)?;
        entry.check_fields()?;
        Ok(entry)
    }

    /// The charge of an `ask` in units of its pool; 0 for every other kind.
    ///
    /// # Errors
    /// [`EntryError::Field`] for an `ask` without readable `units`.
    pub fn charged_units(&self) -> Result<u128, EntryError> {
        match self.kind {
            Kind::Ask => self.body.get("units").and_then(read_amount).ok_or(EntryError::Field("units")),
            _ => Ok(0),
        }
    }
}

/// An amount as entries hold it: a number up to 2^53 - 1, decimal text above.
#[must_use]
pub fn amount(value: u128) -> Value {
    match u64::try_from(value) {
        Ok(small) if value <= EXACT => small.into(),
        _ => value.to_string().into(),
    }
}

/// Reads an amount; only what [`amount`] writes is accepted.
#[must_use]
pub fn read_amount(value: &Value) -> Option<u128> {
    let read = value.as_u64().map(u128::from).or_else(|| value.as_str()?.parse().ok())?;
    (amount(read) == *value).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, body: Value) -> Entry {
        let Value::Object(body) = body else { panic!("not an object") };
        Entry { kind, at: Timestamp::from_seconds(1_700_000_000), ledger_seq: Some(7), body }
    }

    #[test]
    fn one_text_and_back() {
        let ask = entry(Kind::Ask, serde_json::json!({"units": amount(u128::MAX), "rules": ["R23"]}));
        let text = ask.to_text().unwrap();
        assert_eq!(
            text,
            r#"{"at":"2023-11-14T22:13:20Z","kind":"ask","ledger_seq":7,"rules":["R23"],"units":"340282366920938463463374607431768211455","v":1}"#
        );
        assert_eq!(Entry::parse(&text).unwrap(), ask);
        assert_eq!(ask.charged_units().unwrap(), u128::MAX);

        for (old, new) in [
            ("ask", "asks"),
            ("\"v\":1", "\"v\":2"),
            ("\"v\":1", "\"v\":\"1\""),
            (":20Z", ":20+00:00"),
            (":20Z", ":20.5Z"),
            ("\"ledger_seq\":7", "\"ledger_seq\":-7"),
            ("\"ledger_seq\":7", "\"ledger_seq\":null"),
            ("{", "{ "),
            ("\"340", "\"0340"),
            ("\"340282366920938463463374607431768211455\"", "\"5\""),
            ("units", "unit"),
            ("\"R23\"", "1.5"),
        ] {
            let other = text.replacen(old, new, 1);
            assert_ne!(other, text);
            assert!(Entry::parse(&other).is_err(), "{other}");
        }
        assert!(Entry::parse("[]").is_err());
    }

    #[test]
    fn what_cannot_be_read_back_is_not_written() {
        for body in [
            serde_json::json!({"kind": "seal"}),
            serde_json::json!({"v": 1}),
            serde_json::json!({"rate": 0.5}),
            serde_json::json!({"big": u64::MAX}),
            serde_json::json!({"text": "x".repeat(MAX_ENTRY)}),
        ] {
            assert!(entry(Kind::Seal, body).to_text().is_err());
        }
        assert!(entry(Kind::Ask, serde_json::json!({})).to_text().is_err());
        let mut forever = entry(Kind::Seal, serde_json::json!({}));
        forever.at = Timestamp::from_seconds(i64::MAX);
        assert!(matches!(forever.to_text(), Err(EntryError::Field("at"))));
        let mut smuggled = entry(Kind::Seal, serde_json::json!({"ledger_seq": 1}));
        smuggled.ledger_seq = None;
        assert!(matches!(smuggled.to_text(), Err(EntryError::Field("ledger_seq"))));
    }

    proptest::proptest! {
        #[test]
        fn parse_never_panics_and_reads_only_what_it_would_write(text in r#"\{("[a-z]{1,4}":("[^"\\]{0,6}"|[0-9]{1,20}),?){0,4}\}|.{0,60}"#) {
            if let Ok(entry) = Entry::parse(&text) {
                proptest::prop_assert_eq!(entry.to_text().unwrap(), text);
            }
        }

        #[test]
        fn amounts_come_back(value: u128, shift in 0_u32..128) {
            let value = value >> shift;
            proptest::prop_assert_eq!(read_amount(&amount(value)), Some(value));
        }
    }
}
