//! `hushtag audit verify` of one file: the bundle of an answer, or a person's proof.

use std::path::Path;

use serde_json::{Value, json};

use super::init::read_text;
use super::lang::{list, text, time};
use super::{Context, Failure};
use hushtag::audit::{Bundle, BundleError, Checkpoint, LogKeys, PersonProof, Stood, VerifierKey, head_text};
use hushtag::storage::Folder;

/// The key of the log that signed a file.
pub(super) struct LogKey {
    key: VerifierKey,
    /// Which of the log's keys it is, the first being 1; known from the log alone.
    number: Option<u64>,
}

impl LogKey {
    /// The key that the reader gave, where there is no log.
    pub(super) fn given(key: &VerifierKey) -> Self {
        Self { key: key.clone(), number: None }
    }

    /// A key that the log gave.
    pub(super) fn of(log: &LogKeys, number: u64) -> Option<Self> {
        let key = log.keys().find(|(known, _)| *known == number);
        key.map(|(number, key)| Self { key: key.clone(), number: Some(number) })
    }

    pub(super) fn json(&self) -> Value {
        json!({ "key": self.key.to_string(), "number": self.number })
    }

    /// Such as `signed by key 2 of the log, hushtag/5b88c6dd12da0650+4bc31665`.
    pub(super) fn text(&self) -> String {
        let id = format!("{}+{:08x}", self.key.name(), u32::from_be_bytes(self.key.id()));
        match self.number {
            Some(number) => text!("bundle.signed_by_number", number, id),
            None => text!("bundle.signed_by", id),
        }
    }
}

/// The log of `--log`, verified with the key that was given.
pub(super) fn log_keys(dir: &Path, key: &VerifierKey) -> Result<LogKeys, Failure> {
    LogKeys::read(&Folder::open(dir)?, key)
        .map_err(|fault| Failure::damaged(&fault.place, &fault.kind, text!("bundle.log_fix")))
}

/// What a file shows under the given key or, with the log, under any key of it; and the key that signed it.
fn under_any_key<T>(
    given: &VerifierKey,
    log: Option<&LogKeys>,
    verify: impl Fn(&VerifierKey) -> Result<(T, Checkpoint), BundleError>,
    signer: impl Fn(&VerifierKey) -> Result<VerifierKey, BundleError>,
) -> Result<(T, LogKey), BundleError> {
    let Some(log) = log else {
        let (shown, _) = verify(given)?;
        return Ok((shown, LogKey::given(&signer(given)?)));
    };
    let mut tried = log.keys().map(|(_, key)| verify(key));
    let first = tried.next().unwrap_or(Err(BundleError::OtherLog));
    let (shown, head) = tried.fold(first, |best, next| if best.is_ok() { best } else { next })?;
    let number = log.signer_of(head.size, &head.root).ok_or(BundleError::OtherLog)?;
    Ok((shown, LogKey::of(log, number).ok_or(BundleError::OtherLog)?))
}

pub(super) fn bundle(
    path: &Path,
    key: Option<&VerifierKey>,
    log: Option<&Path>,
    context: &Context,
) -> Result<(), Failure> {
    let key = key.ok_or_else(|| Failure::usage(text!("bundle.no_key"), text!("bundle.no_key_fix")))?;
    let damaged = |error: BundleError| Failure::damaged(&path.display(), &error, text!("bundle.damaged_fix"));
    let log = log.map(|dir| log_keys(dir, key)).transpose()?;
    let log = log.as_ref();
    let text = read_text(path)?;
    if PersonProof::claims(&text) {
        let proof = PersonProof::parse(&text).map_err(damaged)?;
        let verify = |key: &VerifierKey| proof.verify(key).map(|(head, stood)| ((head.clone(), stood), head));
        let shown = under_any_key(key, log, verify, |key| proof.log_key(key));
        let ((head, stood), signed_by) = shown.map_err(damaged)?;
        return person(&proof, &head, &stood, &signed_by, context);
    }
    let bundle = Bundle::parse(&text).map_err(damaged)?;
    let verify = |key: &VerifierKey| bundle.verify(key).map(|opened| (opened.clone(), opened.head));
    let (opened, log_key) = under_any_key(key, log, verify, |key| bundle.log_key(key)).map_err(damaged)?;
    context.output.either(
        || {
            json!({
                "verified": true,
                "index": opened.index,
                "head": head_text(&opened.head),
                "entry": opened.entry.body,
                "at": opened.entry.at.to_string(),
                "answer": opened.answer,
                "signed_by": opened.signed_by,
                "log_key": log_key.json(),
            })
        },
        || {
            let field = |field: &str| opened.answer.get(field).and_then(Value::as_str).unwrap_or_default();
            let signed = match &opened.signed_by {
                None => text!("bundle.study_unsigned"),
                Some(handlers) => text!("bundle.study_signed", handlers = list(handlers)),
            };
            text!(
                "bundle.verified",
                log = key.name(),
                entry = opened.index,
                entries = opened.head.size,
                at = time(opened.entry.at),
                query = field("question"),
                recipient = field("recipient"),
                epoch = field("epoch"),
                study = field("study"),
                policy = field("policy"),
                signed,
                key = log_key.text(),
            )
        },
    )
}

/// Whether a person is included in an epoch, in a word.
pub(super) fn included(inside: bool) -> String {
    if inside { text!("person.included") } else { text!("person.excluded") }
}

fn person(
    proof: &PersonProof,
    head: &Checkpoint,
    stood: &[Stood],
    signed_by: &LogKey,
    context: &Context,
) -> Result<(), Failure> {
    let (ids, id) = proof.person();
    context.output.either(
        || {
            let places = stood.iter().map(|place| {
                json!({
                    "index": place.entry,
                    "epoch": place.epoch,
                    "as_of": place.as_of,
                    "study": place.study,
                    "recipient": place.recipient,
                    "inside": place.inside,
                })
            });
            json!({
                "verified": true,
                "head": head_text(head),
                "person": [ids, id],
                "places": places.collect::<Vec<_>>(),
                "log_key": signed_by.json(),
            })
        },
        || {
            let (log, entries) = (signed_by.key.name(), head.size);
            let mut text = text!("bundle.person", log, entries, id, ids);
            for place in stood {
                let Stood { entry, epoch, as_of, study, recipient, .. } = place;
                let inside = included(place.inside);
                text.push_str(&text!("bundle.place", epoch, as_of, study, recipient, inside, entry));
            }
            text.push_str(&format!("\n{}", signed_by.text()));
            text
        },
    )
}
