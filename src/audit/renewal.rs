//! Renewal by signatures: the numbered text that every handler signs before a pool is reopened, and its entry in the log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::approval::{Pinned, SignatureFault, signed};
use super::entry::{Entry, Kind, amount};
use super::merkle::Hash;
use super::note::{Note, NoteError};
use crate::dp::{Accounting, epsilon_of};
use crate::types::{Days, NanoEpsilon, NanoRho};

/// The first line of the text.
const HEADER: &str = "hushtag-renewal@v1";

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// What the handlers sign: everything that a renewal changes, and where the log stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalText {
    /// The sandbox.
    pub sandbox: String,
    /// One above the number of the last renewal, from 1: each is accepted once.
    pub number: u64,
    /// The limit of the new pool, in its units.
    pub limit: u128,
    /// How the pool counts: it says the units, and what the limit means as an epsilon.
    pub accounting: Accounting,
    /// The window of the new pool.
    pub window: Days,
    /// Entries in the log when the text was drafted.
    pub log_size: u64,
    /// The root over them.
    pub log_root: Hash,
    /// Why, in the words of the person who drafts it.
    pub reason: String,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalError {
    /// Not what a draft writes.
    #[error("line {line} is not as a draft has it")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// A reason that cannot stand in a text that is signed.
    #[error("the reason is empty, longer than {LONGEST_REASON} characters, or holds control characters")]
    Reason,
}

impl fmt::Display for RenewalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sandbox, number, limit, accounting, window, log_size, log_root, reason } = self;
        let meaning = match accounting {
            Accounting::Pure => format!("nano-epsilon, epsilon {}", NanoEpsilon::new(*limit)),
            Accounting::Zcdp { delta } => {
                let epsilon = epsilon_of(NanoRho::new(*limit), *delta);
                format!("nano-rho, epsilon {epsilon} at delta {delta}")
            }
        };
        writeln!(f, "{HEADER}\nsandbox: {sandbox}\nrenewal: {number}\nlimit: {limit} {meaning}")?;
        writeln!(
            f,
            "window: {}d\nlog: {log_size} {}\nreason: {reason}",
            window.days(),
            BASE64.encode(log_root)
        )
    }
}

impl RenewalText {
    /// Checks a reason: one line of plain text.
    ///
    /// # Errors
    /// [`RenewalError::Reason`]
    pub fn check_reason(reason: &str) -> Result<(), RenewalError> {
        let plain = !reason.trim().is_empty()
            && reason.trim() == reason
            && reason.chars().count() <= LONGEST_REASON
            && !reason.chars().any(char::is_control);
        if plain { Ok(()) } else { Err(RenewalError::Reason) }
    }

    /// Reads a text; only what is written is accepted.
    ///
    /// # Errors
    /// [`RenewalError`] with the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, RenewalError> {
        let mut lines = (1..).zip(text.lines());
        let mut next = |label: &str| {
            let (line, found) = lines.next().unwrap_or((0, ""));
            let rest = found.strip_prefix(label).map(str::to_owned);
            rest.map(|rest| (line, rest)).ok_or(RenewalError::Line { line })
        };
        let (_, _) = next(HEADER)?;
        let (_, sandbox) = next("sandbox: ")?;
        let (line, number) = next("renewal: ")?;
        let number = number.parse().map_err(|_| RenewalError::Line { line })?;
        let (line, limit) = next("limit: ")?;
        let limit = limit.split_once(' ').and_then(|(units, meaning)| Some((units.parse().ok()?, meaning)));
        let (limit, meaning): (u128, &str) = limit.ok_or(RenewalError::Line { line })?;
        // That the epsilon is that of the limit is seen when the text is written again.
        let accounting = match meaning.rsplit_once(" at delta ") {
            None => Accounting::Pure,
            Some((_, delta)) => {
                Accounting::Zcdp { delta: delta.parse().map_err(|_| RenewalError::Line { line })? }
            }
        };
        let (line, window) = next("window: ")?;
        let window = Days::parse(&window).map_err(|_| RenewalError::Line { line })?;
        let (line, log) = next("log: ")?;
        let root = |text: &str| Hash::try_from(BASE64.decode(text).ok()?).ok();
        let log = log.split_once(' ').and_then(|(size, text)| Some((size.parse().ok()?, root(text)?)));
        let (log_size, log_root) = log.ok_or(RenewalError::Line { line })?;
        let (_, reason) = next("reason: ")?;
        Self::check_reason(&reason)?;
        let read = Self { sandbox, number, limit, accounting, window, log_size, log_root, reason };
        // Numbers have one spelling each, and nothing follows.
        let written = read.to_string();
        let differs = |(line, (own, given)): (usize, (&str, &str))| (own != given).then_some(line);
        match (1..).zip(written.lines().zip(text.lines())).find_map(differs) {
            Some(line) => Err(RenewalError::Line { line }),
            None if written != text => Err(RenewalError::Line { line: written.lines().count() }),
            None => Ok(read),
        }
    }

    /// The body of its `renew` entry, with the note of all signatures: anyone who has the log needs nothing else to check it.
    #[must_use]
    pub fn entry_body(&self, note: &Note) -> Map<String, Value> {
        let body = json!({
            "number": self.number,
            "limit": amount(self.limit),
            "window_days": self.window.days(),
            "note": note.to_string(),
        });
        if let Value::Object(body) = body { body } else { Map::new() }
    }

    /// Reads a `renew` entry: the text, and the note of signatures over it.
    ///
    /// # Errors
    /// [`RenewalFault`] when note, text and the other fields do not agree.
    pub fn of_entry(entry: &Entry) -> Result<(Self, Note), RenewalFault> {
        let note = entry.body.get("note").and_then(Value::as_str).filter(|_| entry.kind == Kind::Renew);
        let note = Note::parse(note.ok_or(RenewalFault::Entry)?.as_bytes()).map_err(RenewalFault::Note)?;
        let text = Self::parse(note.text()).map_err(RenewalFault::Text)?;
        if text.entry_body(&note) == entry.body { Ok((text, note)) } else { Err(RenewalFault::Entry) }
    }
}

/// One thing that a renewal lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalFault {
    /// The entry does not say what its text says.
    #[error("the entry does not say what the signed text says")]
    Entry,
    /// Not a note.
    #[error("the signatures cannot be read")]
    Note(#[source] NoteError),
    /// Not a text.
    #[error("the text cannot be read")]
    Text(#[source] RenewalError),
    /// No one can sign.
    #[error("the sandbox was made without keys of handlers, so no one can sign a renewal")]
    NoHandlers,
    /// Another sandbox's.
    #[error("it is for sandbox `{sandbox}`")]
    Sandbox {
        /// The sandbox that the text names.
        sandbox: String,
    },
    /// Accepted before, or too early.
    #[error("it has number {number}, and the next renewal has number {next}")]
    Number {
        /// The number of the text.
        number: u64,
        /// The number of the next renewal.
        next: u64,
    },
    /// Another log, or one that was rolled back.
    #[error("the log did not have the head that the text names")]
    Log,
    /// Other units than the pool's, or another delta.
    #[error("it counts otherwise than this pool")]
    Accounting,
    /// The pool has no window, or it is not over.
    #[error("{0}")]
    Window(&'static str),
    /// A handler's signature is missing or forged.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
}

impl Pinned {
    /// Checks that every pinned handler signed the note.
    ///
    /// # Errors
    /// Everybody whose signature is missing or wrong.
    pub fn all_signed(&self, note: &Note) -> Result<(), Vec<RenewalFault>> {
        let mut faults = Vec::new();
        for handler in self.handlers() {
            let Some(key) = self.key(handler) else { continue };
            if let Err(fault) = signed(note, handler, key) {
                faults.push(fault.into());
            }
        }
        if self.handlers().next().is_none() {
            faults.push(RenewalFault::NoHandlers);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> RenewalText {
        RenewalText {
            sandbox: "0123abcd".into(),
            number: 2,
            limit: 1_000,
            accounting: Accounting::Zcdp { delta: "1e-9".parse().unwrap() },
            window: Days::new(90).unwrap(),
            log_size: 17,
            log_root: [7; 32],
            reason: "the next quarter".into(),
        }
    }

    #[test]
    fn one_text_and_back() {
        let written = text().to_string();
        assert_eq!(
            written,
            "hushtag-renewal@v1\nsandbox: 0123abcd\nrenewal: 2\nlimit: 1000 nano-rho, epsilon 0.006804061 at delta 1e-9\n\
             window: 90d\nlog: 17 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\nreason: the next quarter\n"
        );
        assert_eq!(RenewalText::parse(&written).unwrap(), text());
        for (old, new, line) in [
            ("@v1", "@v2", 1),
            ("renewal: 2", "renewal: 02", 3),
            ("renewal: 2", "renewal: -2", 3),
            ("limit: 1000 ", "limit: 1000", 4),
            ("limit: 1000 ", "limit: 1001 ", 4),
            ("nano-rho", "nano-epsilon", 4),
            ("delta 1e-9", "delta 1e-8", 4),
            ("delta 1e-9", "delta 1.0e-9", 4),
            (" at delta 1e-9", "", 4),
            ("window: 90d", "window: 90", 5),
            ("log: 17 Bw", "log: 17 B", 6),
            ("reason:", "because:", 7),
            ("quarter\n", "quarter", 7),
            ("quarter\n", "quarter\nand more\n", 7),
        ] {
            let other = written.replacen(old, new, 1);
            assert_eq!(RenewalText::parse(&other), Err(RenewalError::Line { line }), "{other}");
        }
        assert_eq!(
            RenewalText::parse(&written.replacen("the next", "the\u{7}next", 1)),
            Err(RenewalError::Reason)
        );
        for limit in [0, 1, u128::MAX] {
            let extreme = RenewalText { limit, ..text() };
            assert_eq!(RenewalText::parse(&extreme.to_string()).unwrap(), extreme);
        }
        assert_eq!(RenewalText::parse(""), Err(RenewalError::Line { line: 0 }));
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_what_would_be_written(at in 0_usize..200, byte: u8) {
            let mut bytes = text().to_string().into_bytes();
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
            if let Some(read) = String::from_utf8(bytes).ok().and_then(|text| Some((RenewalText::parse(&text).ok()?, text))) {
                proptest::prop_assert_eq!(read.0.to_string(), read.1);
            }
        }
    }
}
