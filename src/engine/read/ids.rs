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

    /// The rows of a batch without an id.
    pub fn missing(&self, rows: usize) -> impl Iterator<Item = usize> {
        let is_missing = |row: &usize| match &self.column {
            Column::Numbers(numbers) => numbers.is_null(*row),
            Column::Words(words) => words.is_null(*row) || words.value(*row).is_empty(),
            Column::Tokens(tokens) => tokens.is_null(*row),
        };
        let nulls = match &self.column {
            Column::Numbers(numbers) => numbers.null_count(),
            Column::Words(_) | Column::Tokens(_) => rows,
        };
        (0..if nulls == 0 { 0 } else { rows }).filter(is_missing)
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

    /// The same ids as numbers, if there is one in every row and each of them a text that spells a number canonically, so that
    /// texts are read once and not each time that one is looked for.
    #[must_use]
    pub fn as_numbers(&self) -> Option<Self> {
        let Self::Words(words) = self else { return None };
        let mut numbers = Vec::with_capacity(words.len());
        for row in 0..words.len() {
            match self.id(row) {
                Some(Id::Number(number)) => numbers.push(number),
                Some(Id::Text(_) | Id::Token(_)) | None => return None,
            }
        }
        Some(Self::Numbers(numbers.into()))
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
    let mut lengths = Lengths::default();
    if numbers.null_count() == 0 && lengths.add_all(numbers.values()) {
        return lengths.add_to(shapes);
    }
    let mut add = |row: u64, number: i64| {
        let is_plain = (0..SHORTEST_ROUNDED).contains(&number) && !PREFIXED.contains(&number);
        if is_plain {
            lengths.add(digits(number), row);
        } else {
            shapes.add(IdShape::of_number(number), row, 1);
        }
    };
    if numbers.null_count() == 0 {
        (0..).zip(numbers.values()).for_each(|(row, number)| add(row, *number));
    } else {
        (0..).zip(numbers).for_each(|(row, number)| number.into_iter().for_each(|number| add(row, number)));
    }
    lengths.add_to(shapes);
}

/// How many digits a number has that is not below 0.
fn digits(number: i64) -> usize {
    number.checked_ilog10().map_or(1, |power| power as usize + 1)
}

/// Numbers below have as many digits as they have, and no other shape but for those of [`PREFIXED`].
const SHORTEST_ROUNDED: i64 = 1_000_000_000_000_000;

/// Numbers of 13 digits that may have a prefix of their own.
const PREFIXED: std::ops::Range<i64> = 8_600_000_000_000..8_700_000_000_000;

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
    let mut lengths = Lengths::default();
    for (row, word) in (0..).zip(words).filter_map(|(row, word)| Some((row, word?))) {
        match word.as_bytes() {
            [] => {}
            digits @ [b'1'..=b'9', ..]
                if digits.len() <= MOST_PLAIN && digits.iter().all(u8::is_ascii_digit) =>
            {
                lengths.add(digits.len(), row);
            }
            _ => shapes.add(IdShape::of(word), row, 1),
        }
    }
    lengths.add_to(shapes);
}

/// Texts of so many digits or fewer, of which the first is no zero, have no other shape than that of their length.
const MOST_PLAIN: usize = 12;

/// Ids of nothing but digits by their number: how many, and the first row.
#[derive(Default)]
struct Lengths([(u64, u64); 16]);

impl Lengths {
    fn add(&mut self, digits: usize, row: u64) {
        if let Some((count, first)) = self.0.get_mut(digits) {
            *first = if *count == 0 { row } else { *first };
            *count += 1;
        }
    }

    /// Adds the first column, if all its numbers have 31 bits. How many have which length follows from how many reach each power of
    /// ten.
    #[must_use]
    fn add_all(&mut self, numbers: &[i64]) -> bool {
        let bits = numbers.iter().fold(0, |all, number| all | number);
        if !(0..=i64::from(i32::MAX)).contains(&bits) {
            return false;
        }
        let mut longer = reaching(numbers).into_iter();
        let (mut as_long, mut least) = (numbers.len(), 0);
        for (length, slot) in self.0.iter_mut().enumerate().skip(1).take(POWERS.len() + 1) {
            let (power, longer) = (POWERS.get(length - 1), longer.next().unwrap_or(0));
            let count = std::mem::replace(&mut as_long, longer) - longer;
            let end = power.map_or(i64::MAX, |power| i64::from(*power));
            if count > 0 {
                let first = numbers.iter().position(|number| (least..end).contains(number));
                *slot = (count as u64, first.unwrap_or(0) as u64);
            }
            least = end;
        }
        true
    }

    fn add_to(&self, shapes: &mut IdShapes) {
        for (digits, (count, first)) in self.0.iter().enumerate() {
            shapes.add(IdShape::Digits(digits), *first, *count);
        }
    }
}

/// The powers of ten of 31 bits.
const POWERS: [i32; 9] = [10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// How many numbers of 31 bits reach each power. Counts are far from overflow, and a check of it would keep the processor from
/// comparing several rows at once.
fn reaching(numbers: &[i64]) -> [usize; POWERS.len()] {
    let mut counts = [0; POWERS.len()];
    let mut narrow = [0; 1 << 10];
    for chunk in numbers.chunks(narrow.len()) {
        // Behind the end of the last chunk nothing reaches any power.
        narrow.fill(0);
        for (narrow, number) in narrow.iter_mut().zip(chunk) {
            *narrow = i32::try_from(*number & i64::from(i32::MAX)).unwrap_or(0);
        }
        for (count, power) in counts.iter_mut().zip(POWERS) {
            let of_chunk =
                narrow.iter().fold(0_u32, |all, number| all.wrapping_add(u32::from(*number >= power)));
            *count += of_chunk as usize;
            if of_chunk == 0 {
                break;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn numbers_of_31_bits() -> impl Strategy<Value = i64> {
        let near = |power: u32| (10_i64.pow(power) - 2)..(10_i64.pow(power) + 2);
        prop_oneof![0..12i64, 95..105i64, near(6), near(9), 0..=i64::from(i32::MAX)]
    }

    /// Guards the counts of several rows at once, at the ends of their chunks too.
    #[test]
    fn lengths_of_many_numbers_are_those_of_one_after_another() {
        let numbers =
            |rows: i64| (0..rows).map(|row| row * row * 7 % 2_000_003 * (row % 2 + row % 97 / 96 * 900));
        for rows in [0, 1, 1_023, 1_024, 1_025, 5_000] {
            let all: Vec<i64> = numbers(rows).map(|number| number.min(i32::MAX.into())).collect();
            let (mut one, mut other) = (Lengths::default(), Lengths::default());
            assert!(one.add_all(&all));
            (0..).zip(&all).for_each(|(row, number)| other.add(digits(*number), row));
            assert_eq!(one.0, other.0);
        }
        for other in [-1, i64::from(i32::MAX) + 1, i64::MIN] {
            assert!(!Lengths::default().add_all(&[3, other, 5]));
        }
    }

    proptest! {
        /// What is seen of a batch at once is what is seen of its ids one by one.
        #[test]
        fn batches_are_seen_as_their_rows_are(
            ids in prop_oneof![
                proptest::collection::vec(
                    proptest::option::of(prop_oneof![
                        4 => 13_800_000_000..13_800_000_009i64,
                        1 => 8_613_800_000_000..8_613_800_000_009i64,
                        1 => 8_700_000_000_000..8_700_000_000_009i64,
                        1 => 9_999_999_999_999_990..10_000_000_000_000_009i64,
                        1 => any::<i64>(),
                    ]),
                    0..6,
                ),
                proptest::collection::vec(numbers_of_31_bits().prop_map(Some), 0..20),
            ],
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
