//! What the cells of an age field say: years and dates of birth, ages, bands.

use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;

use crate::consent::AgeFact;
use crate::engine::read::{Cell, Column, ReadError};
use crate::policy::{Field, FieldKind};
use crate::types::{Timestamp, Zone};

/// What a cell says of an age.
pub(in crate::engine) enum Aged {
    /// A year of birth.
    Year(i64),
    /// An age in whole years, and the first instant of the day of which it is.
    Age(i64, Timestamp),
    /// A band.
    Band(AgeFact),
}

impl Aged {
    /// What rules may know of it.
    pub(in crate::engine) fn fact(&self) -> AgeFact {
        match self {
            Self::Year(year) => AgeFact::from_birth_year(*year),
            Self::Age(age, on) => AgeFact::from_age(*age, *on),
            Self::Band(band) => *band,
        }
    }

    /// The number that bands of a tag cut.
    pub(in crate::engine) const fn number(&self) -> Option<i64> {
        match self {
            Self::Year(number) | Self::Age(number, _) => Some(*number),
            Self::Band(_) => None,
        }
    }
}

const FLOATS: &str =
    "years of birth and ages are whole numbers, dates or text: 1990.0 is no year, so export integers";
const FRACTION: &str = "a year or an age with a fraction, such as 1990.0";
const NO_YEAR: &str = "not a year or a date of birth";
const NO_AGE: &str = "not an age in whole years below 130";
const NO_BAND: &str = "not a band of ages; declare `bands`";
const EMPTY: &str = "no age";

/// Reads a field that says how old people are, row by row; a cell that cannot be read says why.
///
/// # Errors
/// [`ReadError::WrongType`], also for floating-point numbers.
pub(in crate::engine) fn ages(
    file: &str,
    field: &Field,
    array: &ArrayRef,
    as_of: Timestamp,
    tokenised: bool,
) -> Result<Vec<Result<Aged, &'static str>>, ReadError> {
    let name = &field.column;
    if array.data_type().is_floating() {
        let (file, column, found) = (file.to_owned(), name.clone(), array.data_type().to_string());
        return Err(ReadError::WrongType { file, column, found, wanted: FLOATS });
    }
    let all = 0..array.len();
    let possible = |aged: Aged, otherwise| match aged.fact().is_possible(as_of) {
        true => Ok(aged),
        false => Err(otherwise),
    };
    // A tokenised file holds a band in place of the age.
    let kind = if tokenised { FieldKind::AgeBand } else { field.kind };
    Ok(match kind {
        FieldKind::Age { on } => {
            let day = on.map_or(as_of, |on| on.max(as_of));
            let numbers = Column::numbers(file, name, array)?;
            let read = |row| match numbers.number(row) {
                Cell::Value(age) => possible(Aged::Age(age, day), NO_AGE),
                Cell::Null => Err(EMPTY),
                Cell::Unreadable => Err(why(numbers.text(row), NO_AGE)),
            };
            all.map(read).collect()
        }
        FieldKind::BirthYear if is_time(array.data_type()) => {
            let has_zone =
                matches!(array.data_type(), DataType::Timestamp(_, Some(zone)) if !zone.is_empty());
            let times = Column::times(file, name, array, Some(&Zone::utc()))?;
            let read = |row| match times.number(row) {
                Cell::Value(at) => {
                    let at = Timestamp::from_seconds(at);
                    possible(Aged::Year(if has_zone { at.latest_year() } else { at.year() }), NO_YEAR)
                }
                Cell::Null => Err(EMPTY),
                Cell::Unreadable => Err(NO_YEAR),
            };
            all.map(read).collect()
        }
        FieldKind::BirthYear => {
            let years = Column::numbers(file, name, array)?;
            let read = |row| match years.number(row) {
                Cell::Value(year) => possible(Aged::Year(year), NO_YEAR),
                Cell::Null => Err(EMPTY),
                Cell::Unreadable => match years.text(row).and_then(Timestamp::year_written) {
                    Some(year) => possible(Aged::Year(year), NO_YEAR),
                    None => Err(why(years.text(row), NO_YEAR)),
                },
            };
            all.map(read).collect()
        }
        _ => {
            let words = Column::texts(file, name, array)?;
            let band = |word: &str| {
                let band = field.bands.get(word).map_or(word, String::as_str);
                Some(AgeFact::from_band(band)).filter(|band| *band != AgeFact::UNKNOWN).ok_or(NO_BAND)
            };
            all.map(|row| words.text(row).map_or(Err(EMPTY), band).map(Aged::Band)).collect()
        }
    })
}

/// Why a text is no year and no age.
fn why(text: Option<&str>, otherwise: &'static str) -> &'static str {
    let text = text.unwrap_or_default().trim();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        _ if text.is_empty() => EMPTY,
        Some((whole, part)) if number(whole) && number(part) => FRACTION,
        _ => otherwise,
    }
}

fn is_time(kind: &DataType) -> bool {
    matches!(kind, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}
