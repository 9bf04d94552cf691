//! The fields of each kind of entry, as `docs/src/formats.md` lists them: an entry with anything else is not one that this program
//! wrote, and a verifier that passed over it would call a log whole of which it does not know what it says.

use serde_json::{Map, Value};

use super::entry::{Entry, Kind, read_amount};
use super::note::VerifierKey;
use crate::types::{StudyId, Timestamp};

/// What is wrong with the fields of an entry. The name is that of the field, with those of the objects around it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldFault {
    /// A field that entries of this kind do not have.
    #[error("the entry has a field `{0}`, which entries of its kind do not have")]
    Unknown(String),
    /// A value of another type, or a word that is not in the list of the field.
    #[error("the field `{0}` of the entry is not of its form, or its word is not one of the list")]
    Value(String),
    /// A field that every entry of this kind has.
    #[error("the entry lacks the field `{0}`")]
    Missing(String),
}

/// The form of a value.
#[derive(Clone, Copy)]
enum Form {
    /// The id of a study, handler, recipient, epoch or dataset.
    Name,
    /// `blake3:` and 64 digits.
    Hash,
    /// 64 digits.
    Hex,
    Instant,
    Amount,
    /// A whole number from 1 on.
    Positive,
    Bool,
    Text,
    /// 16 digits.
    Sandbox,
    /// 32 digits.
    Session,
    /// `x25519:` and 64 digits.
    Auditor,
    Vkey,
    /// One of a closed list.
    Word(&'static [&'static str]),
    /// The word `true`.
    True,
    List(&'static Form),
    /// An object of one of these shapes.
    Object(&'static [Shape]),
}

/// The fields of an object, and whether each has to be there.
type Shape = &'static [(&'static str, bool, Form)];

const APPROVAL: Form = Form::Word(&["signatures", "none"]);
const ADOPTED: Form = Form::Object(&[&[
    ("id", true, Form::Name),
    ("hash", true, Form::Hash),
    // The author of the regime chose its id.
    ("regime", true, Form::Text),
    ("regime_hash", true, Form::Hash),
]]);
const ACCOUNTING: Form = Form::Object(&[
    &[("kind", true, Form::Word(&["zcdp"])), ("delta", true, Form::Text)],
    &[("kind", true, Form::Word(&["pure"]))],
]);
const HANDLER: Form = Form::Object(&[&[("id", true, Form::Name), ("vkey", true, Form::Vkey)]]);
const STUDY: Form = Form::Object(&[&[("id", true, Form::Name), ("hash", true, Form::Hash)]]);
const CUBE: Form = Form::Object(&[&[
    ("study", true, Form::Name),
    ("recipient", true, Form::Name),
    ("blake3", true, Form::Hex),
    ("consents", false, Form::Hex),
    ("demand", false, Form::Hash),
]]);
const INPUT: Form = Form::Object(&[
    &[("commitment", true, Form::Hex), ("dataset", true, Form::Name)],
    &[("commitment", true, Form::Hex), ("consents", true, Form::True)],
]);

const SESSION: Form = Form::Object(&[&[
    ("key", true, Form::Sandbox),
    ("session", true, Form::Session),
    ("ids", true, Form::Positive),
]]);

/// What ran a seal on a cluster.
const ENGINE: Form = Form::Object(&[&[
    ("name", true, Form::Word(&["ballista"])),
    ("version", true, Form::Text),
    ("datafusion", true, Form::Text),
    ("plan", true, Form::Hash),
    ("partitions", true, Form::Positive),
]]);

const INIT: Shape = &[
    ("sandbox", true, Form::Sandbox),
    ("studies", true, Form::List(&ADOPTED)),
    ("approval", true, APPROVAL),
    ("accounting", true, ACCOUNTING),
    ("limit", true, Form::Amount),
    ("window_days", false, Form::Positive),
    ("handlers", true, Form::List(&HANDLER)),
    ("anchored", true, Form::Bool),
    ("anchor", false, Form::Hash),
    ("auditor", false, Form::Auditor),
];
const APPROVE: Shape = &[
    ("study", true, Form::Name),
    ("hash", true, Form::Hash),
    ("regime_hash", true, Form::Hash),
    ("handler", true, Form::Name),
    ("vkey", true, Form::Vkey),
];
const ADOPT: Shape = &[
    ("study", true, Form::Name),
    ("adopted", true, ADOPTED),
    ("approval", true, APPROVAL),
    ("replaces", false, Form::Hash),
];
const SEAL: Shape = &[
    ("epoch", true, Form::Name),
    ("as_of", true, Form::Instant),
    ("ends", true, Form::Instant),
    ("studies", true, Form::List(&STUDY)),
    ("cubes", true, Form::List(&CUBE)),
    ("inputs", false, Form::List(&INPUT)),
    ("openings", false, Form::Hex),
    ("register", false, Form::Hex),
    ("register_sealed", false, Form::Hex),
    ("joined", false, Form::Hex),
    ("token_sessions", false, Form::List(&SESSION)),
    ("engine", false, ENGINE),
];
const ASK: Shape = &[
    ("study", true, Form::Name),
    ("policy", true, Form::Hash),
    ("recipient", true, Form::Name),
    ("epoch", true, Form::Name),
    ("question", true, Form::Text),
    ("units", true, Form::Amount),
    ("answer", true, Form::Hex),
];
const REFUSE: Shape = &[
    ("act", true, Form::Word(&["ask", "seal", "adopt", "renew"])),
    ("rules", true, Form::List(&Form::Text)),
    ("study", false, Form::Name),
    ("recipient", false, Form::Name),
    ("epoch", false, Form::Name),
    ("question", false, Form::Text),
    ("hash", false, Form::Hash),
    ("number", false, Form::Positive),
];
const INSPECT: Shape = &[("epoch", true, Form::Name)];
const PERSON: Shape = &[("person", true, Form::Hex), ("places", false, Form::Hex)];
const ROLE: Form = Form::Word(&["operator", "auditor"]);
const READ: Shape = &[
    ("act", true, Form::Word(&["consent-status", "consent-export", "report", "prove", "open-input"])),
    ("role", true, ROLE),
    ("epoch", false, Form::Name),
];
const FAILED_SEAL: Shape = &[
    ("act", true, Form::Word(&["seal"])),
    ("role", true, ROLE),
    ("epoch", true, Form::Name),
    ("failed", true, Form::Word(&FAILURES)),
];
const RENEW: Shape = &[
    ("number", true, Form::Positive),
    ("limit", true, Form::Amount),
    ("window_days", true, Form::Positive),
    ("note", true, Form::Text),
];
const RETIRE: Shape =
    &[("epoch", true, Form::Name), ("because", true, Form::Word(&["operator", "retention"]))];
const LOG_KEY: Shape = &[("old", true, Form::Vkey), ("new", true, Form::Vkey), ("note", true, Form::Text)];
const ROOT_KEY: Shape = &[("key", true, Form::Word(&["root"])), ("number", true, Form::Positive)];

/// The words for why a seal failed.
const FAILURES: [&str; 9] =
    ["input", "refused", "register", "key", "ledger", "storage", "damaged", "other", "stopped"];

/// The shapes that a body of this kind may have.
const fn shapes(kind: Kind) -> &'static [Shape] {
    match kind {
        Kind::Init => &[INIT],
        Kind::Approve => &[APPROVE],
        Kind::Adopt => &[ADOPT],
        Kind::Seal => &[SEAL],
        Kind::Ask => &[ASK],
        Kind::Refuse => &[REFUSE],
        Kind::Inspect => &[INSPECT],
        Kind::Person => &[PERSON],
        Kind::Renew => &[RENEW],
        Kind::Retire => &[RETIRE],
        Kind::Key => &[LOG_KEY, ROOT_KEY],
        Kind::Access => &[READ, FAILED_SEAL],
    }
}

impl Entry {
    /// Checks that the entry has the fields of its kind, each of its form, and nothing else. An answer has its record of the ledger,
    /// no other entry has one.
    ///
    /// # Errors
    /// [`FieldFault`] with the first field that is wrong.
    pub fn check_fields(&self) -> Result<(), FieldFault> {
        match (self.kind, self.ledger_seq) {
            (Kind::Ask, None) => return Err(FieldFault::Missing("ledger_seq".into())),
            (Kind::Ask, Some(0)) => return Err(FieldFault::Value("ledger_seq".into())),
            (Kind::Ask, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(FieldFault::Unknown("ledger_seq".into())),
        }
        check_object(&self.body, shapes(self.kind), "")
    }
}

/// The object has one of the shapes; the fault is that of the shape whose names are most like those of the object.
fn check_object(object: &Map<String, Value>, shapes: &[Shape], around: &str) -> Result<(), FieldFault> {
    if shapes.iter().any(|shape| check_shape(object, shape, around).is_ok()) {
        return Ok(());
    }
    let differing = |shape: &&Shape| {
        let unknown = object.keys().filter(|name| shape.iter().all(|(known, ..)| known != name)).count();
        unknown + shape.iter().filter(|(name, needed, _)| *needed && !object.contains_key(*name)).count()
    };
    let nearest = shapes.iter().min_by_key(differing);
    nearest.map_or(Ok(()), |shape| check_shape(object, shape, around))
}

fn check_shape(object: &Map<String, Value>, shape: Shape, around: &str) -> Result<(), FieldFault> {
    let place = |name: &str| {
        // Anybody may have written the name.
        let name: String = name.escape_default().take(80).collect();
        if around.is_empty() { name } else { format!("{around}.{name}") }
    };
    for (name, value) in object {
        let field = shape.iter().find(|(known, ..)| known == name);
        let (.., form) = field.ok_or_else(|| FieldFault::Unknown(place(name)))?;
        form.check(value, &place(name))?;
    }
    let missing = shape.iter().find(|(name, needed, _)| *needed && !object.contains_key(*name));
    missing.map_or(Ok(()), |(name, ..)| Err(FieldFault::Missing(place(name))))
}

impl Form {
    fn check(&self, value: &Value, place: &str) -> Result<(), FieldFault> {
        let text = |holds: &dyn Fn(&str) -> bool| value.as_str().is_some_and(holds);
        let holds = match self {
            Self::Name => text(&|text| StudyId::new(text).is_ok()),
            Self::Hash => text(&|text| text.strip_prefix("blake3:").is_some_and(|hex| is_hex(hex, 64))),
            Self::Hex => text(&|text| is_hex(text, 64)),
            Self::Sandbox => text(&|text| is_hex(text, 16)),
            Self::Session => text(&|text| is_hex(text, 32)),
            Self::Auditor => text(&|text| text.strip_prefix("x25519:").is_some_and(|hex| is_hex(hex, 64))),
            Self::Instant => text(&|text| Timestamp::parse(text).is_ok_and(|at| at.to_string() == text)),
            Self::Vkey => text(&|text| text.parse::<VerifierKey>().is_ok()),
            Self::Word(words) => text(&|text| words.contains(&text)),
            Self::Amount => read_amount(value).is_some(),
            Self::Positive => value.as_u64().is_some_and(|number| number > 0),
            Self::Bool => value.is_boolean(),
            Self::True => *value == Value::Bool(true),
            Self::Text => value.is_string(),
            Self::List(form) => {
                let Some(list) = value.as_array() else { return Err(FieldFault::Value(place.to_owned())) };
                return list.iter().try_for_each(|value| form.check(value, place));
            }
            Self::Object(shapes) => {
                let Some(object) = value.as_object() else { return Err(FieldFault::Value(place.to_owned())) };
                return check_object(object, shapes, place);
            }
        };
        if holds { Ok(()) } else { Err(FieldFault::Value(place.to_owned())) }
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
