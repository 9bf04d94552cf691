//! One column of a batch as its declaration reads it: ids, whole numbers, instants, words.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, FixedSizeBinaryArray, Int64Array, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};

use super::ReadError;
use crate::consent::flag;
use crate::deidentify::{TOKEN_BYTES, Token};
use crate::types::{TimeFault, Timestamp, Zone};

/// A cell of an id column.
pub enum Id<'a> {
    /// A whole number, or a text that spells one canonically.
    Number(i64),
    /// Any other text.
    Text(&'a str),
    /// A token that a platform made of an id.
    Token(Token),
}

impl<'a> Id<'a> {
    /// The id of this text.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        canonical_number(text).map_or(Self::Text(text), Self::Number)
    }

    /// Its canonical text form; a token has none.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Number(number) => Some(number.to_string().into()),
            Self::Text(text) => Some((*text).into()),
            Self::Token(_) => None,
        }
    }
}

/// What a cell holds.
pub enum Cell<T> {
    /// Nothing: a null or an empty CSV cell.
    Null,
    /// Something that does not read as declared.
    Unreadable,
    /// A value.
    Value(T),
}

/// A column as text or whole numbers; nulls are kept.
pub enum Column {
    /// Whole numbers: integers, or seconds since 1970 for instants.
    Numbers(Int64Array),
    /// Text.
    Words(StringArray),
    /// Tokens of ids.
    Tokens(FixedSizeBinaryArray),
}

pub(super) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

fn is_whole(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, value) => is_whole(value),
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale == 0,
        kind => kind.is_integer(),
    }
}

fn is_floating(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, value) => is_floating(value),
        kind => kind.is_floating(),
    }
}

/// Casts to a plain type; what does not fit becomes null when `safe`.
fn plain(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() }).ok()
}

/// Casts that must not lose a cell: a number outside i64 would silently become a null.
pub(super) fn lossless(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    if let (DataType::Int64, Some(wide)) = (to, widened(array)) {
        return Some(Arc::new(wide));
    }
    plain(array, to).filter(|cast| cast.null_count() == array.logical_null_count())
}

/// Integers that fit 64 bits whatever they are: no row has to be looked at.
fn widened(array: &ArrayRef) -> Option<Int64Array> {
    fn of<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &ArrayRef) -> Int64Array {
        array.as_primitive::<T>().unary(Into::into)
    }
    Some(match array.data_type() {
        DataType::Int8 => of::<Int8Type>(array),
        DataType::Int16 => of::<Int16Type>(array),
        DataType::Int32 => of::<Int32Type>(array),
        DataType::UInt8 => of::<UInt8Type>(array),
        DataType::UInt16 => of::<UInt16Type>(array),
        DataType::UInt32 => of::<UInt32Type>(array),
        DataType::Int64 => array.as_primitive::<Int64Type>().clone(),
        DataType::Timestamp(TimeUnit::Second, _) => of_instants::<TimestampSecondType>(array),
        DataType::Timestamp(TimeUnit::Millisecond, _) => of_instants::<TimestampMillisecondType>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => of_instants::<TimestampMicrosecondType>(array),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => of_instants::<TimestampNanosecondType>(array),
        _ => return None,
    })
}

/// Instants as the numbers that they are.
fn of_instants<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef) -> Int64Array {
    array.as_primitive::<T>().reinterpret_cast()
}

impl Column {
    /// Ids: tokens in a tokenised file, text or whole numbers in any other.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub fn ids(file: &str, column: &str, array: &ArrayRef, tokenised: bool) -> Result<Self, ReadError> {
        let (found, wanted) = if tokenised {
            let tokens = array.as_fixed_size_binary_opt();
            let tokens = tokens.filter(|tokens| usize::try_from(tokens.value_length()) == Ok(TOKEN_BYTES));
            (tokens.cloned().map(Self::Tokens), "ids of a tokenised file are tokens of 16 bytes")
        } else {
            let wanted = if is_floating(array.data_type()) {
                "ids are text or whole numbers: floating-point numbers lose digits, so export it as text or integers"
            } else {
                "ids are text or whole numbers"
            };
            (Self::numbers_or_words(array), wanted)
        };
        found.ok_or_else(|| wrong(file, column, array.data_type(), wanted))
    }

    /// Whole numbers; text is read digit by digit.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub fn numbers(file: &str, column: &str, array: &ArrayRef) -> Result<Self, ReadError> {
        let wanted = "integers are whole numbers";
        Self::numbers_or_words(array).ok_or_else(|| wrong(file, column, array.data_type(), wanted))
    }

    /// Instants: Arrow timestamps, or text that [`Column::time`] reads. Timestamps without a time zone, and dates, are times on the
    /// clocks of `zone`; a date is the start of that day.
    ///
    /// # Errors
    /// [`ReadError::WrongType`], also for timestamps without a time zone where `zone` is not given either.
    pub fn times(file: &str, column: &str, array: &ArrayRef, zone: Option<&Zone>) -> Result<Self, ReadError> {
        let kind = array.data_type();
        let found = match (kind, zone) {
            (kind, None) if is_local(kind) => return Err(wrong(file, column, kind, NO_ZONE)),
            (kind, Some(zone)) if is_local(kind) => local_seconds(array, zone),
            (DataType::Timestamp(..), _) => seconds(array),
            (kind, _) if is_text(kind) => Self::words(array),
            _ => None,
        };
        found.ok_or_else(|| {
            wrong(
                file,
                column,
                kind,
                "times are timestamps, dates, or text such as 2015-11-19T18:40:39+08:00",
            )
        })
    }

    /// Instants of consent events: as [`Column::times`], but dates are kept as text, because an event counts from the start or the end
    /// of its day, and so is text that is no instant, which makes the event unreadable.
    ///
    /// # Errors
    /// [`ReadError::WrongType`], also for whole numbers: they may be seconds or milliseconds.
    pub fn instants(
        file: &str,
        column: &str,
        array: &ArrayRef,
        zone: Option<&Zone>,
    ) -> Result<Self, ReadError> {
        match (array.data_type(), zone) {
            (DataType::Null, _) => Self::texts(file, column, array),
            (kind @ (DataType::Date32 | DataType::Date64), Some(_)) => {
                let days = lossless(array, &DataType::Date32).and_then(|days| Self::words(&days));
                days.ok_or_else(|| wrong(file, column, kind, "dates are days of the calendar"))
            }
            _ => Self::times(file, column, array, zone),
        }
    }

    /// Words: text, flags or whole numbers, each in its plain spelling; instants in RFC 3339.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub fn texts(file: &str, column: &str, array: &ArrayRef) -> Result<Self, ReadError> {
        let kind = array.data_type();
        let found = match kind {
            DataType::Null | DataType::Boolean => Self::words(array),
            DataType::Timestamp(..) => {
                let utc = DataType::Timestamp(TimeUnit::Second, Some("+00:00".into()));
                plain(array, &utc).and_then(|cast| Self::words(&cast))
            }
            kind if is_text(kind) || is_whole(kind) => Self::words(array),
            _ => None,
        };
        found.ok_or_else(|| wrong(file, column, kind, "words are text, flags or whole numbers"))
    }

    /// Flags: Arrow booleans, or words such as `true`, `False`, `1` and `no`.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub fn flags(file: &str, column: &str, array: &ArrayRef) -> Result<Self, ReadError> {
        let kind = array.data_type();
        let found = if *kind == DataType::Boolean || is_text(kind) { Self::words(array) } else { None };
        found.ok_or_else(|| wrong(file, column, kind, "flags are true or false"))
    }

    /// Integers as numbers, text as words; nothing else.
    fn numbers_or_words(array: &ArrayRef) -> Option<Self> {
        let kind = array.data_type();
        if is_whole(kind) {
            // A number above i64 is kept as text: as an id it stays what it is, as an amount it is a bad row and not a null.
            lossless(array, &DataType::Int64)
                .map(|cast| Self::Numbers(cast.as_primitive::<Int64Type>().clone()))
                .or_else(|| Self::words(array))
        } else if is_text(kind) {
            Self::words(array)
        } else {
            None
        }
    }

    fn words(array: &ArrayRef) -> Option<Self> {
        lossless(array, &DataType::Utf8).map(|cast| Self::Words(cast.as_string::<i32>().clone()))
    }

    /// The id in a row; `None` for a null or an empty text.
    #[must_use]
    pub fn id(&self, row: usize) -> Option<Id<'_>> {
        match self {
            Self::Numbers(numbers) => numbers.is_valid(row).then(|| Id::Number(numbers.value(row))),
            Self::Words(words) => {
                let text = words.is_valid(row).then(|| words.value(row)).filter(|text| !text.is_empty())?;
                Some(Id::of(text))
            }
            Self::Tokens(tokens) => {
                tokens.is_valid(row).then(|| tokens.value(row).try_into().ok().map(Id::Token)).flatten()
            }
        }
    }

    /// The id in a row in its canonical text form, which for a text is itself; a token has none.
    #[must_use]
    pub fn spelled(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Numbers(numbers) => numbers.is_valid(row).then(|| numbers.value(row).to_string().into()),
            Self::Words(_) | Self::Tokens(_) => self.text(row).map(Cow::Borrowed),
        }
    }

    /// The whole number in a row.
    #[must_use]
    pub fn number(&self, row: usize) -> Cell<i64> {
        match self {
            Self::Numbers(numbers) if numbers.is_valid(row) => Cell::Value(numbers.value(row)),
            Self::Numbers(_) => Cell::Null,
            Self::Words(_) | Self::Tokens(_) => match self.text(row) {
                None => Cell::Null,
                Some(text) => text.trim().parse().map_or(Cell::Unreadable, Cell::Value),
            },
        }
    }

    /// The flag in a row, as 1 or 0, in the spellings of a consent table.
    #[must_use]
    pub fn flag(&self, row: usize) -> Cell<i64> {
        match self.text(row) {
            None => Cell::Null,
            // The usual words, without folding them.
            Some("true") => Cell::Value(1),
            Some("false") => Cell::Value(0),
            Some(text) => match flag(Some(text)) {
                None => Cell::Unreadable,
                Some(None) => Cell::Null,
                Some(Some(value)) => Cell::Value(value.into()),
            },
        }
    }

    /// The instant in a row; local times in text are read by the clocks of `zone`.
    #[must_use]
    pub fn time(&self, row: usize, zone: Option<&Zone>) -> Cell<i64> {
        match self {
            Self::Numbers(_) => self.number(row),
            Self::Words(_) | Self::Tokens(_) => match self.text(row) {
                None => Cell::Null,
                Some(text) => {
                    Timestamp::read_in(text, zone).map_or(Cell::Unreadable, |at| Cell::Value(at.seconds()))
                }
            },
        }
    }

    /// Why [`Column::time`] is unreadable in a row.
    #[must_use]
    pub fn time_fault(&self, row: usize, zone: Option<&Zone>) -> TimeFault {
        let read = self.text(row).map(|text| Timestamp::read_in(text, zone));
        read.and_then(Result::err).unwrap_or(TimeFault::Unreadable)
    }

    /// The text in a row; `None` for a null or an empty text.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        match self {
            Self::Words(words) => {
                words.is_valid(row).then(|| words.value(row)).filter(|text| !text.is_empty())
            }
            Self::Numbers(_) | Self::Tokens(_) => None,
        }
    }
}

/// The number that `text` spells in the one way a number is printed, so that `7` in a file of text ids and 7 in a file of
/// integer ids are one person, and `007` is another.
fn canonical_number(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let is_canonical = match digits {
        [] => false,
        [b'0', ..] => bytes == b"0",
        digits => digits.len() <= MOST_DIGITS,
    };
    let size = decimal(digits).filter(|_| is_canonical)?;
    if digits.len() < bytes.len() { 0_i64.checked_sub_unsigned(size) } else { i64::try_from(size).ok() }
}

/// Digits that a `u64` holds, whatever they are; every `i64` has as many at most.
const MOST_DIGITS: usize = 19;

/// The number that up to [`MOST_DIGITS`] digits spell; `None` where a byte is no digit.
fn decimal(mut digits: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    while let Some((eight, rest)) = digits.split_first_chunk() {
        number = number.wrapping_mul(100_000_000).wrapping_add(eight_digits(*eight)?);
        digits = rest;
    }
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(number)
}

/// Eight digits at once: ids are read for every row, most of them numbers (Lemire, "Number parsing at a gigabyte per second", 2021).
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    let chunk = u64::from_le_bytes(bytes);
    let digits = chunk.wrapping_sub(0x3030_3030_3030_3030);
    if (chunk.wrapping_add(0x4646_4646_4646_4646) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let outer = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let inner = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(outer.wrapping_add(inner) >> 32)
}

const NO_ZONE: &str = "a time without UTC offset needs `timezone`, such as \"Asia/Shanghai\", on its field, its dataset or `[consents]`";

/// Whether values of this type are times on clocks that the type does not name.
fn is_local(kind: &DataType) -> bool {
    match kind {
        DataType::Timestamp(_, zone) => zone.as_ref().is_none_or(|zone| zone.is_empty()),
        DataType::Date32 | DataType::Date64 => true,
        _ => false,
    }
}

/// How far the clocks of a zone are ahead at all times of a column, if that is one and the same.
fn offset(local: &Int64Array, zone: &Zone) -> Option<i64> {
    let ends = |ends: Option<(i64, i64)>, at: i64| match ends {
        Some((first, last)) => Some((at.min(first), at.max(last))),
        None => Some((at, at)),
    };
    let ends = if local.null_count() == 0 {
        local.values().iter().copied().fold(None, ends)
    } else {
        local.iter().flatten().fold(None, ends)
    };
    let (first, last) = ends?;
    zone.offset_over(first, last)
}

/// Local times as seconds since 1970 UTC. Where one of them is no instant, all are spelled as text, so that it is unreadable and not
/// a null.
fn local_seconds(array: &ArrayRef, zone: &Zone) -> Option<Column> {
    let Column::Numbers(local) = seconds(array)? else { return None };
    let is_day = matches!(array.data_type(), DataType::Date32 | DataType::Date64);
    if let (false, Some(offset)) = (is_day, offset(&local, zone)) {
        return Some(Column::Numbers(if offset == 0 { local } else { local.unary(|at: i64| at - offset) }));
    }
    let read = |at: i64| if is_day { zone.start_of_day(at) } else { zone.instant(at) };
    let instants: Int64Array = local.iter().map(|at| at.and_then(read)).collect();
    if instants.null_count() == local.null_count() {
        return Some(Column::Numbers(instants));
    }
    let spelled = |at: i64| Timestamp::from_seconds(at).to_string();
    let words = local.iter().zip(&instants).map(|(local, at)| match (local, at) {
        (_, Some(at)) => Some(spelled(at)),
        (local, None) => local.map(|local| spelled(local).trim_end_matches('Z').to_owned()),
    });
    Some(Column::Words(words.collect()))
}

/// Instants as whole seconds, rounded towards the past.
fn seconds(array: &ArrayRef) -> Option<Column> {
    if let DataType::Date32 | DataType::Date64 = array.data_type() {
        let midnight = lossless(array, &DataType::Timestamp(TimeUnit::Second, None))?;
        return Some(Column::Numbers(midnight.as_primitive::<TimestampSecondType>().reinterpret_cast()));
    }
    let raw = lossless(array, &DataType::Int64)?;
    let raw = raw.as_primitive::<Int64Type>();
    // Divisors are constants, by which a processor multiplies.
    Some(Column::Numbers(match array.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => raw.unary(|at: i64| at.div_euclid(1_000)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => raw.unary(|at: i64| at.div_euclid(1_000_000)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => raw.unary(|at: i64| at.div_euclid(1_000_000_000)),
        _ => raw.clone(),
    }))
}

pub(super) fn wrong(file: &str, column: &str, kind: &DataType, wanted: &'static str) -> ReadError {
    ReadError::WrongType { file: file.to_owned(), column: column.to_owned(), found: kind.to_string(), wanted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_a_text_that_it_prints_as(
            text in prop_oneof!["-?[0-9]{0,21}", "[0-9]{0,9}[/:a-f٧ ][0-9]{0,9}", any::<i64>().prop_map(|number| number.to_string())]
        ) {
            let printed = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
            prop_assert_eq!(canonical_number(&text), printed);
        }
    }

    #[test]
    fn one_person_has_one_number_and_leading_zeros_make_another() {
        assert_eq!(canonical_number("7"), Some(7));
        assert_eq!(canonical_number("13800000000"), Some(13_800_000_000));
        for text in ["007", "-0", "+7", "7 ", "", "-", "9999999999999999999", "٧"] {
            assert_eq!(canonical_number(text), None, "{text}");
        }
    }
}
