//! Conditions as written -> tests of the catalogue.

use super::StudyFault;
use super::compile::{Outcome, fault_at, unknown};
use super::file::{MeasureSection, Named};
use super::placed::Spanned;
use super::study::{Dataset, FieldKind};
use super::test_section::{RangeSection, TestSection, WordSection};
use crate::deidentify::Treatment;
use crate::tags::{Condition, Test, Word, nearest};

/// The most words of one list.
const MAX_WORDS: usize = 1_000;

/// Conditions on the fields of a dataset.
pub(super) fn conditions(records: &Dataset, written: &Named<TestSection>) -> Outcome<Vec<Condition>> {
    written.iter().map(|(field, test)| condition(records, field, test)).collect()
}

fn condition(records: &Dataset, field: &Spanned<String>, written: &TestSection) -> Outcome<Condition> {
    let known = || records.fields.iter().map(|field| field.column.as_str());
    let declared = records.field(field.get_ref()).ok_or_else(|| unknown("field", field, known()))?;
    let numbers = match declared.kind {
        FieldKind::Amount { .. } | FieldKind::Integer => true,
        FieldKind::Flag | FieldKind::Text => false,
        FieldKind::Person { .. }
        | FieldKind::Time
        | FieldKind::Age { .. }
        | FieldKind::AgeBand
        | FieldKind::BirthYear => {
            let TestSection::Range(RangeSection { from: None, below: None, present: Some(_) }) = written
            else {
                return fault_at(
                    field.span(),
                    "of a person or a time only `{ present = true }` can be asked: which person it is cannot be a condition, and times are for `window`",
                );
            };
            false
        }
    };
    let test = one_test(field, written, numbers)?;
    let fits = match &test {
        Test::OneOf(words) => words.iter().all(|word| match (declared.kind, word) {
            (FieldKind::Flag, Word::Number(number)) => matches!(number, 0 | 1) && written.is_flags(),
            (FieldKind::Amount { .. } | FieldKind::Integer, Word::Number(_)) => !written.is_flags(),
            (FieldKind::Text, Word::Text(_)) => true,
            _ => false,
        }),
        Test::Range { .. } | Test::Present(_) => true,
    };
    if let Some(word) = unreachable(&test, &declared.treatment) {
        let known = match &declared.treatment {
            Treatment::Listed(words) => words.as_slice(),
            _ => &[],
        };
        let nearest = nearest(&word, known.iter().map(String::as_str));
        return Err((field.span(), StudyFault::Unknown { kind: "word of the field", name: word, nearest }));
    }
    if fits {
        Ok(Condition { field: declared.column.clone(), test })
    } else {
        fault_at(
            field.span(),
            format!("`{}` is compared with words of another type than its own", declared.column),
        )
    }
}

/// A word that no cell is once its field is treated: the condition would never hold, without any error.
fn unreachable(test: &Test, treatment: &Treatment) -> Option<String> {
    let Test::OneOf(words) = test else { return None };
    words.iter().find_map(|word| match word {
        Word::Text(text) if treatment.word(text) != text.as_str() => Some(text.chars().take(80).collect()),
        Word::Number(number) if treatment.number(*number) != *number => Some(number.to_string()),
        Word::Text(_) | Word::Number(_) => None,
    })
}

impl TestSection {
    fn is_flags(&self) -> bool {
        matches!(self, Self::OneOf(words) if words.iter().all(|word| matches!(word, WordSection::Flag(_))))
    }
}

/// One test; ranges are for what is `ordered`.
pub(super) fn one_test(place: &Spanned<String>, written: &TestSection, ordered: bool) -> Outcome<Test> {
    match written {
        TestSection::OneOf(words) if (1..=MAX_WORDS).contains(&words.len()) => {
            let word = |word: &WordSection| match word {
                WordSection::Flag(flag) => Word::Number(i64::from(*flag)),
                WordSection::Number(number) => Word::Number(*number),
                WordSection::Text(text) => Word::Text(text.clone()),
            };
            Ok(Test::OneOf(words.iter().map(word).collect()))
        }
        TestSection::OneOf(_) => fault_at(place.span(), format!("a list has 1 to {MAX_WORDS} words")),
        TestSection::Range(RangeSection { from: None, below: None, present: Some(present) }) => {
            Ok(Test::Present(*present))
        }
        TestSection::Range(RangeSection { from, below, present: None })
            if from.is_some() || below.is_some() =>
        {
            if !ordered {
                return fault_at(place.span(), "`from` and `below` are for amounts and integers");
            }
            if from.zip(*below).is_some_and(|(from, below)| from >= below) {
                return fault_at(place.span(), "nothing is in this range: `from` is not below `below`");
            }
            Ok(Test::Range { from: *from, below: *below })
        }
        TestSection::Range(_) => fault_at(
            place.span(),
            "a test has either `from` and `below`, one or both, or `present`, or the words that count",
        ),
    }
}

/// What the whole of a share counts as; 100 unless it is declared.
pub(super) fn unit(section: &MeasureSection) -> Outcome<u32> {
    match &section.unit {
        None => Ok(100),
        Some(unit) if (1..=1_000_000).contains(unit.get_ref()) => Ok(*unit.get_ref()),
        Some(unit) => fault_at(unit.span(), "`unit` is between 1 and 1000000: 100 for percent"),
    }
}
