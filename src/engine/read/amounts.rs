//! A column of amounts as its field spells them, in whole minor units: text, whole numbers, decimals, floating-point numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Decimal128Type, Decimal256Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array};
use arrow_schema::DataType;

use super::ReadError;
use super::column::{is_text, lossless, wrong};
use crate::types::{AmountFault, AmountFormat, Integers};

/// The amounts of one batch.
pub struct Amounts {
    /// In minor units; null where there is none.
    pub minor: Int64Array,
    /// Rows whose cell is no amount, in order, and why.
    pub faults: Vec<(usize, AmountFault)>,
    /// How the column spells them.
    pub spellings: Spellings,
}

/// How many amounts of a text column are spelled without a point, and how many with one, where it is open what the former are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spellings {
    whole: u64,
    pointed: u64,
}

impl Spellings {
    const fn observe(&mut self, is_whole: bool, is_read: bool) {
        if is_whole {
            self.whole += 1;
        } else if is_read {
            self.pointed += 1;
        }
    }

    /// Those of two parts of a column.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { whole: self.whole + other.whole, pointed: self.pointed + other.pointed }
    }

    /// What is wrong with a column of a file: nothing in it shows whether it holds major or minor units.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub fn check(self, file: &str, column: &str) -> Result<(), ReadError> {
        if self.whole == 0 || self.pointed > 0 {
            return Ok(());
        }
        let (file, column, found) =
            (file.to_owned(), column.to_owned(), "text of whole numbers alone".to_owned());
        Err(ReadError::WrongType { file, column, found, wanted: OPEN })
    }
}

const OPEN: &str = "with `scale` whole numbers may be minor or major units: declare `integers = \"minor\"` (1290 is 12.90) or `integers = \"major\"` (1290 is 1290.00)";
const DECIMALS: &str = "amounts without `scale` are whole minor units: declare `scale`, the digits behind the point of a minor unit";
const FLOATS: &str = "floating-point numbers are not exact: export decimals or text, or declare `scale` and `from_float = true`, which refuses what is not within a millionth of a minor unit";
const WANTED: &str = "amounts are text, whole numbers or decimals";

impl Amounts {
    /// Reads a column of amounts.
    ///
    /// # Errors
    /// [`ReadError::WrongType`], also for whole numbers, decimals and floating-point numbers whose declaration leaves open what they
    /// are.
    pub fn read(file: &str, column: &str, array: &ArrayRef, format: AmountFormat) -> Result<Self, ReadError> {
        let plain = match array.data_type() {
            DataType::Dictionary(_, values) => lossless(array, values),
            _ => Some(array.clone()),
        };
        let read = plain.ok_or(WANTED).and_then(|plain| Self::of(&plain, format));
        read.map_err(|wanted| wrong(file, column, array.data_type(), wanted))
    }

    fn of(array: &ArrayRef, format: AmountFormat) -> Result<Self, &'static str> {
        let found = match array.data_type() {
            kind if is_text(kind) => Self::of_text(array, format),
            kind if kind.is_integer() && format.is_open() => return Err(OPEN),
            kind if kind.is_integer() => Self::of_integers(array, format),
            kind if kind.is_floating() => match (format.scale, format.from_float) {
                (Some(_), true) => Self::of_floats(array, format),
                _ => return Err(FLOATS),
            },
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => {
                let is_whole = *scale <= 0;
                let wanted = match (is_whole, format.integers) {
                    (true, _) if format.is_open() => return Err(OPEN),
                    (true, Some(Integers::Minor)) => 0,
                    (true, _) => format.scale.unwrap_or(0),
                    (false, _) => format.scale.ok_or(DECIMALS)?,
                };
                Self::of_decimals(array, i32::from(wanted) - i32::from(*scale))
            }
            _ => None,
        };
        found.ok_or(WANTED)
    }

    /// Text; where it is open what whole numbers are, it is counted how many amounts are some.
    fn of_text(array: &ArrayRef, format: AmountFormat) -> Option<Self> {
        let words = lossless(array, &DataType::Utf8)?;
        let mut spellings = Spellings::default();
        let cells = words.as_string::<i32>().iter().map(|text| {
            let spelled = format.read(text.filter(|text| !text.is_empty())?);
            spellings.observe(spelled.is_ok_and(|spelled| spelled.is_whole), spelled.is_ok());
            Some(spelled.map(|spelled| spelled.minor))
        });
        let amounts = Self::collect(cells);
        let spellings = if format.is_open() { spellings } else { Spellings::default() };
        Some(Self { spellings, ..amounts })
    }

    fn of_integers(array: &ArrayRef, format: AmountFormat) -> Option<Self> {
        let Some(numbers) = lossless(array, &DataType::Int64) else {
            // A number beyond 64 bits, which its own text shows.
            return Self::of_text(array, format);
        };
        let numbers = numbers.as_primitive::<Int64Type>();
        if format.from_integer(1) == Ok(1) {
            return Some(Self { minor: numbers.clone(), ..Self::collect(std::iter::empty()) });
        }
        Some(Self::collect(numbers.iter().map(|cell| Some(format.from_integer(cell?.into())))))
    }

    fn of_floats(array: &ArrayRef, format: AmountFormat) -> Option<Self> {
        let numbers = lossless(array, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        Some(Self::collect(numbers.iter().map(|cell| Some(format.from_float(cell?)))))
    }

    /// Decimals, whose digits are moved by so many places.
    fn of_decimals(array: &ArrayRef, places: i32) -> Option<Self> {
        let wide = |kind: &DataType| match kind {
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => DataType::Decimal128(38, *scale),
            kind => kind.clone(),
        };
        let array = lossless(array, &wide(array.data_type()))?;
        if let Some(numbers) = array.as_primitive_opt::<Decimal128Type>() {
            let unit = 10_i128.checked_pow(places.unsigned_abs());
            return Some(Self::collect(numbers.iter().map(|cell| {
                let number = cell?;
                let moved = match unit {
                    Some(unit) if places >= 0 => number.checked_mul(unit).ok_or(AmountFault::TooLarge),
                    Some(unit) if number % unit == 0 => Ok(number / unit),
                    _ if number == 0 => Ok(0),
                    None if places >= 0 => Err(AmountFault::TooLarge),
                    _ => Err(AmountFault::TooPrecise),
                };
                Some(moved.and_then(|minor| i64::try_from(minor).map_err(|_| AmountFault::TooLarge)))
            })));
        }
        let numbers = array.as_primitive_opt::<Decimal256Type>()?;
        type Wide = <Decimal256Type as ArrowPrimitiveType>::Native;
        let unit = Wide::from_i128(10).checked_pow(places.unsigned_abs());
        Some(Self::collect(numbers.iter().map(|cell| {
            let number = cell?;
            let moved = match unit {
                Some(unit) if places >= 0 => number.checked_mul(unit).ok_or(AmountFault::TooLarge),
                Some(unit) if number.checked_rem(unit) == Some(Wide::ZERO) => {
                    number.checked_div(unit).ok_or(AmountFault::TooLarge)
                }
                _ if number == Wide::ZERO => Ok(number),
                None if places >= 0 => Err(AmountFault::TooLarge),
                _ => Err(AmountFault::TooPrecise),
            };
            let narrow = |minor: Wide| minor.to_i128().and_then(|minor| minor.try_into().ok());
            Some(moved.and_then(|minor| narrow(minor).ok_or(AmountFault::TooLarge)))
        })))
    }

    /// The amounts of one row after another; nothing is no amount and no fault.
    fn collect(cells: impl Iterator<Item = Option<Result<i64, AmountFault>>>) -> Self {
        let mut faults = Vec::new();
        let minor = cells.enumerate().map(|(row, cell)| match cell? {
            Ok(minor) => Some(minor),
            Err(fault) => {
                faults.push((row, fault));
                None
            }
        });
        let minor = minor.collect();
        Self { minor, faults, spellings: Spellings::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        Decimal64Array, Decimal128Array, Decimal256Array, DictionaryArray, Float32Array, Float64Array,
        Int32Array, StringArray, UInt64Array,
    };
    use proptest::prelude::*;

    use super::*;

    const YUAN: AmountFormat =
        AmountFormat { scale: Some(2), thousands: None, integers: None, from_float: false };
    const FLOAT: AmountFormat = AmountFormat { from_float: true, ..YUAN };

    fn with(integers: Integers) -> AmountFormat {
        AmountFormat { integers: Some(integers), ..YUAN }
    }

    fn read(array: impl Array + 'static, format: AmountFormat) -> Result<Vec<Option<i64>>, String> {
        let array: ArrayRef = Arc::new(array);
        let read = Amounts::read("a", "b", &array, format).map_err(|error| error.to_string())?;
        Ok(read.minor.iter().collect())
    }

    #[test]
    fn every_type_is_read_exactly_or_refused_with_what_to_declare() {
        let some = |all: &[i64]| Ok(all.iter().copied().map(Some).collect::<Vec<_>>());
        assert_eq!(read(StringArray::from(vec!["12.90", "13"]), YUAN), some(&[1_290, 1_300]));
        let words: DictionaryArray<Int32Type> = vec!["12.90", "0.05", "12.90"].into_iter().collect();
        assert_eq!(read(words, YUAN), some(&[1_290, 5, 1_290]));
        let decimals = Decimal128Array::from(vec![Some(12_900), None, Some(5)]);
        let decimals = decimals.with_precision_and_scale(10, 3).unwrap();
        assert_eq!(read(decimals, YUAN), Ok(vec![Some(1_290), None, None]), "0.005 is no fen");
        let decimals = Decimal64Array::from(vec![129]).with_precision_and_scale(5, 1).unwrap();
        assert_eq!(read(decimals, YUAN), some(&[1_290]));
        let wide = Decimal256Array::from_iter_values(
            [1_290, -7].map(<Decimal256Type as ArrowPrimitiveType>::Native::from_i128),
        );
        assert_eq!(read(wide.with_precision_and_scale(76, 2).unwrap(), YUAN), some(&[1_290, -7]));
        assert_eq!(read(Int32Array::from(vec![1_290]), AmountFormat::default()), some(&[1_290]));
        assert_eq!(read(Int32Array::from(vec![1_290]), with(Integers::Minor)), some(&[1_290]));
        assert_eq!(read(Int32Array::from(vec![1_290]), with(Integers::Major)), some(&[129_000]));
        let large = UInt64Array::from(vec![u64::MAX, 7]);
        assert_eq!(read(large, AmountFormat::default()), Ok(vec![None, Some(7)]));
        assert_eq!(read(Float64Array::from(vec![12.90]), FLOAT), some(&[1_290]));
        assert_eq!(read(Float32Array::from(vec![12.90]), FLOAT), Ok(vec![None]));
        let whole = |scale| Decimal128Array::from(vec![1_290]).with_precision_and_scale(10, scale).unwrap();
        assert_eq!(read(whole(0), with(Integers::Major)), some(&[129_000]));
        assert_eq!(read(whole(-1), AmountFormat::default()), some(&[12_900]));
        assert_eq!(read(whole(-1), with(Integers::Minor)), some(&[12_900]));
        for (error, says) in [
            (
                read(Int32Array::from(vec![1_290]), YUAN),
                "`integers = \"minor\"` (1290 is 12.90) or `integers = \"major\"`",
            ),
            (read(whole(0), YUAN), "declare `integers"),
            (read(whole(2), AmountFormat::default()), "declare `scale`"),
            (read(Float64Array::from(vec![12.90]), YUAN), "`from_float = true`"),
            (read(Float64Array::from(vec![12.0]), AmountFormat::default()), "`from_float = true`"),
            (
                read(arrow_array::BooleanArray::from(vec![true]), YUAN),
                "amounts are text, whole numbers or decimals",
            ),
        ] {
            let error = error.unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn text_of_whole_numbers_alone_may_be_minor_units() {
        let spellings = |cells: &[&str], format| {
            let array: ArrayRef = Arc::new(StringArray::from(cells.to_vec()));
            Amounts::read("a", "b", &array, format).unwrap().spellings
        };
        let (whole, mixed) = (spellings(&["1290", "", "7"], YUAN), spellings(&["1290", "0.5"], YUAN));
        assert!(whole.check("a", "b").unwrap_err().to_string().contains("text of whole numbers alone"));
        assert!(mixed.check("a", "b").is_ok() && whole.and(mixed).check("a", "b").is_ok());
        assert!(spellings(&["", "x"], YUAN).check("a", "b").is_ok(), "bad rows say nothing of the others");
        assert!(spellings(&["1290"], with(Integers::Minor)).check("a", "b").is_ok());
        assert!(spellings(&["1290"], AmountFormat::default()).check("a", "b").is_ok());
    }

    proptest! {
        /// One amount is one number of minor units, whichever type of column holds it.
        #[test]
        fn an_amount_is_the_same_in_every_type(minor in -9_000_000_000..9_000_000_000i64, scale in 0..=4u8, places in -2..30i8) {
            let format = AmountFormat { scale: Some(scale), integers: Some(Integers::Minor), thousands: None, from_float: true };
            let text = crate::types::Denomination::new("x", scale).unwrap().major(i128::from(minor).into());
            prop_assert_eq!(read(StringArray::from(vec![text.clone()]), format), Ok(vec![Some(minor)]));
            prop_assert_eq!(read(arrow_array::Int64Array::from(vec![minor]), format), Ok(vec![Some(minor)]));
            prop_assert_eq!(read(Float64Array::from(vec![text.parse::<f64>().unwrap()]), format), Ok(vec![Some(minor)]));
            // A decimal of any scale: what it cannot hold is not asked of it.
            let of = i32::from(if places > 0 { scale } else { 0 });
            let unit = 10_i128.pow((i32::from(places) - of).unsigned_abs());
            let value = if i32::from(places) >= of { i128::from(minor).checked_mul(unit) } else {
                Some(i128::from(minor)).filter(|minor| minor % unit == 0).map(|minor| minor / unit)
            };
            if let Some(value) = value.filter(|value| value.unsigned_abs() < 10_u128.pow(38)) {
                let narrow = Decimal128Array::from(vec![value]).with_precision_and_scale(38, places).unwrap();
                prop_assert_eq!(read(narrow, format), Ok(vec![Some(minor)]));
                let wide = Decimal256Array::from(vec![<Decimal256Type as ArrowPrimitiveType>::Native::from_i128(value)]);
                prop_assert_eq!(read(wide.with_precision_and_scale(76, places).unwrap(), format), Ok(vec![Some(minor)]));
            }
        }
    }
}
