//! How the statements of a handler's own consent table become the words of the consent table.
//!
//! A study declares it under `[consents]`: replacements for the words of a column, and constants for what such a table never
//! records. A constant is a statement of the handler about every consent of its table, made with evidence and signed with the study.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::act::{Act, items};
use super::event::COLUMNS;
use crate::types::folded_word;

/// How many columns of [`COLUMNS`] say something other than who and when; they are the last ones.
pub const STATEMENTS: usize = COLUMNS.len() - 5;

/// The statements of one row as text, in the order of the last [`STATEMENTS`] columns of [`COLUMNS`].
pub type Statements<'a> = [Option<Cow<'a, str>>; STATEMENTS];

/// Rows that one row of a handler's table may stand for: the most words that a constant may list.
const MOST_ROWS: usize = 16;

/// Replacements and constants for the statements of a handler's own table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementMapping {
    replacements: BTreeMap<usize, BTreeMap<String, Vec<(usize, String)>>>,
    constants: BTreeMap<usize, Vec<String>>,
    shown_at_is_at: bool,
    evidence: Option<String>,
}

/// A mapping that cannot be, with the column that it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// A column that no consent table has, or one that says who or when.
    #[error("`{column}` is no column whose words can be mapped; they are {}", COLUMNS.iter().skip(COLUMNS.len() - STATEMENTS).copied().collect::<Vec<_>>().join(", "))]
    Column {
        /// As it was written.
        column: String,
    },
    /// A word that ends a consent and is declared to give one.
    #[error("`{word}` ends or refuses a consent wherever it stands, and cannot be mapped to `{to}`")]
    Reversed {
        /// The word of the table.
        word: String,
        /// What it was mapped to.
        to: String,
    },
    /// A word that no event has.
    #[error(
        "`{word}` is not an event; write given, refused, withdrawn, revoked, objected, restricted, hold, deceased or lifted"
    )]
    Event {
        /// The word it was mapped to.
        word: String,
    },
    /// One word mapped twice.
    #[error("`{word}` is mapped twice under `{column}`")]
    Twice {
        /// The column.
        column: String,
        /// The word.
        word: String,
    },
    /// Statements of the handler without evidence.
    #[error(
        "constants, and what words of one column say of another, are statements of the handler and need `evidence`: the id of the document that shows them, such as \"UI-REVIEW-2026-03\""
    )]
    NoEvidence,
    /// What varies from row to row.
    #[error("`{column}` differs from consent to consent and cannot be a constant{}", if column == "shown_at" { "; `shown_at = \"at\"` says that the notice is shown when the consent is given" } else { "" })]
    NoConstant {
        /// The column.
        column: String,
    },
    /// A constant without a word, with an empty one, or with too many.
    #[error("the constant `{column}` needs at least one word and at most {MOST_ROWS}, none of them empty")]
    EmptyConstant {
        /// The column.
        column: String,
    },
    /// A list where one word is wanted.
    #[error("the constant `{column}` is one word; only `trigger`, `categories` and `methods` may be lists")]
    OneWord {
        /// The column.
        column: String,
    },
}

/// What a declaration states of rows whose table does not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated<'a> {
    /// The column of the consent table.
    pub column: &'static str,
    /// Its words, with `|` between several.
    pub words: String,
    /// The column and the word, in its folded form, of which rows it is stated; `None` for every consent.
    pub of: Option<(&'static str, &'a str)>,
}

/// Columns that a word of another column may name without evidence: they say what a row is about, and every table has such words.
const NAMED: [&str; 4] = ["event", "trigger", "purpose", "recipient"];

impl StatementMapping {
    /// Whether rows are read as they stand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The columns that are constants, with their words, in the order of [`COLUMNS`]; `shown_at` last.
    pub fn constants(&self) -> impl Iterator<Item = (&'static str, String)> {
        let stated = self.constants.iter().filter_map(|(at, words)| Some((name(*at)?, words.join("|"))));
        stated.chain(self.shown_at_is_at.then(|| ("shown_at", "at".to_owned())))
    }

    /// All that the handler states and the table does not say: the constants, and what words of one column say of another.
    #[must_use]
    pub fn stated(&self) -> Vec<Stated<'_>> {
        let constants = self.constants().map(|(column, words)| Stated { column, words, of: None });
        let by_words = self.replacements.iter().flat_map(|(from, words)| {
            let of = name(*from).unwrap_or_default();
            let others = words.iter().flat_map(move |(word, with)| {
                with.iter().map(move |(at, text)| (name(*at).unwrap_or_default(), word, text))
            });
            let others = others.filter(move |(column, _, text)| {
                *column != of && !NAMED.contains(column) && !text.is_empty()
            });
            others.map(move |(column, word, text)| Stated {
                column,
                words: text.clone(),
                of: Some((of, word)),
            })
        });
        constants.chain(by_words).collect()
    }

    /// The words of the table's event column that the handler declares to give a consent, in their folded form.
    pub fn words_that_give(&self) -> impl Iterator<Item = &str> {
        let gives = |with: &&Vec<(usize, String)>| {
            with.iter().any(|(at, text)| name(*at) == Some("event") && Act::read(text) == Some(Act::Given))
        };
        let words = self.replacements.values().flatten();
        words.filter(move |(_, with)| gives(with)).map(|(word, _)| word.as_str())
    }

    /// Whether a column comes from a constant, or from a word of another column.
    #[must_use]
    pub fn supplies(&self, column: &str) -> bool {
        let Ok(at) = position(column) else { return false };
        let by_words = self
            .replacements
            .iter()
            .any(|(from, words)| *from != at && words.values().flatten().any(|(target, _)| *target == at));
        self.constants.contains_key(&at) || by_words
    }

    /// The id of the document that shows the constants to be true.
    #[must_use]
    pub fn evidence(&self) -> Option<&str> {
        self.evidence.as_deref()
    }

    /// Whether the notice of a consent is declared to be shown when the consent is given.
    #[must_use]
    pub fn shown_at_is_at(&self) -> bool {
        self.shown_at_is_at
    }

    /// Declares that `word` of the table's column stands for these words of columns of the consent table; an empty word stands
    /// for nothing, so that it drops out of lists.
    ///
    /// # Errors
    /// [`MappingError`] for an unknown column, a word that ends consents and is to give one, or a second mapping of the word.
    pub fn replace(
        &mut self,
        column: &str,
        word: &str,
        with: &[(String, String)],
    ) -> Result<(), MappingError> {
        let at = position(column)?;
        let mut replaced = Vec::new();
        for (target, to) in with {
            let target_at = position(target)?;
            if target == "event" {
                let act = Act::read(to);
                if act.is_none() && !to.is_empty() {
                    return Err(MappingError::Event { word: to.clone() });
                }
                let reversed = column == "event" && Act::read(word).is_some_and(Act::is_negative);
                if reversed && !act.is_some_and(Act::is_negative) {
                    return Err(MappingError::Reversed { word: word.to_owned(), to: to.clone() });
                }
            }
            replaced.push((target_at, to.clone()));
        }
        let words = self.replacements.entry(at).or_default();
        match words.insert(folded_word(word), replaced) {
            None => Ok(()),
            Some(_) => Err(MappingError::Twice { column: column.to_owned(), word: word.to_owned() }),
        }
    }

    /// Declares what every consent of the table states in a column that the table does not have. A list of triggers says that every
    /// row is a consent to each of them.
    ///
    /// # Errors
    /// [`MappingError`] for a column that says who or when, and for a list where one word is wanted.
    pub fn state(&mut self, column: &str, words: Vec<String>) -> Result<(), MappingError> {
        let no_constant = || MappingError::NoConstant { column: column.to_owned() };
        if column == "shown_at" && words == ["at"] {
            self.shown_at_is_at = true;
            return Ok(());
        }
        if ["event", "at", "shown_at", "valid_to", "person"].contains(&column) {
            return Err(no_constant());
        }
        let at = position(column)?;
        if words.is_empty()
            || words.len() > MOST_ROWS
            || words.iter().any(|word| folded_word(word).is_empty())
        {
            return Err(MappingError::EmptyConstant { column: column.to_owned() });
        }
        if words.len() > 1 && !["trigger", "categories", "methods"].contains(&column) {
            return Err(MappingError::OneWord { column: column.to_owned() });
        }
        self.constants.insert(at, words);
        Ok(())
    }

    /// Names the document that shows the constants to be true.
    ///
    /// # Errors
    /// [`MappingError::NoEvidence`] where something is [stated](StatementMapping::stated) without one.
    pub fn with_evidence(mut self, evidence: Option<String>) -> Result<Self, MappingError> {
        let evidence = evidence.filter(|evidence| !evidence.trim().is_empty());
        if evidence.is_none() && !self.stated().is_empty() {
            return Err(MappingError::NoEvidence);
        }
        self.evidence = evidence;
        Ok(self)
    }

    /// The rows of the consent table that a row of the handler's table stands for: one, or one for each trigger of a constant list.
    ///
    /// Constants are statements about consents: an event that gives none stays as it is, so that whatever it leaves out counts
    /// against everything it could mean.
    #[must_use]
    pub fn rows<'a>(&self, cells: Statements<'a>) -> Vec<Statements<'a>> {
        let mut cells = self.replaced(cells);
        let given = cells.first().and_then(Option::as_deref).and_then(Act::read) == Some(Act::Given);
        if !given {
            return vec![cells];
        }
        let trigger = position("trigger").unwrap_or(usize::MAX);
        let mut triggers: &[String] = &[];
        for (at, words) in &self.constants {
            if *at == trigger && words.len() > 1 {
                triggers = words;
            } else if let Some(cell) = cells.get_mut(*at) {
                // INVARIANT: a table that has the column is refused, so nothing is overwritten.
                *cell = Some(Cow::Owned(words.join("|")));
            }
        }
        if triggers.is_empty() {
            return vec![cells];
        }
        let each = triggers.iter().map(|word| {
            let mut row = cells.clone();
            if let Some(cell) = row.get_mut(trigger) {
                *cell = Some(Cow::Owned(word.clone()));
            }
            row
        });
        each.collect()
    }

    fn replaced<'a>(&self, mut cells: Statements<'a>) -> Statements<'a> {
        let mut moved: Vec<(usize, String)> = Vec::new();
        for (at, words) in &self.replacements {
            let Some(cell) = cells.get_mut(*at) else { continue };
            let Some(text) = cell.take() else { continue };
            if let Some(with) = words.get(&folded_word(&text)) {
                moved.extend(with.iter().cloned());
                continue;
            }
            // A list is mapped item by item; what is not mapped stays what it is.
            let is_mapped = |item: &str| words.contains_key(&folded_word(item));
            if items(&text).nth(1).is_none() || !items(&text).any(is_mapped) {
                *cell = Some(text);
                continue;
            }
            for item in items(&text) {
                match words.get(&folded_word(item)) {
                    Some(with) => moved.extend(with.iter().cloned()),
                    None => moved.push((*at, item.to_owned())),
                }
            }
        }
        for (at, word) in moved {
            let Some(cell) = cells.get_mut(at).filter(|_| !word.is_empty()) else { continue };
            // Two statements about one column are a list, which no column but those of lists reads as one word.
            *cell = Some(match cell.take() {
                None => Cow::Owned(word),
                Some(before) if folded_word(&before) == folded_word(&word) => before,
                Some(before) => Cow::Owned(format!("{before}|{word}")),
            });
        }
        cells
    }
}

/// Where a column stands among the statements.
fn position(column: &str) -> Result<usize, MappingError> {
    let statements = COLUMNS.iter().skip(COLUMNS.len() - STATEMENTS);
    let mut statements = statements.enumerate();
    let found = statements.find(|(_, known)| **known == column).map(|(at, _)| at);
    found.ok_or_else(|| MappingError::Column { column: column.to_owned() })
}

fn name(at: usize) -> Option<&'static str> {
    COLUMNS.get(COLUMNS.len() - STATEMENTS + at).copied()
}
