//! How the statements of a handler's own consent table become the words of the consent table.
//!
//! A study declares it under `[consents]`: replacements for the words of a column, and constants for what such a table never
//! records. A constant is a statement of the handler about every consent of its table, made with evidence and signed with the study.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::act::{Act, items};
use super::cell::{flag, giver, kind, number};
use super::event::COLUMNS;
use super::meaning::{is_nothing, is_wildcard};
use crate::types::folded_word;

/// How many columns of [`COLUMNS`] hold something other than who and when; they are the last ones.
pub const STATEMENT_COLUMNS: usize = COLUMNS.len() - 5;

/// The statements of one row as text, in the order of the last [`STATEMENT_COLUMNS`] columns of [`COLUMNS`].
pub type Statements<'a> = [Option<Cow<'a, str>>; STATEMENT_COLUMNS];

/// Rows that one row of a handler's table may become: the most words that a constant may list.
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
    /// A column that no consent table has, or one that holds who or when.
    #[error("`{column}` is no column whose words can be mapped; they are {}", COLUMNS.iter().skip(COLUMNS.len() - STATEMENT_COLUMNS).copied().collect::<Vec<_>>().join(", "))]
    Column {
        /// As it was written.
        column: String,
    },
    /// A word that ends a consent and is declared to give one.
    #[error("`{word}` always ends or refuses a consent, and cannot be mapped to `{to}`")]
    Reversed {
        /// The word of the table.
        word: String,
        /// What it was mapped to.
        to: String,
    },
    /// A word for everything or nothing, mapped to something.
    #[error(
        "`{word}` names nothing or everything, which counts against everything it could mean, and cannot be mapped under `{column}`"
    )]
    Everything {
        /// The column.
        column: String,
        /// The word of the table.
        word: String,
    },
    /// A column that a constant states, and a word of another column too.
    #[error(
        "`{column}` is a constant, and a word under `values` states it as well: take one of the two away"
    )]
    Overlap {
        /// The column.
        column: &'static str,
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
        "constants, and what words of one column state about another, are statements of the handler and need `evidence`: the id of the document that shows them, such as \"UI-REVIEW-2026-03\""
    )]
    NoEvidence,
    /// What varies from row to row.
    #[error("`{column}` differs from consent to consent and cannot be a constant{}", if column == "shown_at" { "; `shown_at = \"at\"` states that the notice is shown when the consent is given" } else { "" })]
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

/// What a declaration states about rows whose table does not hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated<'a> {
    /// The column of the consent table.
    pub column: &'static str,
    /// Its words, with `|` between several.
    pub words: String,
    /// The column and the word, in its folded form, of which rows it is stated; `None` for every consent.
    pub of: Option<(&'static str, &'a str)>,
}

/// Columns that a word of another column may name without evidence: they name what a row is about, and every table has such words.
const NAMED: [&str; 4] = ["event", "trigger", "purpose", "recipient"];

impl StatementMapping {
    /// Whether rows are read as they are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The columns that are constants, with their words, in the order of [`COLUMNS`]; `shown_at` last.
    pub fn constants(&self) -> impl Iterator<Item = (&'static str, String)> {
        let stated = self.constants.iter().filter_map(|(at, words)| Some((name(*at)?, words.join("|"))));
        stated.chain(self.shown_at_is_at.then(|| ("shown_at", "at".to_owned())))
    }

    /// All that the handler states and the table does not hold: the constants, and what words of one column state about another.
    #[must_use]
    pub fn stated(&self) -> Vec<Stated<'_>> {
        let constants = self.constants().map(|(column, words)| Stated { column, words, of: None });
        let by_words = self.replacements.iter().flat_map(|(from, words)| {
            let of = name(*from).unwrap_or_default();
            let others = words.iter().flat_map(move |(word, with)| {
                with.iter().map(move |(at, text)| (name(*at).unwrap_or_default(), word, text))
            });
            // A flag of the opposite meaning, or another number, is a statement of the handler about its own column.
            let others = others.filter(move |(column, word, text)| {
                let of_another = *column != of && !NAMED.contains(column) && !text.is_empty();
                of_another || *column == of && differ(of, word, text)
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

    /// Declares that `word` of the table's column means these words of columns of the consent table; an empty word
    /// means none, so that it drops out of lists.
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
        let is_scope = ["trigger", "purpose", "recipient", "categories"].contains(&column);
        if is_scope && (is_wildcard(word) || is_nothing(word)) {
            return Err(MappingError::Everything { column: column.to_owned(), word: word.to_owned() });
        }
        let mut replaced = Vec::new();
        for (target, to) in with {
            let target_at = position(target)?;
            if target == "event" {
                let act = Act::read(to);
                if act.is_none() && !to.is_empty() {
                    return Err(MappingError::Event { word: to.clone() });
                }
                let reversed = column == "event" && speaks_against(word);
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

    /// Declares what every consent of the table states in a column that the table does not have. A list of triggers states that every
    /// row is a consent to each of them.
    ///
    /// # Errors
    /// [`MappingError`] for a column that holds who or when, and for a list where one word is wanted.
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
        let targets = self.replacements.values().flat_map(BTreeMap::values).flatten();
        if let Some((at, _)) = targets.into_iter().find(|(at, _)| self.constants.contains_key(at)) {
            return Err(MappingError::Overlap { column: name(*at).unwrap_or_default() });
        }
        let evidence = evidence.filter(|evidence| !evidence.trim().is_empty());
        if evidence.is_none() && !self.stated().is_empty() {
            return Err(MappingError::NoEvidence);
        }
        self.evidence = evidence;
        Ok(self)
    }

    /// The rows of the consent table that a row of the handler's table means: one, or one for each trigger of a constant list.
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

/// Substrings of words that end or refuse a consent.
const AGAINST: [&str; 20] = [
    "withdr",
    "revo",
    "unsub",
    "optout",
    "optedout",
    "cancel",
    "disagree",
    "reject",
    "refus",
    "deni",
    "deny",
    "declin",
    "object",
    "block",
    "delet",
    "\u{53d6}\u{6d88}",
    "\u{64a4}",
    "\u{62d2}",
    "\u{672a}",
    "\u{4e0d}",
];

/// Whether a word of an event column is a negative one.
fn speaks_against(word: &str) -> bool {
    let folded = folded_word(word);
    let plain: String = folded.chars().filter(|letter| letter.is_alphanumeric()).collect();
    Act::read(word).is_some_and(Act::is_negative)
        || flag(Some(word)) == Some(Some(false))
        || folded.split(|letter: char| !letter.is_alphanumeric()).any(|part| part == "not" || part == "no")
        || AGAINST.iter().any(|part| plain.contains(part))
}

/// Whether both words can be read in a column of flags, numbers, kinds or givers, and differ in meaning.
fn differ(column: &str, word: &str, to: &str) -> bool {
    let (word, to) = (Some(word), Some(to));
    let unlike = |known: bool, same: bool| known && !same;
    match column {
        "own_step" | "pre_ticked" | "service_gate" | "service_necessary" => {
            unlike(flag(word).is_some(), flag(word) == flag(to))
        }
        "notice_version" | "bundle_size" => unlike(number(word).is_some(), number(word) == number(to)),
        "kind" => unlike(kind(word).is_some(), kind(word) == kind(to)),
        "giver" => unlike(giver(word).is_some(), giver(word) == giver(to)),
        _ => false,
    }
}

/// The position of a column among the statements.
fn position(column: &str) -> Result<usize, MappingError> {
    let statements = COLUMNS.iter().skip(COLUMNS.len() - STATEMENT_COLUMNS);
    let mut statements = statements.enumerate();
    let found = statements.find(|(_, known)| **known == column).map(|(at, _)| at);
    found.ok_or_else(|| MappingError::Column { column: column.to_owned() })
}

fn name(at: usize) -> Option<&'static str> {
    COLUMNS.get(COLUMNS.len() - STATEMENT_COLUMNS + at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(column: &str, word: &str, target: &str, to: &str) -> Result<StatementMapping, MappingError> {
        let mut mapping = StatementMapping::default();
        mapping.replace(column, word, &[(target.to_owned(), to.to_owned())])?;
        Ok(mapping)
    }

    /// Promise: a word that every table has in one meaning is read in another only with evidence, and nothing and everything stay what
    /// they are.
    #[test]
    fn a_word_with_a_meaning_of_its_own_is_given_another_with_evidence_alone() {
        for (column, word, to) in [
            ("pre_ticked", "true", "false"),
            ("own_step", "No", "true"),
            ("bundle_size", "5", "1"),
            ("notice_version", "1", "3"),
            ("kind", "ordinary", "separate"),
            ("giver", "guardian", "self"),
        ] {
            let mapping = replaced(column, word, column, to).unwrap();
            assert_eq!(mapping.clone().with_evidence(None), Err(MappingError::NoEvidence), "{column} {word}");
            let stated = mapping.stated();
            assert_eq!((stated[0].column, stated[0].words.as_str()), (column, to));
        }
        for (column, word, to) in
            [("pre_ticked", "ja", "true"), ("bundle_size", "1", "1"), ("own_step", "Y", "true")]
        {
            let mapping = replaced(column, word, column, to).unwrap();
            assert!(mapping.with_evidence(None).is_ok(), "{column} {word}");
        }
        for (column, word) in [
            ("purpose", "all"),
            ("purpose", "null"),
            ("recipient", "*"),
            ("trigger", "-"),
            ("categories", "\u{5168}\u{90e8}"),
        ] {
            let refused = matches!(replaced(column, word, column, "x"), Err(MappingError::Everything { .. }));
            assert!(refused, "{column} {word}");
        }
        assert!(replaced("purpose", "1", "purpose", "x").is_ok(), "a code of the handler's own");
        for word in [
            "unsubscribe",
            "opt\u{2011}out",
            "optedOut",
            "NOT_GRANTED",
            "disagree",
            "false",
            "0",
            "no",
            "\u{672a}\u{540c}\u{610f}",
        ] {
            for to in ["given", "lifted"] {
                let reversed =
                    matches!(replaced("event", word, "event", to), Err(MappingError::Reversed { .. }));
                assert!(reversed, "{word} {to}");
            }
            assert!(replaced("event", word, "event", "withdrawn").is_ok(), "{word}");
        }
        assert!(replaced("event", "noted", "event", "given").is_ok());
    }

    /// Promise: what a word states about a column is never overwritten by a constant.
    #[test]
    fn a_constant_and_a_word_cannot_state_one_column() {
        let mut mapping = replaced("purpose", "share", "pre_ticked", "true").unwrap();
        mapping.state("pre_ticked", vec!["false".to_owned()]).unwrap();
        let evidence = Some("UI-REVIEW".to_owned());
        assert_eq!(mapping.with_evidence(evidence), Err(MappingError::Overlap { column: "pre_ticked" }));
    }
}
