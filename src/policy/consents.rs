//! `[consents]`: how a handler's own consent table is read.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use super::compile::{Outcome, as_written, fault_at, unknown};
use super::file::Named;
use super::placed::Spanned;
use crate::consent::{COLUMNS, ConsentColumns, ConsentTable, MappingError, StatementMapping};
use crate::types::{CsvDialect, Separator, Term, TextEncoding, Zone, folded_word};

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsentsSection {
    /// The columns of the consent table, each with the column of the file that holds it, or the path of a JSON file; or with several
    /// paths, of which one has a value in each row.
    #[serde(default)]
    pub(super) columns: Named<OneOrMore>,
    /// For a column of the consent table the meaning of each word of the file.
    #[serde(default)]
    pub(super) values: Named<BTreeMap<String, Meaning>>,
    /// What every consent of the file states in a column that the file does not have.
    #[serde(default)]
    pub(super) constants: Named<Constant>,
    /// The id of the document that shows the constants to be true.
    pub(super) evidence: Option<String>,
    /// The namespace of the persons' ids, where the file has no column `ids`.
    pub(super) ids: Option<Spanned<String>>,
    /// The zone of times that are written without one.
    pub(super) timezone: Option<Zone>,
    /// Of CSV: how its text is encoded.
    pub(super) encoding: Option<TextEncoding>,
    /// Of CSV: the separator of cells.
    pub(super) separator: Option<Separator>,
    /// Of CSV: the number of lines above the header.
    #[serde(default)]
    pub(super) skip_lines: u32,
    /// Columns of the file that are not read; of a JSON file the paths, each with all that lies below it.
    #[serde(default)]
    pub(super) ignore: Vec<Spanned<String>>,
    /// How long the consent register keeps events that decide nothing any more, such as `3y` or `1096d`; without it for ever.
    pub(super) retention: Option<Term>,
    /// Within how many days the register's book wants a request of a person answered.
    pub(super) answer_within: Option<Term>,
    /// The path of the list of records in a JSON file whose top level is an object.
    pub(super) records: Option<Spanned<String>>,
}

/// One name, or several.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// The meaning of a word: another word of the same column, or words of several columns.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Meaning {
    Word(String),
    Columns(BTreeMap<String, String>),
}

/// A word, a flag, a number or a list of words.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Constant {
    Flag(bool),
    Number(u32),
    Word(String),
    Words(Vec<String>),
}

impl Constant {
    fn words(&self) -> Vec<String> {
        match self {
            Self::Flag(flag) => vec![flag.to_string()],
            Self::Number(number) => vec![number.to_string()],
            Self::Word(word) => vec![word.clone()],
            Self::Words(words) => words.clone(),
        }
    }
}

impl ConsentsSection {
    /// Every word that the section puts into a column of the consent table: its place, the column and the word.
    pub(super) fn words(&self) -> Vec<(Range<usize>, &str, String)> {
        let mut all = Vec::new();
        for (column, words) in &self.values {
            for meaning in words.values() {
                let place = column.span();
                match meaning {
                    Meaning::Word(word) => all.push((place, column.get_ref().as_str(), word.clone())),
                    Meaning::Columns(columns) => {
                        let columns = columns.iter();
                        all.extend(columns.map(|(to, word)| (place.clone(), to.as_str(), word.clone())));
                    }
                }
            }
        }
        for (column, constant) in &self.constants {
            let words = constant.words().into_iter();
            all.extend(words.map(|word| (column.span(), column.get_ref().as_str(), word)));
        }
        all
    }
}

/// The consent table of a study; `namespaces` are those of its ids.
pub(super) fn consent_table<'a>(
    section: &ConsentsSection,
    namespaces: impl IntoIterator<Item = &'a str>,
) -> Outcome<ConsentTable> {
    let columns = columns(section)?;
    let mut statements = StatementMapping::default();
    for (column, words) in as_written(&section.values) {
        for (word, meaning) in words {
            let with: Vec<(String, String)> = match meaning {
                Meaning::Word(to) => vec![(column.get_ref().clone(), to.clone())],
                Meaning::Columns(columns) => {
                    columns.iter().map(|(to, word)| (to.clone(), word.clone())).collect()
                }
            };
            statements.replace(column.get_ref(), word, &with).map_err(at(column))?;
        }
    }
    for (column, constant) in as_written(&section.constants) {
        if section.columns.contains_key(column) {
            let message =
                format!("`{}` is a column of the file and cannot be a constant too", column.get_ref());
            return fault_at(column.span(), message);
        }
        statements.state(column.get_ref(), constant.words()).map_err(at(column))?;
    }
    let place = section.constants.keys().next().map_or(0..0, Spanned::span);
    let statements = statements.with_evidence(section.evidence.clone());
    let statements = statements.or_else(|error| fault_at(place, error.to_string()))?;
    let columns = columns.with_constants(statements.constants().map(|(column, _)| column));
    let namespaces: Vec<&str> = namespaces.into_iter().collect();
    let namespace = section.ids.as_ref().map(|ids| match namespaces.contains(&ids.get_ref().as_str()) {
        true => Ok(ids.get_ref().clone()),
        false => Err(unknown("namespace", ids, namespaces.iter().copied())),
    });
    Ok(ConsentTable {
        columns,
        statements,
        namespace: namespace.transpose()?,
        timezone: section.timezone.clone(),
        csv: CsvDialect {
            encoding: section.encoding,
            separator: section.separator,
            skip_lines: section.skip_lines,
        },
        retention: section.retention.map(Term::days),
        answer_within: section.answer_within.map(Term::days),
    })
}

/// The columns of the file under their names.
fn columns(section: &ConsentsSection) -> Outcome<ConsentColumns> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut sources: BTreeMap<String, &str> = BTreeMap::new();
    for (name, written) in as_written(&section.columns) {
        let column = known(name)?;
        let from: &[String] = match written {
            OneOrMore::One(source) => std::slice::from_ref(source),
            OneOrMore::More(more) if more.is_empty() => {
                return fault_at(name.span(), "a mapped column needs at least one column of the file");
            }
            OneOrMore::More(more) => more,
        };
        for source in from {
            if let Some(other) = sources.insert(folded_word(source), column) {
                return fault_at(name.span(), format!("`{source}` is mapped to `{other}` already"));
            }
            pairs.push((column, source));
        }
    }
    for column in &section.ignore {
        if let Some(other) = sources.get(&folded_word(column.get_ref())) {
            let message = format!("`{}` is mapped to `{other}` and cannot be ignored", column.get_ref());
            return fault_at(column.span(), message);
        }
    }
    let ignored = section.ignore.iter().map(|column| column.get_ref().as_str());
    let place = section.columns.keys().next().map_or(0..0, Spanned::span);
    let mapped: Vec<&str> = pairs.iter().map(|(_, source)| *source).collect();
    let columns = match ConsentColumns::new(pairs, ignored) {
        Ok(columns) => columns,
        Err(error) => return fault_at(place, error.to_string()),
    };
    if let Some(source) = mapped.into_iter().find(|source| columns.ignores_path(source)) {
        return fault_at(place, format!("`{source}` is mapped, and an object that it lies in is ignored"));
    }
    let Some(records) = &section.records else { return Ok(columns) };
    if records.get_ref().split('.').any(str::is_empty) {
        return fault_at(records.span(), "`records` is the path of a list in a JSON file, such as \"items\"");
    }
    if columns.ignores_path(records.get_ref()) {
        return fault_at(records.span(), "the records lie in what is ignored");
    }
    Ok(columns.with_records(Some(records.get_ref().clone())))
}

fn known(name: &Spanned<String>) -> Outcome<&'static str> {
    let found = COLUMNS.into_iter().find(|known| *known == name.get_ref());
    found.ok_or_else(|| unknown("column of the consent table", name, COLUMNS))
}

fn at(column: &Spanned<String>) -> impl FnOnce(MappingError) -> super::compile::Misplaced {
    let span = column.span();
    move |error| (span, super::StudyFault::Contradiction(error.to_string()))
}
