//! Ids of a column in the one spelling that the study declares for their namespace.

use std::borrow::Cow;

use arrow_array::{Array, ArrayRef, Int64Array, StringArray};

use super::{Column, Id, ReadError};
use crate::deidentify::{Form, IdShape, IdShapes, is_missing_word};

/// Ids of one batch.
pub struct Ids {
    /// The ids, spelled as declared; null where there is none, or one that can meet no other.
    pub column: Column,
    /// Rows whose id can meet no other, in order, and why.
    bad: Vec<(usize, &'static str)>,
    /// The shapes of the ids, where their form is not declared.
    shapes: IdShapes,
}

impl Ids {
    /// Reads a column of ids. Tokens were spelled before they were made.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub fn read(
        file: &str,
        column: &str,
        array: &ArrayRef,
        tokenised: bool,
        form: Form,
    ) -> Result<Self, ReadError> {
        let column = Column::ids(file, column, array, tokenised)?;
        let none = |column, shapes| Self { column, bad: Vec::new(), shapes };
        if tokenised {
            return Ok(none(column, IdShapes::default()));
        }
        if form.is_bytewise() && column.is_free_of_suspicious_ids() {
            let shapes = column.shapes(form);
            return Ok(none(column, shapes));
        }
        let (mut bad, mut changed) = (Vec::new(), false);
        for row in 0..array.len() {
            let Some(text) = column.spelled(row) else { continue };
            match form.read(&text) {
                Err(reason) => bad.push((row, reason)),
                Ok(fitted) => changed |= fitted != text,
            }
        }
        let column = if bad.is_empty() && !changed {
            column
        } else {
            let fitted = |row| form.read(&column.spelled(row)?).ok().map(Cow::into_owned);
            Column::Words((0..array.len()).map(fitted).collect())
        };
        let shapes = column.shapes(form);
        Ok(Self { column, bad, shapes })
    }

    /// The id in a row.
    #[must_use]
    pub fn id(&self, row: usize) -> Option<Id<'_>> {
        self.column.id(row)
    }

    /// Rows whose id can meet no other, in order, and why.
    #[must_use]
    pub fn bad(&self) -> &[(usize, &'static str)] {
        &self.bad
    }

    /// The shapes of the ids by row of the batch, where their form is not declared.
    #[must_use]
    pub const fn shapes(&self) -> &IdShapes {
        &self.shapes
    }

    /// Why a row has no id: that what it has can meet no other, or another reason.
    #[must_use]
    pub fn why_none(&self, row: usize, otherwise: &'static str) -> &'static str {
        let found = self.bad.binary_search_by_key(&row, |(row, _)| *row).ok();
        found.and_then(|place| self.bad.get(place)).map_or(otherwise, |(_, reason)| reason)
    }
}

impl Column {
    /// Whether no text can be a suspicious id, seen from its bytes alone.
    #[must_use]
    pub fn is_free_of_suspicious_ids(&self) -> bool {
        match self {
            Self::Numbers(_) | Self::Tokens(_) => true,
            Self::Words(words) => {
                let bytes = bytes(words);
                bytes.iter().all(u8::is_ascii_digit)
                    || bytes.iter().all(u8::is_ascii_alphanumeric)
                        && !words.iter().flatten().any(is_missing_word)
            }
        }
    }

    /// The shapes of ids by row, where `form` leaves them to be seen.
    #[must_use]
    pub fn shapes(&self, form: Form) -> IdShapes {
        let mut shapes = IdShapes::default();
        if form != Form::Undeclared {
            return shapes;
        }
        match self {
            Self::Numbers(numbers) => of_numbers(numbers, &mut shapes),
            Self::Words(words) => of_words(words, &mut shapes),
            Self::Tokens(_) => {}
        }
        shapes
    }
}

/// All texts of a column, one after another, with whatever lies under its nulls.
fn bytes(words: &StringArray) -> &[u8] {
    let offsets = words.value_offsets();
    let ends = [offsets.first(), offsets.last()].map(|end| end.and_then(|end| usize::try_from(*end).ok()));
    let [Some(from), Some(to)] = ends else { return &[] };
    words.value_data().get(from..to).unwrap_or_default()
}

fn of_numbers(numbers: &Int64Array, shapes: &mut IdShapes) {
    if numbers.null_count() == 0 {
        let ends = |(least, most): (i64, i64), number: &i64| (least.min(*number), most.max(*number));
        let (least, most) = numbers.values().iter().fold((i64::MAX, i64::MIN), ends);
        // Up to 15 digits a shape is an interval of numbers, but for 13 digits, which have one inside.
        let shape = IdShape::of_number(least);
        let is_interval = matches!(shape, IdShape::Digits(1..=12 | 14 | 15));
        if is_interval && shape == IdShape::of_number(most) {
            return shapes.add(shape, 0, numbers.len() as u64);
        }
    }
    for (row, number) in (0..).zip(numbers).filter_map(|(row, number)| Some((row, number?))) {
        shapes.add(IdShape::of_number(number), row, 1);
    }
}

fn of_words(words: &StringArray, shapes: &mut IdShapes) {
    if words.null_count() == 0 && bytes(words).iter().all(u8::is_ascii_digit) {
        let mut lengths = words.value_offsets().windows(2).map(|pair| match pair {
            [from, to] => usize::try_from(to - from).unwrap_or(0),
            _ => 0,
        });
        let length = lengths.next().unwrap_or(0);
        let begins_with_zero = words.iter().flatten().any(|word| word.starts_with('0'));
        if matches!(length, 1..=12 | 14 | 15) && lengths.all(|other| other == length) && !begins_with_zero {
            return shapes.add(IdShape::Digits(length), 0, words.len() as u64);
        }
    }
    for (row, word) in (0..).zip(words).filter_map(|(row, word)| Some((row, word?))) {
        if word.is_empty() {
            continue;
        }
        shapes.add(IdShape::of(word), row, 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is seen of a batch at once is what is seen of its ids one by one.
        #[test]
        fn batches_are_seen_as_their_rows_are(
            ids in proptest::collection::vec(
                proptest::option::of(prop_oneof![
                    4 => 13_800_000_000..13_800_000_009i64,
                    1 => 8_613_800_000_000..8_613_800_000_009i64,
                    1 => 8_700_000_000_000..8_700_000_000_009i64,
                    1 => 9_999_999_999_999_990..10_000_000_000_000_009i64,
                    1 => any::<i64>(),
                ]),
                0..6,
            ),
            texts in any::<bool>(),
            spoilt in proptest::option::of(("[0-9a-z	. ]{0,3}", 0usize..6)),
        ) {
            let spell = |(row, id): (usize, &Option<i64>)| {
                let more = spoilt.as_ref().filter(|(_, at)| *at == row).map_or("", |(more, _)| more.as_str());
                id.map(|id| id.to_string() + more)
            };
            let words: Vec<Option<String>> = ids.iter().enumerate().map(spell).collect();
            let texts = texts || spoilt.is_some();
            let array: ArrayRef =
                if texts { Arc::new(StringArray::from(words.clone())) } else { Arc::new(Int64Array::from(ids)) };
            let read = Ids::read("f", "c", &array, false, Form::Undeclared).unwrap();
            let (mut shapes, mut bad) = (IdShapes::default(), Vec::new());
            for (row, word) in words.iter().enumerate().filter_map(|(row, word)| Some((row, word.as_ref()?))) {
                match crate::deidentify::suspicious_id(word) {
                    Some(reason) => bad.push((row, reason)),
                    None => {
                        shapes.add(IdShape::of(word), row as u64, 1);
                        prop_assert!(read.id(row).is_some());
                    }
                }
            }
            for (row, reason) in &bad {
                prop_assert!(read.id(*row).is_none());
                prop_assert_eq!(read.why_none(*row, "no id"), *reason);
            }
            prop_assert_eq!(read.bad(), bad);
            prop_assert_eq!(read.shapes(), &shapes);
        }
    }
}
