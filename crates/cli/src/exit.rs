//! From errors to exit codes, each with one line that says what to do next.

use std::error::Error;
use std::io::ErrorKind;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::Format;
use super::advice::reading;
use super::output::Output;
use hushtag::engine::{EngineError, ReadError, TokeniseError};
use hushtag::keys::KeyError;
use hushtag::ledger::LedgerError;
use hushtag::operator::OperatorError;
use hushtag::policy::Reason;
use hushtag::release::ReleaseError;
use hushtag::report::refusal_json;
use hushtag::storage::{LockError, StorageError};

/// Input or output failed.
const FAILED: u8 = 1;
/// Usage, or a question outside the language or vocabulary.
const USAGE: u8 = 2;
/// Refused by policy, consent or budget.
const REFUSED: u8 = 3;
/// Findings.
const FINDINGS: u8 = 4;
/// A book or sealed file is missing, damaged, rolled back or forged.
const DAMAGED: u8 = 5;
/// It is there already.
const EXISTS: u8 = 6;

/// Why the command ends, with which code, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// What is wrong, and what to do next.
    faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Debug)]
struct Fault {
    /// In a word, for scripts.
    kind: &'static str,
    message: String,
    /// Where in a file or a query, if it is about one.
    place: Option<Value>,
    next: String,
}

impl Fault {
    fn to_json(&self) -> Value {
        json!({ "kind": self.kind, "message": self.message, "place": self.place, "fix": self.next })
    }
}

/// The kind of a failure of which nothing but the exit code is known.
const fn kind_of(code: u8) -> &'static str {
    match code {
        USAGE => "usage",
        REFUSED => "refused",
        FINDINGS => "findings",
        DAMAGED => "damaged",
        EXISTS => "exists",
        _ => "failed",
    }
}

impl Failure {
    fn new(code: u8, message: impl Into<String>, next: impl Into<String>) -> Self {
        let fault = Fault { kind: kind_of(code), message: message.into(), place: None, next: next.into() };
        Self { code, faults: vec![fault] }
    }

    /// It is there already.
    pub(super) fn exists(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(EXISTS, message, next)
    }

    /// Whether it is there already.
    pub(super) const fn is_exists(&self) -> bool {
        self.code == EXISTS
    }

    pub(super) fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(USAGE, message, next)
    }

    pub(super) fn failed(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(FAILED, message, next)
    }

    /// The same failure in other words.
    pub(super) fn saying(mut self, message: String) -> Self {
        if let Some(first) = self.faults.first_mut() {
            first.message = message;
        }
        self
    }

    /// Evidence that does not hold.
    pub(super) fn damaged(place: &dyn std::fmt::Display, error: &dyn Error, next: &str) -> Self {
        Self::new(DAMAGED, format!("{place}: {}", chain(error)), next)
    }

    pub(super) fn output(error: std::io::Error) -> Self {
        Self::new(FAILED, format!("cannot print the result: {error}"), "see where stdout goes")
    }

    /// A key of tokens that cannot be used.
    pub(super) fn token_key(error: KeyError) -> Self {
        match error {
            KeyError::LooseMode { .. } => error.into(),
            _ => Self::failed(
                chain(&error),
                "make one with `hushtag key new --for token --out FILE`, and give the other party the same",
            ),
        }
    }

    /// What was asked for could not be compared.
    pub(super) fn uncompared(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(FINDINGS, message, next)
    }

    /// Findings were printed as the result.
    pub(super) const fn findings() -> Self {
        Self { code: FINDINGS, faults: Vec::new() }
    }

    /// A refusal that was printed as the result.
    pub(super) const fn refused() -> Self {
        Self { code: REFUSED, faults: Vec::new() }
    }

    /// Several failures as one, with the greatest code.
    fn of_all(all: impl Iterator<Item = Self>) -> Self {
        let none = Self { code: FAILED, faults: Vec::new() };
        all.fold(none, |mut whole, one| {
            whole.code = whole.code.max(one.code);
            whole.faults.extend(one.faults);
            whole
        })
    }

    /// Prints each message with its next step, and gives the code; with `--format json` the first one, and all if there are several, also
    /// as an object on stdout, unless a result was printed there: stdout holds one JSON text.
    pub(super) fn report(&self, output: &Output) -> ExitCode {
        if let (Format::Json, Some(first), false) =
            (output.format(), self.faults.first(), output.has_result())
        {
            let mut result = json!({ "error": first.to_json() });
            if let (Some(map), true) = (result.as_object_mut(), self.faults.len() > 1) {
                map.insert("errors".into(), self.faults.iter().map(Fault::to_json).collect());
            }
            // Where stdout is closed, the messages on stderr say it.
            let _ = output.result(&result.to_string());
        }
        for Fault { message, next, .. } in &self.faults {
            output.error(&format!("error: {message}"));
            output.error(&format!("  next: {next}"));
        }
        ExitCode::from(self.code)
    }
}

/// An error with its causes on one line; a cause that its parent's text already ends with is not repeated.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let said = source.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = source.source();
    }
    text
}

/// Prints a refusal: as JSON it is the result, as text an error that tells how to mend it.
pub(super) fn refuse(output: &Output, reasons: &[Reason]) -> Failure {
    match output.format() {
        Format::Json => {
            if let Err(failure) = output.result(&refusal_json(reasons).to_string()) {
                return failure;
            }
        }
        Format::Text | Format::Csv | Format::Sarif | Format::Junit => {
            output.error(&format!("error: {}", refusal_text(reasons).trim_end()));
        }
    }
    Failure::refused()
}

/// Reasons as a refusal reads.
pub(super) fn refusal_text(reasons: &[Reason]) -> String {
    let mut text = String::from("refused:\n");
    for reason in reasons {
        let article =
            if reason.article.is_empty() { String::new() } else { format!(" ({})", reason.article) };
        text.push_str(&format!("  {}{article}: {}\n    fix: {}\n", reason.rule, reason.because, reason.fix));
    }
    text
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        if let OperatorError::Several(all) = error {
            return Self::of_all(all.into_iter().map(Self::from));
        }
        let (code, next) = judge(&error);
        let (kind, place) = (error.kind().as_str(), place(&error));
        Self { code, faults: vec![Fault { kind, message: chain(&error), place, next: next.to_owned() }] }
    }
}

/// Where in a file or a query an error is.
fn place(error: &OperatorError) -> Option<Value> {
    match error {
        OperatorError::Study(error) => {
            Some(json!({ "file": error.file, "line": error.line, "column": error.column }))
        }
        OperatorError::Question(error) => {
            error.place.as_ref().map(|place| json!({ "line": place.line, "column": place.column }))
        }
        _ => None,
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        OperatorError::from(error).into()
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        OperatorError::Engine(error.into()).into()
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        OperatorError::from(error).into()
    }
}

/// Exit code and next step.
fn judge(error: &OperatorError) -> (u8, &'static str) {
    if matches!(error, OperatorError::SigningKey { .. }) {
        return (DAMAGED, "restore keys/sign.key from a copy; without it this sandbox can only be read");
    }
    if matches!(error, OperatorError::Key(KeyError::Sealed { place, .. }) if place == "keys/sandbox.key") {
        return (
            DAMAGED,
            "give the root key that is in force (`audit show --kind key` says when it changed), or restore keys/sandbox.key from a copy",
        );
    }
    if error.is_damage() {
        return (
            DAMAGED,
            "restore the folder from a copy you trust, or seal a new sandbox; `audit verify` names the place",
        );
    }
    match error {
        OperatorError::Question(_) => (USAGE, "see `hushtag vocabulary` for tags, labels and measures"),
        OperatorError::Unknown { kind: "answer", .. } => {
            (USAGE, "`hushtag audit show DIR --kind ask` lists the answers with their numbers")
        }
        OperatorError::Unknown { .. } => (USAGE, "see `hushtag status` for what there is"),
        OperatorError::EpochExists(_) => {
            (EXISTS, "choose another --epoch, or say --if-absent; an epoch is sealed once")
        }
        OperatorError::Key(KeyError::Exists(_)) => {
            (EXISTS, "choose a name that is not taken, or say --if-absent; a key is never overwritten")
        }
        OperatorError::Event(_) => (FAILED, "put the event right; nothing was recorded"),
        OperatorError::OtherText { .. } => {
            (USAGE, "seal an epoch under the study as it is now: `hushtag seal`")
        }
        OperatorError::Figures(_) => (
            FAILED,
            "give the key whose public part `init --auditor` named; without --auditor at init no figures are kept",
        ),
        OperatorError::Future(_) => (USAGE, "give an --as-of that has passed"),
        OperatorError::Invalid(_) => (USAGE, "`--help` of this command says what can be given"),
        OperatorError::NothingSealed { .. } => (USAGE, "seal one: `hushtag seal`"),
        OperatorError::Refused(_) => (REFUSED, "see `hushtag policy check STUDY` for all findings"),
        OperatorError::Approval { .. } => (
            FAILED,
            "pin a key for each handler (--handler ID=VKEY) and let each run `hushtag policy sign`; or say --approval none",
        ),
        OperatorError::File(_, source) if source.kind() == ErrorKind::InvalidData => {
            (FAILED, "give a text file in UTF-8, of at most 1 MiB")
        }
        OperatorError::File(..) => (FAILED, "check the path"),
        OperatorError::Storage(failed) => (FAILED, in_storage(failed)),
        OperatorError::Study(_) | OperatorError::Regime(_) | OperatorError::RegimePath { .. } => {
            (FAILED, "mend the study file; `hushtag policy check` tells all it can")
        }
        OperatorError::Engine(engine) => (FAILED, input(engine)),
        OperatorError::NotASandbox(_) => (FAILED, "make one with `hushtag init`, or check the path"),
        OperatorError::WriterAtWork => {
            (FAILED, "try again, or stop the writer: nothing that was found is damage for sure")
        }
        OperatorError::Lock(LockError::Held { .. }) => {
            (FAILED, "wait for the other process, or give a longer --wait")
        }
        OperatorError::Key(key) => (FAILED, with_key(key)),
        OperatorError::Ledger(LedgerError::ClockBackwards { .. })
        | OperatorError::Release(ReleaseError::Ledger(LedgerError::ClockBackwards { .. })) => {
            (FAILED, "set the clock right; nothing is charged before the time of the last charge")
        }
        _ => (FAILED, "check space and rights of the folder, then try again: nothing was lost"),
    }
}

/// What to do about a key.
fn with_key(error: &KeyError) -> &'static str {
    match error {
        KeyError::LooseMode { .. } => "make it readable by its owner alone: run chmod 600 on it",
        KeyError::Storage(failed) => in_storage(failed),
        KeyError::File(_, source) => match source.kind() {
            ErrorKind::NotFound => "check the path",
            ErrorKind::PermissionDenied => "run this as its owner: a key is for its owner alone",
            ErrorKind::InvalidInput => "name the file of a key",
            _ => "see that the file can be read, or written where a key is made",
        },
        KeyError::Malformed { .. } => {
            "give the whole file as `hushtag key new` or `init` made it, and the key of the right kind"
        }
        KeyError::NoRandomness => "see why the system has no random numbers; nothing was made",
        _ => "give the root key with --root-key or HUSHTAG_ROOT_KEY",
    }
}

/// What to do about the folder, by what the system said.
fn in_storage(error: &StorageError) -> &'static str {
    match error.source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "check the path",
        ErrorKind::PermissionDenied => "see who owns the folder and its files: this user may not use them",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make space on that disk, then try again: nothing was lost"
        }
        ErrorKind::ReadOnlyFilesystem => "make that disk writable, then try again: nothing was lost",
        ErrorKind::DirectoryNotEmpty => "choose an empty folder, or one that is not there yet",
        // What this program refuses, it says itself.
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::AlreadyExists => {
            "put right what stands there, then try again: nothing was lost"
        }
        _ => "check space and rights of the folder, then try again: nothing was lost",
    }
}

impl From<TokeniseError> for Failure {
    fn from(error: TokeniseError) -> Self {
        let (code, next) = match error {
            TokeniseError::Engine(engine) => return OperatorError::Engine(engine).into(),
            TokeniseError::Exists(_) => (USAGE, "choose another name: nothing is overwritten"),
            TokeniseError::NotParquet(_) => (USAGE, "write a name such as payments.tokens.parquet"),
            TokeniseError::UnknownTable { .. } => (USAGE, "name a dataset of the study, or `consents`"),
            TokeniseError::Unfinished(_) => (FAILED, "wait for it, or remove the file"),
            _ => (FAILED, "check space and rights of the folder: nothing was left there"),
        };
        Self::new(code, chain(&error), next)
    }
}

fn input(error: &EngineError) -> &'static str {
    match error {
        EngineError::BadRows { .. } => "mend the file, or allow more with --max-bad-rows PERCENT",
        EngineError::UnattributedConsents { .. } => {
            "put these rows right, or leave them out if they are nobody's: no row of consents is passed over, and --max-bad-rows does not hold for them"
        }
        EngineError::MissingDataset { .. } | EngineError::UnknownDataset { .. } => {
            "each dataset of the study needs one --data NAME=PATH"
        }
        EngineError::DirectIdentifier { .. } => {
            "declare the column as \"drop\", or as the key that it is; mend the file if the column should hold something else"
        }
        EngineError::MixedTokens { .. } => {
            "let `hushtag tokenize` make all files under one key that the parties agree on, or none"
        }
        EngineError::RowsPerOwner { .. } => {
            "see whether the owner column holds a stand-in for many people; if one person has so many rows, raise `max_rows_per_owner` of the dataset in the study"
        }
        EngineError::EventsPerPerson { .. } => {
            "see whether the person column holds a stand-in for many people, or import the events into the register in parts"
        }
        EngineError::Memory { .. } => {
            "allow more with --memory, or seal fewer people, rows or measures; nothing was sealed or written"
        }
        EngineError::Read(error) => reading(error),
        _ => "check the file; nothing was sealed or written",
    }
}
