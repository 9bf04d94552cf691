//! One event as a JSON document, each column under its [term](crate::consent::TERMS).

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use super::{Event, EventError};
use crate::consent::{COLUMNS, DOCUMENT, OTHER_EVENT, TERMS};

/// How the cell of a column is written.
fn shape(column: &str) -> Shape {
    match column {
        "event" => Shape::Status,
        "categories" | "methods" => Shape::List,
        "notice_version" | "bundle_size" => Shape::Whole,
        "own_step" | "pre_ticked" | "service_gate" | "service_necessary" => Shape::Flag,
        _ => Shape::Text,
    }
}

/// The event words that have a term; any other word is kept as it is under `cn-pipl:event`.
const STATUSES: [(&str, &str); 9] = [
    ("given", "dpv:ConsentGiven"),
    ("refused", "dpv:ConsentRefused"),
    ("withdrawn", "dpv:ConsentWithdrawn"),
    ("revoked", "dpv:ConsentRevoked"),
    ("objected", "cn-pipl:Objected"),
    ("restricted", "cn-pipl:Restricted"),
    ("hold", "cn-pipl:Hold"),
    ("deceased", "cn-pipl:Deceased"),
    ("lifted", "cn-pipl:Lifted"),
];
const EVENT: &str = "dpv:hasConsentStatus";

/// How the cell of a column is written; a cell that does not fit is written as text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    List,
    Whole,
    Flag,
    Status,
}

/// Why a text is not the document of an event. Names terms, never values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonEventError {
    /// Not JSON, or not an object.
    #[error("not a JSON object (line {line}, column {column})")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 where there is no line.
        column: usize,
    },
    /// A term that no event has.
    #[error("unknown term `{term}`{}", .nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownTerm {
        /// The beginning of the term.
        term: String,
        /// The nearest known one.
        nearest: Option<&'static str>,
    },
    /// A term that occurs twice, or two terms that exclude each other.
    #[error("`{term}` occurs a second time")]
    Twice {
        /// The beginning of the term.
        term: String,
    },
    /// A value of the wrong shape.
    #[error("`{term}` should be {wanted}")]
    Value {
        /// The term.
        term: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// Its cells are no event of anybody.
    #[error(transparent)]
    Event(#[from] EventError),
}

impl JsonEventError {
    /// The term and the reason, for reports of bad rows.
    #[must_use]
    pub const fn place(&self) -> (&'static str, &'static str) {
        match self {
            Self::Syntax { .. } => ("line", "not a JSON object"),
            Self::UnknownTerm { .. } => ("line", "unknown term"),
            Self::Twice { .. } => ("line", "a term occurs twice"),
            Self::Value { term, wanted: _ } => (term, "a value of the wrong shape"),
            Self::Event(error) => error.place(),
        }
    }
}

impl Event {
    /// The document of the event.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut document = self.statements();
        for (column, term) in TERMS.iter().take(2) {
            document.insert((*term).to_owned(), json!(self.cell(column)));
        }
        document.insert("@type".into(), json!("dpv:ConsentRecord"));
        document.insert("dct:conformsTo".into(), json!(DOCUMENT));
        Value::Object(document)
    }

    /// What the event says, without whose it is.
    #[must_use]
    pub fn statements(&self) -> Map<String, Value> {
        let mut document = Map::new();
        for (column, term) in TERMS.iter().skip(2) {
            let Some(text) = self.cell(column) else { continue };
            let (term, value) = match shape(column) {
                Shape::Text => (*term, json!(text)),
                Shape::List => (*term, json!(text.split('|').collect::<Vec<_>>())),
                Shape::Whole => (*term, whole(text).map_or(json!(text), |number| json!(number))),
                Shape::Flag => (*term, text.parse::<bool>().map_or(json!(text), |flag| json!(flag))),
                Shape::Status => match STATUSES.iter().find(|(word, _)| *word == text) {
                    Some((_, status)) => (*term, json!(status)),
                    None => (OTHER_EVENT, json!(text)),
                },
            };
            document.insert(term.to_owned(), value);
        }
        document
    }

    /// Reads a document; `ids` is the namespace of one that names none.
    ///
    /// # Errors
    /// [`JsonEventError`]
    pub fn from_json(text: &[u8], ids: Option<&str>) -> Result<Self, JsonEventError> {
        let place =
            |error: serde_json::Error| JsonEventError::Syntax { line: error.line(), column: error.column() };
        let Members(document) = serde_json::from_slice(text).map_err(place)?;
        let mut cells: [Option<String>; COLUMNS.len()] = Default::default();
        for (at, (term, value)) in document.iter().enumerate() {
            let another = |(other, _): &(String, Value)| {
                // A document that says two things of what happened may mean either.
                let two_events =
                    [term.as_str(), other.as_str()].map(|term| term == OTHER_EVENT || term == EVENT);
                other == term || two_events == [true, true]
            };
            if document.iter().take(at).any(another) {
                return Err(JsonEventError::Twice { term: shown(term) });
            }
            let known = TERMS.iter().find(|(_, known)| known == term);
            match (term.as_str(), known) {
                ("@context", _) | (_, Some(_)) if value.is_null() => {}
                ("@context", _) => {}
                ("@type", _) => expect(value, "@type", "dpv:ConsentRecord", "`dpv:ConsentRecord`")?,
                ("dct:conformsTo", _) => {
                    expect(value, "dct:conformsTo", DOCUMENT, "`urn:hushtag:consent-event:1`")?;
                }
                (OTHER_EVENT, _) => put(&mut cells, "event", text_of(value, OTHER_EVENT)?),
                (_, Some((column, term))) => put(&mut cells, column, cell(value, term, shape(column))?),
                (_, None) => return Err(unknown(term)),
            }
        }
        let cell = |column: &str| {
            let position = COLUMNS.iter().position(|known| *known == column)?;
            cells
                .get(position)
                .cloned()
                .flatten()
                .or_else(|| ids.filter(|_| column == "ids").map(str::to_owned))
        };
        Ok(Self::from_cells(cell)?)
    }
}

/// The number that `text` spells in the one way a number is printed, if every JSON reader keeps it.
fn whole(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.unsigned_abs() < 1 << 53 && number.to_string() == text).then_some(number)
}

fn put(cells: &mut [Option<String>], column: &str, text: String) {
    let position = COLUMNS.iter().position(|known| *known == column);
    if let Some(slot) = position.and_then(|position| cells.get_mut(position)) {
        *slot = Some(text);
    }
}

fn expect(
    value: &Value,
    term: &'static str,
    wanted: &str,
    shown: &'static str,
) -> Result<(), JsonEventError> {
    if value == wanted { Ok(()) } else { Err(JsonEventError::Value { term, wanted: shown }) }
}

fn text_of(value: &Value, term: &'static str) -> Result<String, JsonEventError> {
    value.as_str().map(str::to_owned).ok_or(JsonEventError::Value { term, wanted: "text" })
}

fn cell(value: &Value, term: &'static str, shape: Shape) -> Result<String, JsonEventError> {
    let wrong = |wanted| JsonEventError::Value { term, wanted };
    match (shape, value) {
        (Shape::Status, _) => {
            let word = STATUSES.iter().find(|(_, status)| value == status).map(|(word, _)| *word);
            word.map(str::to_owned).ok_or(wrong("a status of DPV, such as `dpv:ConsentGiven`"))
        }
        (_, Value::String(text)) => Ok(text.clone()),
        (Shape::List, Value::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            // An item with a bar would be read as two.
            let texts = texts.filter(|texts| !texts.iter().any(|text| text.contains('|')));
            texts.map(|texts| texts.join("|")).ok_or(wrong("a list of texts without `|`"))
        }
        (Shape::Whole, Value::Number(number)) => {
            let number = number.as_i64().and_then(|number| whole(&number.to_string()));
            number.map(|number| number.to_string()).ok_or(wrong("a whole number"))
        }
        (Shape::Flag, Value::Bool(flag)) => Ok(flag.to_string()),
        (Shape::Text, Value::Number(number)) if term == "dpv:hasDataSubject" && number.is_i64() => {
            Ok(number.to_string())
        }
        (Shape::Text, _) => Err(wrong("text")),
        (Shape::List, _) => Err(wrong("a list of texts")),
        (Shape::Whole, _) => Err(wrong("a whole number")),
        (Shape::Flag, _) => Err(wrong("true or false")),
    }
}

fn unknown(term: &str) -> JsonEventError {
    let known = TERMS.iter().map(|(_, known)| *known).chain([OTHER_EVENT, "@type", "dct:conformsTo"]);
    let near = crate::tags::nearest(term, known.clone());
    let nearest = near.and_then(|near| known.clone().find(|known| *known == near));
    JsonEventError::UnknownTerm { term: shown(term), nearest }
}

/// The beginning of a term.
fn shown(term: &str) -> String {
    term.chars().take(40).collect()
}

/// The members of a JSON object as they stand; a map would keep the last of two without a word.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// A document is read back as the same event, letter by letter.
        #[test]
        fn a_document_is_read_back_as_the_same_event(
            cells in proptest::collection::vec(
                prop_oneof![
                    Just(String::new()),
                    any::<i64>().prop_map(|n| n.to_string()),
                    "(given|withdrawn|refused|hold|dpv:ConsentGiven|cn-pipl:Hold|agreed)",
                    "(true|false|TRUE|1|007|a\\|b|\\||)",
                    any::<String>(),
                ],
                21,
            ),
        ) {
            let cell = |column: &str| {
                let text = COLUMNS.iter().position(|known| *known == column).map(|at| cells[at].clone());
                text.filter(|text| !text.is_empty()).or_else(|| Some("x".to_owned()).filter(|_| matches!(column, "person" | "ids")))
            };
            let event = Event::from_cells(cell).unwrap();
            let text = event.to_json().to_string();
            prop_assert!(Event::from_json(text.as_bytes(), None).unwrap() == event, "{}", text);
        }
    }

    #[test]
    fn what_is_no_event_is_refused_by_its_term() {
        let read = |text: &str| Event::from_json(text.as_bytes(), Some("phone")).err().map(|e| e.to_string());
        assert_eq!(read(r#"{"dpv:hasDataSubject":"p"}"#), None);
        assert_eq!(read(r#"{"dpv:hasDataSubject":7}"#), None);
        for (text, wanted) in [
            ("", "not a JSON object (line 1, column 0)"),
            ("[]", "not a JSON object (line 1, column 0)"),
            ("{}", "no person"),
            (
                r#"{"dpv:hasDataSubjects":"p"}"#,
                "unknown term `dpv:hasDataSubjects`; did you mean `dpv:hasDataSubject`?",
            ),
            (
                r#"{"dpv:hasConsentStatus":"given"}"#,
                "`dpv:hasConsentStatus` should be a status of DPV, such as `dpv:ConsentGiven`",
            ),
            (
                r#"{"cn-pipl:event":"x","dpv:hasConsentStatus":"dpv:ConsentGiven"}"#,
                "`dpv:hasConsentStatus` occurs a second time",
            ),
            (r#"{"cn-pipl:bundleSize":1.5}"#, "`cn-pipl:bundleSize` should be a whole number"),
            (
                r#"{"dpv:hasPersonalData":["a|b"]}"#,
                "`dpv:hasPersonalData` should be a list of texts without `|`",
            ),
            (
                r#"{"dpv:hasDataSubject":"p","dpv:hasDataSubject":"q"}"#,
                "`dpv:hasDataSubject` occurs a second time",
            ),
            (r#"{"@type":"x"}"#, "`@type` should be `dpv:ConsentRecord`"),
        ] {
            assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
        }
    }
}
