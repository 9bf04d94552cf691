//! `hushtag audit verify` of one file: the bundle of an answer, or a person's proof.

use std::path::Path;

use serde_json::{Value, json};

use super::init::read_text;
use super::{Context, Failure};
use hushtag::audit::{Bundle, BundleError, Checkpoint, LogKeys, PersonProof, Stood, VerifierKey, head_text};
use hushtag::storage::Folder;
use hushtag::types::HandlerId;

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
            Some(number) => format!("signed by key {number} of the log, {id}"),
            None => format!("signed by the key {id} of the log"),
        }
    }
}

/// The log of `--log`, verified with the key that was given.
pub(super) fn log_keys(dir: &Path, key: &VerifierKey) -> Result<LogKeys, Failure> {
    LogKeys::read(&Folder::open(dir)?, key).map_err(|fault| {
        let next = "give the log of this sandbox, and a key that it had; `hushtag audit verify` says more of a whole sandbox";
        Failure::damaged(&fault.place, &fault.why, next)
    })
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
    let key = key.ok_or_else(|| {
        Failure::usage(
            "a bundle is checked with the key of its log",
            "give --key VKEY, from `hushtag init` or `status`",
        )
    })?;
    let next = "ask the maker of the file for another one; if the key of the log was changed since, give the log too, with --log";
    let damaged = |error: BundleError| Failure::damaged(&path.display(), &error, next);
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
            let text = |field: &str| opened.answer.get(field).and_then(Value::as_str).unwrap_or_default();
            let signed = match &opened.signed_by {
                None => "the study needed no signatures, by the first entry of the log".to_owned(),
                Some(handlers) => {
                    let handlers: Vec<&str> = handlers.iter().map(HandlerId::as_str).collect();
                    format!("the study is signed by {}", handlers.join(", "))
                }
            };
            format!(
                "verified: the log of {} has this answer as entry {} of {}, given at {}\nquestion {}\nrecipient {}, epoch {}, study {} ({})\nits noisy numbers, its noise and its charge are those to which the log committed\n{signed}\n{}",
                key.name(),
                opened.index,
                opened.head.size,
                opened.entry.at,
                text("question"),
                text("recipient"),
                text("epoch"),
                text("study"),
                text("policy"),
                log_key.text(),
            )
        },
    )
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
            let mut text = format!(
                "verified: the log of {} ({} entries) commits to this about the person `{id}` ({ids}), by the register of then",
                signed_by.key.name(),
                head.size
            );
            for place in stood {
                let stands = if place.inside { "in" } else { "out" };
                let Stood { entry, epoch, as_of, study, recipient, .. } = place;
                text.push_str(&format!(
                    "\nepoch {epoch} as of {as_of}, study {study}, for {recipient}: {stands} by their consents (log entry {entry})"
                ));
            }
            text.push_str(&format!("\n{}", signed_by.text()));
            text
        },
    )
}
