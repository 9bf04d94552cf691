//! From errors to exit codes, each with one line on what to do.

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Format;
use super::advice::{in_storage, input, with_key};
use super::lang::{self, filled, text, word};
use super::output::Output;
use hushtag::blind_token::BlindTokenError;
use hushtag::engine::{EngineError, ReadError, TokeniseError};
use hushtag::keys::KeyError;
use hushtag::ledger::LedgerError;
use hushtag::operator::OperatorError;
use hushtag::policy::{Reason, Regime};
use hushtag::release::ReleaseError;
use hushtag::report::refusal_json;
use hushtag::storage::{LockError, StorageError};

/// Input or output failed.
const FAILED: u8 = 1;
/// Usage, or a query outside the language or vocabulary.
const USAGE: u8 = 2;
/// Refused by policy, consent or budget.
const REFUSED: u8 = 3;
/// Findings.
const FINDINGS: u8 = 4;
/// The ledger, the log, the register or a sealed file is missing, damaged, rolled back or forged.
const DAMAGED: u8 = 5;
/// It is there already.
const EXISTS: u8 = 6;

/// Why the command ends, with which code, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// What is wrong, and what to do next.
    faults: Vec<Fault>,
    /// Nothing was done yet: the service at this socket does it.
    service: Option<PathBuf>,
}

/// One thing that is wrong.
#[derive(Debug)]
struct Fault {
    /// In a word, for scripts.
    kind: &'static str,
    message: String,
    /// Whether the message is an English sentence of the library, whatever the chosen language is.
    is_english: bool,
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
        let (kind, message, next) = (kind_of(code), message.into(), next.into());
        let fault = Fault { kind, message, is_english: false, place: None, next };
        Self { code, faults: vec![fault], service: None }
    }

    /// Nothing was done: the service that listens at `socket` holds the sandbox and does it.
    pub(super) fn of_service(socket: PathBuf) -> Self {
        Self { code: FAILED, faults: Vec::new(), service: Some(socket) }
    }

    /// The socket of the service that does it.
    pub(super) fn service(&self) -> Option<&Path> {
        self.service.as_deref()
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

    /// The same failure in other words, which are English.
    pub(super) fn in_words(mut self, message: String) -> Self {
        if let Some(first) = self.faults.first_mut() {
            first.message = message;
            first.is_english = true;
        }
        self
    }

    /// The same failure, of which the message is an English sentence.
    fn in_english(mut self) -> Self {
        self.faults.iter_mut().for_each(|fault| fault.is_english = true);
        self
    }

    /// Evidence that does not hold.
    pub(super) fn damaged(place: &dyn std::fmt::Display, error: &dyn Error, next: String) -> Self {
        Self::new(DAMAGED, format!("{place}: {}", chain(error)), next).in_english()
    }

    /// A file or another thing that cannot be read or written, with the English sentence of the system or the library.
    pub(super) fn of_place(
        place: impl std::fmt::Display,
        error: impl std::fmt::Display,
        next: String,
    ) -> Self {
        Self::failed(format!("{place}: {error}"), next).in_english()
    }

    /// What was typed is wrong, by an English sentence of the library.
    pub(super) fn of_usage(error: impl std::fmt::Display, next: String) -> Self {
        Self::usage(error.to_string(), next).in_english()
    }

    /// A failure that the library describes in English.
    pub(super) fn of_error(error: impl std::fmt::Display, next: String) -> Self {
        Self::failed(error.to_string(), next).in_english()
    }

    pub(super) fn output(error: std::io::Error) -> Self {
        Self::new(FAILED, text!("output.failed", error), text!("output.fix"))
    }

    /// A key of tokens that cannot be used.
    pub(super) fn token_key(error: KeyError) -> Self {
        match error {
            KeyError::LooseMode { .. } => error.into(),
            _ => Self::of_error(chain(&error), text!("fix.token_key")),
        }
    }

    /// An error of the library of which the kind is known, with the text of a fix by its name.
    fn of_library((code, kind): (u8, &'static str), error: &dyn Error, next: &str) -> Self {
        let fault =
            Fault { kind, message: chain(error), is_english: true, place: None, next: filled(next, &[]) };
        Self { code, faults: vec![fault], service: None }
    }

    /// A key of blind tokens that cannot be used.
    pub(super) fn blind_token_key(error: KeyError) -> Self {
        match error {
            KeyError::Malformed { .. } => Self::of_error(chain(&error), text!("fix.blind_token_key")),
            _ => error.into(),
        }
    }

    /// A document that was named could not be compared.
    pub(super) fn uncompared(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(FINDINGS, message, next)
    }

    /// Findings were printed as the result.
    pub(super) const fn findings() -> Self {
        Self { code: FINDINGS, faults: Vec::new(), service: None }
    }

    /// A refusal that was printed as the result.
    pub(super) const fn refused() -> Self {
        Self { code: REFUSED, faults: Vec::new(), service: None }
    }

    /// Several failures as one, with the greatest code.
    fn of_all(all: impl Iterator<Item = Self>) -> Self {
        let none = Self { code: FAILED, faults: Vec::new(), service: None };
        all.fold(none, |mut whole, one| {
            whole.code = whole.code.max(one.code);
            whole.faults.extend(one.faults);
            whole
        })
    }

    /// Prints each message with its fix, and gives the code; with `--format json` the first one, and all if there are several, also
    /// as an object on stdout, unless a result was printed there: stdout holds one JSON text.
    pub(super) fn report(&self, output: &Output) -> u8 {
        if let (Format::Json, Some(first), false) =
            (output.format(), self.faults.first(), output.has_result())
        {
            let mut result = json!({ "error": first.to_json() });
            if let (Some(map), true) = (result.as_object_mut(), self.faults.len() > 1) {
                map.insert("errors".into(), self.faults.iter().map(Fault::to_json).collect());
            }
            // Where stdout is closed, the messages are on stderr.
            let _ = output.result(&result.to_string());
        }
        for Fault { kind, message, is_english, next, .. } in &self.faults {
            output.error(&match *is_english && !lang::is_english() {
                true => text!("error.of_kind", kind = word("kind", kind), message),
                false => text!("error.line", message),
            });
            output.error(&text!("error.fix", fix = next));
        }
        self.code
    }
}

/// An error with its causes on one line; a cause that its parent's text already ends with is not repeated.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let of_cause = source.to_string();
        if !text.ends_with(&of_cause) {
            text = format!("{text}: {of_cause}");
        }
        cause = source.source();
    }
    text
}

/// Prints a refusal: as JSON it is the result, as text an error with what would lift it.
pub(super) fn refuse(output: &Output, reasons: &[Reason]) -> Failure {
    match output.format() {
        Format::Json => {
            if let Err(failure) = output.result(&refusal_json(reasons).to_string()) {
                return failure;
            }
        }
        Format::Text | Format::Csv | Format::Sarif | Format::Junit => {
            output.error(&text!("error.line", message = refusal_text(reasons).trim_end()));
        }
    }
    Failure::refused()
}

/// Reasons as a refusal reads.
pub(super) fn refusal_text(reasons: &[Reason]) -> String {
    let mut all = text!("refusal.heading");
    for Reason { rule, article, because, fix, .. } in reasons {
        let article = if article.is_empty() { String::new() } else { text!("refusal.article", article) };
        let demand = demand(rule);
        all.push_str(&text!("refusal.reason", rule, article, demand, because, fix));
    }
    all
}

/// What the rule of a refusal demands, in the chosen language, where the reasons are not in it.
pub(super) fn demand(rule: &str) -> String {
    if lang::is_english() {
        return String::new();
    }
    let of_mechanism = word("rules", rule);
    let demand = match of_mechanism == rule {
        false => Some(of_mechanism),
        true => Regime::built_in_names().find_map(|name| {
            let regime = Regime::built_in(name).ok()?;
            regime.rule_asks(rule, lang::chosen()).map(|(_, demand)| demand.to_owned())
        }),
    };
    demand.map_or_else(String::new, |demand| text!("refusal.demand", demand))
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        if let OperatorError::Several(all) = error {
            return Self::of_all(all.into_iter().map(Self::from));
        }
        let (code, next) = judge(&error);
        let (kind, place) = (error.kind().as_str(), place(&error));
        let known = in_chosen_language(&error);
        let (is_english, message) = (known.is_none(), known.unwrap_or_else(|| in_commands(&error)));
        let fault = Fault { kind, message, is_english, place, next: filled(next, &[]) };
        Self { code, faults: vec![fault], service: None }
    }
}

/// An error of the library with its causes, and what it means for someone who types commands.
fn in_commands(error: &OperatorError) -> String {
    let text = chain(error);
    match error {
        OperatorError::Engine(EngineError::MissingDataset { dataset }) => {
            text!("error.missing_dataset", text, dataset)
        }
        OperatorError::SigningKey { .. } => {
            text!("error.signing_key", text)
        }
        OperatorError::Unknown { kind: "answer", .. } => text!("error.unknown_answer", text),
        _ => text,
    }
}

/// Where in a file or a query an error is.
fn place(error: &OperatorError) -> Option<Value> {
    match error {
        OperatorError::Study(error) => {
            Some(json!({ "file": error.file, "line": error.line, "column": error.column }))
        }
        OperatorError::Query(error) => {
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

/// An error whose whole meaning is in its variant and fields, in the chosen language.
fn in_chosen_language(error: &OperatorError) -> Option<String> {
    Some(match error {
        OperatorError::EpochExists(epoch) => text!("error.epoch_exists", epoch),
        OperatorError::Future(as_of) => text!("error.future", as_of),
        OperatorError::NotASandbox(folder) => text!("error.not_a_sandbox", folder),
        OperatorError::NothingSealed { study } => text!("error.nothing_sealed", study),
        OperatorError::WriterAtWork => text!("error.writer_at_work"),
        _ => return None,
    })
}

/// Exit code, and the key of what to do about it.
fn judge(error: &OperatorError) -> (u8, &'static str) {
    if matches!(error, OperatorError::SigningKey { .. }) {
        return (DAMAGED, "fix.signing_key");
    }
    if matches!(error, OperatorError::Key(KeyError::Sealed { place, .. }) if place == "keys/sandbox.key") {
        return (DAMAGED, "fix.root_key_in_force");
    }
    if error.is_damage() {
        return (DAMAGED, "fix.damaged");
    }
    match error {
        OperatorError::Query(_) => (USAGE, "fix.query"),
        OperatorError::Unknown { kind: "answer", .. } => (USAGE, "fix.unknown_answer"),
        OperatorError::Unknown { .. } => (USAGE, "fix.unknown"),
        OperatorError::EpochExists(_) => (EXISTS, "fix.epoch_exists"),
        OperatorError::Key(KeyError::Exists(_)) => (EXISTS, "fix.key_exists"),
        OperatorError::Event(_) => (FAILED, "fix.event"),
        OperatorError::OtherText { .. } => (USAGE, "fix.other_text"),
        OperatorError::Figures(_) => (FAILED, "fix.figures"),
        OperatorError::Future(_) => (USAGE, "fix.future"),
        OperatorError::Invalid(_) => (USAGE, "fix.invalid"),
        OperatorError::NothingSealed { .. } => (USAGE, "fix.nothing_sealed"),
        OperatorError::Refused(_) => (REFUSED, "fix.refused"),
        OperatorError::Approval { .. } => (FAILED, "fix.approval"),
        OperatorError::File(_, source) if source.kind() == ErrorKind::InvalidData => {
            (FAILED, "fix.text_file")
        }
        OperatorError::File(..) => (FAILED, "fix.path"),
        OperatorError::Storage(failed) => (FAILED, in_storage(failed)),
        OperatorError::Study(_) | OperatorError::Regime(_) | OperatorError::RegimePath { .. } => {
            (FAILED, "fix.study")
        }
        OperatorError::Engine(engine) => (FAILED, input(engine)),
        OperatorError::NotASandbox(_) => (FAILED, "fix.not_a_sandbox"),
        OperatorError::WriterAtWork => (FAILED, "fix.writer_at_work"),
        OperatorError::Lock(LockError::Held { .. }) => (FAILED, "fix.locked"),
        OperatorError::Key(key) => (FAILED, with_key(key)),
        OperatorError::Ledger(LedgerError::ClockBackwards { .. })
        | OperatorError::Release(ReleaseError::Ledger(LedgerError::ClockBackwards { .. })) => {
            (FAILED, "fix.clock")
        }
        _ => (FAILED, "fix.folder"),
    }
}

impl From<TokeniseError> for Failure {
    fn from(error: TokeniseError) -> Self {
        let (code, kind, next) = match error {
            TokeniseError::Blind(error) => return error.into(),
            TokeniseError::Engine(engine) => return OperatorError::Engine(engine).into(),
            TokeniseError::Exists(_) => (EXISTS, "exists", "fix.tokens_exist"),
            TokeniseError::NotParquet(_) => (USAGE, "usage", "fix.not_parquet"),
            TokeniseError::UnknownTable { .. } => (USAGE, "unknown", "fix.unknown_table"),
            TokeniseError::Unfinished(_) => (FAILED, "storage", "fix.unfinished"),
            TokeniseError::Encode(_) => (FAILED, "input", "fix.tokens_folder"),
            _ => (FAILED, "storage", "fix.tokens_folder"),
        };
        Self::of_library((code, kind), &error, next)
    }
}

impl From<BlindTokenError> for Failure {
    fn from(error: BlindTokenError) -> Self {
        let kind = error.kind();
        let (code, next) = match error {
            BlindTokenError::Key(error) => return error.into(),
            BlindTokenError::Storage(error) => return error.into(),
            BlindTokenError::OverLimit { .. } => (REFUSED, "fix.over_limit"),
            BlindTokenError::Book { .. } => (DAMAGED, "fix.evaluation_book"),
            BlindTokenError::Exists(_) => (EXISTS, "fix.blind_exists"),
            BlindTokenError::Unfinished(_) => (FAILED, "fix.unfinished"),
            BlindTokenError::ForeignKey => (USAGE, "fix.foreign_key"),
            BlindTokenError::NoTokenKeys => (USAGE, "fix.no_token_keys"),
            BlindTokenError::Namespace(_) | BlindTokenError::OtherStudy { .. } => (FAILED, "fix.one_study"),
            BlindTokenError::Table { .. } => (USAGE, "fix.own_tables"),
            BlindTokenError::Parties { .. } => (FAILED, "fix.direction"),
            BlindTokenError::OtherRequest { .. } | BlindTokenError::State { .. } => {
                (FAILED, "fix.one_session")
            }
            BlindTokenError::Proof { .. } => (FAILED, "fix.proof"),
            BlindTokenError::Repeated { .. } | BlindTokenError::SessionUsed { .. } => {
                (FAILED, "fix.request_anew")
            }
            _ => (FAILED, "fix.whole_file"),
        };
        Self::of_library((code, kind), &error, next)
    }
}
