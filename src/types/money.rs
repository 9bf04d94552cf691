//! Amounts of money as files spell them, read exactly into whole minor units; and what released amounts are shown in.

use std::fmt;

use super::Decimal;

/// The most digits behind the point that a minor unit may have.
pub const MAX_SCALE: u8 = 9;

/// The separator of groups of three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum Thousands {
    /// `1,234.50`
    #[serde(rename = ",")]
    Comma,
    /// `1'234.50`
    #[serde(rename = "'")]
    Apostrophe,
    /// `1 234.50`
    #[serde(rename = " ")]
    Blank,
}

impl Thousands {
    const fn as_char(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Apostrophe => '\'',
            Self::Blank => ' ',
        }
    }
}

/// What a whole number is where amounts have digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Integers {
    /// Minor units: 1290 is 12.90.
    Minor,
    /// Major units: 1290 is 1290.00.
    Major,
}

/// How a column spells amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AmountFormat {
    /// How many digits behind the point a minor unit has, at most 9; without it all amounts are whole minor units.
    pub scale: Option<u8>,
    /// The separator of groups of three digits in text.
    pub thousands: Option<Thousands>,
    /// What whole numbers are, if that is declared.
    pub integers: Option<Integers>,
    /// Whether floating-point numbers are read.
    pub from_float: bool,
}

/// Why a cell is no amount. It holds nothing of the cell, so that reports may show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountFault {
    /// It has a currency sign or code.
    Currency,
    /// It has an exponent.
    Exponent,
    /// It has full-width digits or signs.
    FullWidth,
    /// Its digits are not in groups of three.
    Groups,
    /// It is a floating-point number that is no number of minor units.
    Inexact,
    /// It is infinite, or no number.
    NotFinite,
    /// It has digits behind a point, and no scale is declared.
    NoScale,
    /// Its digits are in groups, and no separator is declared.
    NoThousands,
    /// It is beyond 64 bits.
    TooLarge,
    /// It has more digits behind the point than the scale.
    TooPrecise,
    /// It has another form.
    Unreadable {
        /// Whether digits behind a point are read.
        scaled: bool,
    },
}

impl AmountFault {
    /// The reason as reports show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Currency => "a currency sign or code in an amount",
            Self::Exponent => "an amount with an exponent",
            Self::FullWidth => "an amount in full-width characters",
            Self::Groups => "digits in other groups than of three",
            Self::Inexact => "a floating-point number that is not within a millionth of a minor unit",
            Self::NotFinite => "not a finite number",
            Self::NoScale => "digits behind the point; declare `scale`",
            Self::NoThousands => "digits in groups; declare `thousands`",
            Self::TooLarge => "an amount beyond 64 bits",
            Self::TooPrecise => "more digits behind the point than `scale`",
            Self::Unreadable { scaled: false } => "not a whole number",
            Self::Unreadable { scaled: true } => "not an amount, such as 12.90",
        }
    }
}

/// An amount that was read from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelled {
    /// In minor units.
    pub minor: i64,
    /// Whether it was spelled without a point.
    pub is_whole: bool,
}

impl AmountFormat {
    /// Whether the meaning of a whole number is open: digits behind the point are declared, and not what integers are.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.scale.unwrap_or(0) > 0 && self.integers.is_none()
    }

    /// The amount that a text spells: digits with at most one point, in groups of three only where a separator is declared, after a
    /// sign or none; blanks around it are left out. Where it is open what whole numbers are, they are major units.
    ///
    /// # Errors
    /// [`AmountFault`]
    pub fn read(self, text: &str) -> Result<Spelled, AmountFault> {
        let text = text.trim();
        if (self.scale, self.thousands) == (None, None)
            && let Ok(minor) = text.parse()
        {
            return Ok(Spelled { minor, is_whole: true });
        }
        self.spelled(text).map_err(|fault| match fault {
            AmountFault::Unreadable { .. } => self.why(text),
            fault => fault,
        })
    }

    fn spelled(self, text: &str) -> Result<Spelled, AmountFault> {
        let other = AmountFault::Unreadable { scaled: self.scale.is_some() };
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, part) = match unsigned.split_once('.') {
            Some((whole, part)) => (whole, Some(part)),
            None => (unsigned, None),
        };
        let major = self.whole(whole).ok_or(other)??;
        let scale = self.digits();
        let minor = match part {
            None => self.integer(major).ok_or(AmountFault::TooLarge)?,
            Some(part) if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(other);
            }
            Some(_) if self.scale.is_none() => return Err(AmountFault::NoScale),
            Some(part) => {
                let digits = u32::try_from(part.len()).ok().filter(|digits| *digits <= scale);
                let unit = 10_i128.pow(scale - digits.ok_or(AmountFault::TooPrecise)?);
                let part = part.parse::<i128>().map_err(|_| other)?.saturating_mul(unit);
                scaled(major, scale).and_then(|major| major.checked_add(part)).ok_or(AmountFault::TooLarge)?
            }
        };
        let signed = if text.starts_with('-') { minor.checked_neg() } else { Some(minor) };
        let minor = signed.and_then(|minor| minor.try_into().ok()).ok_or(AmountFault::TooLarge)?;
        Ok(Spelled { minor, is_whole: part.is_none() })
    }

    /// The number before the point; `None` for what is none.
    fn whole(self, text: &str) -> Option<Result<i128, AmountFault>> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(separator) = self.thousands.map(Thousands::as_char).filter(|known| text.contains(*known))
        else {
            return digits(text).then(|| text.parse().map_err(|_| AmountFault::TooLarge));
        };
        let mut groups = text.split(separator);
        let first = groups.next().filter(|first| digits(first))?;
        let mut joined = first.to_owned();
        let mut fits = first.len() <= 3;
        for group in groups {
            if !digits(group) {
                return None;
            }
            fits &= group.len() == 3;
            joined.push_str(group);
        }
        Some(if fits { joined.parse().map_err(|_| AmountFault::TooLarge) } else { Err(AmountFault::Groups) })
    }

    /// Why a text spells no amount; for people, after it was refused.
    fn why(self, text: &str) -> AmountFault {
        // Yuan and yen in Han characters, and the signs of Unicode.
        let sign = |letter: char| matches!(letter, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}' | '\u{ffe5}' | '\u{5143}' | '\u{5186}' | '\u{5706}');
        let code = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        let coded = |at: usize| {
            text.split_at_checked(at).is_some_and(|(one, other)| code(one.trim()) || code(other.trim()))
        };
        let coded = coded(3) || text.len().checked_sub(3).is_some_and(coded);
        let is_number =
            |text: &str| text.parse::<f64>().is_ok() && text.bytes().any(|byte| byte.is_ascii_digit());
        let grouped = Self { thousands: Some(Thousands::Comma), ..self };
        if is_number(text) && text.contains(['e', 'E']) {
            AmountFault::Exponent
        } else if text.chars().any(|letter| ('\u{ff01}'..='\u{ff5e}').contains(&letter)) {
            AmountFault::FullWidth
        } else if coded || text.chars().any(sign) {
            AmountFault::Currency
        } else if self.thousands.is_none() && grouped.spelled(text).is_ok() {
            AmountFault::NoThousands
        } else {
            AmountFault::Unreadable { scaled: self.scale.is_some() }
        }
    }

    /// The amount that a whole number is, by itself or by what is declared of whole numbers.
    ///
    /// # Errors
    /// [`AmountFault::TooLarge`]
    pub fn from_integer(self, number: i128) -> Result<i64, AmountFault> {
        self.integer(number).and_then(|minor| minor.try_into().ok()).ok_or(AmountFault::TooLarge)
    }

    fn integer(self, number: i128) -> Option<i128> {
        scaled(number, if self.integers == Some(Integers::Minor) { 0 } else { self.digits() })
    }

    /// Digits behind the point, 0 where none are declared.
    fn digits(self) -> u32 {
        u32::from(self.scale.unwrap_or(0).min(MAX_SCALE))
    }

    /// The amount that the nearest minor unit to a floating-point number is, if that is within a millionth of one; computed without
    /// rounding.
    ///
    /// # Errors
    /// [`AmountFault::NotFinite`], [`AmountFault::Inexact`] and [`AmountFault::TooLarge`]
    pub fn from_float(self, number: f64) -> Result<i64, AmountFault> {
        if !number.is_finite() {
            return Err(AmountFault::NotFinite);
        }
        let (significand, exponent) = exactly(number);
        // Below 2^53 * 10^9, so below 2^83.
        let units = significand * 10_u128.pow(self.digits());
        let nearest = match u32::try_from(exponent) {
            // A whole number; beyond 2^45 times as much it is beyond 64 bits, unless it is 0.
            Ok(_) if units == 0 => 0,
            Ok(up) if up <= 44 => units << up,
            Ok(_) => return Err(AmountFault::TooLarge),
            Err(_) => match exponent.unsigned_abs() {
                // Less than 2^-27, so within a millionth of 0.
                down if down >= 110 => 0,
                down => {
                    let nearest = (units + (1 << (down - 1))) >> down;
                    // Below 2^84: either the distance is at most half of 2^84, or the nearest is 0.
                    if units.abs_diff(nearest << down) * 1_000_000 > 1 << down {
                        return Err(AmountFault::Inexact);
                    }
                    nearest
                }
            },
        };
        let minor = i128::try_from(nearest).map_err(|_| AmountFault::TooLarge)?;
        let minor = if number < 0.0 { -minor } else { minor };
        minor.try_into().map_err(|_| AmountFault::TooLarge)
    }
}

/// A number times a power of ten, unless it is beyond 128 bits.
fn scaled(number: i128, scale: u32) -> Option<i128> {
    number.checked_mul(10_i128.checked_pow(scale)?)
}

/// The significand and the exponent of two of the size of a finite number (IEEE 754-2019, 3.4).
fn exactly(number: f64) -> (u128, i32) {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = number.to_bits();
    let (fraction, biased) = (bits & FRACTION, (bits >> 52) & 0x7ff);
    let significand = if biased == 0 { fraction } else { fraction | (1 << 52) };
    let exponent = i32::try_from(biased.max(1)).unwrap_or(i32::MAX).saturating_sub(1_075);
    (u128::from(significand), exponent)
}

/// The name of a major unit, such as `CNY`, and how many digits behind its point a minor unit has. Released amounts are shown in it;
/// everything that is computed, charged or signed is in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Denomination {
    name: String,
    scale: u8,
}

impl Denomination {
    /// A unit; `None` for a name that is empty, longer than 16 characters, or has blanks or control characters, and for a scale
    /// above 9.
    #[must_use]
    pub fn new(name: &str, scale: u8) -> Option<Self> {
        let plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
        let fits = (1..=16).contains(&name.chars().count()) && name.chars().all(plain) && scale <= MAX_SCALE;
        fits.then(|| Self { name: name.to_owned(), scale })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many digits behind the point a minor unit has.
    #[must_use]
    pub const fn scale(&self) -> u8 {
        self.scale
    }

    /// A number of minor units in major ones, exactly: `12.90`, `0.05`, `-3.456` for -345.6.
    #[must_use]
    pub fn major(&self, minor: Decimal) -> String {
        let (scale, all) = (usize::from(self.scale), usize::from(self.scale) + Decimal::DIGITS);
        let sign = if minor.thousandths() < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", minor.thousandths().unsigned_abs(), width = all + 1);
        let (whole, part) = digits.split_at_checked(digits.len() - all).unwrap_or((&digits, ""));
        let (kept, beyond) = part.split_at_checked(scale).unwrap_or((part, ""));
        match (kept, beyond.trim_end_matches('0')) {
            ("", "") => format!("{sign}{whole}"),
            (kept, beyond) => format!("{sign}{whole}.{kept}{beyond}"),
        }
    }
}

impl fmt::Display for Denomination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YUAN: AmountFormat =
        AmountFormat { scale: Some(2), thousands: None, integers: None, from_float: false };
    const COMMA: AmountFormat = AmountFormat { thousands: Some(Thousands::Comma), ..YUAN };

    fn minor(format: AmountFormat, text: &str) -> Result<i64, AmountFault> {
        format.read(text).map(|spelled| spelled.minor)
    }

    #[test]
    fn text_is_read_to_the_last_digit() {
        for (text, value) in [
            ("12.90", 1_290),
            ("12.9", 1_290),
            ("13", 1_300),
            (" -0.05 ", -5),
            ("+0012.90", 1_290),
            ("-0.00", 0),
            ("92233720368547758.07", i64::MAX),
            ("-92233720368547758.08", i64::MIN),
        ] {
            assert_eq!(minor(YUAN, text), Ok(value), "{text}");
            assert_eq!(minor(COMMA, text), Ok(value), "{text}");
        }
        for (text, value) in [("1,234.50", 123_450), ("12,345,678.9", 1_234_567_890), ("1,234", 123_400)] {
            assert_eq!(minor(COMMA, text), Ok(value), "{text}");
        }
        let whole = AmountFormat::default();
        assert_eq!((minor(whole, "1290"), minor(whole, "-7")), (Ok(1_290), Ok(-7)));
        let grouped = AmountFormat { thousands: Some(Thousands::Comma), ..whole };
        assert_eq!(minor(grouped, &i64::MIN.to_string()), Ok(i64::MIN));
        let fen = AmountFormat { integers: Some(Integers::Minor), ..YUAN };
        assert_eq!((minor(fen, "1290"), minor(fen, "12.90")), (Ok(1_290), Ok(1_290)));
        let yen = AmountFormat { scale: Some(0), ..YUAN };
        assert_eq!((minor(yen, "12"), minor(yen, "12.0")), (Ok(12), Err(AmountFault::TooPrecise)));
    }

    #[test]
    fn what_is_no_amount_says_why() {
        use AmountFault as F;
        let (scaled, whole) = (F::Unreadable { scaled: true }, AmountFormat::default());
        for (text, fault) in [
            ("12.905", F::TooPrecise),
            ("12.900", F::TooPrecise),
            ("1e3", F::Exponent),
            ("1.38E+10", F::Exponent),
            ("¥12.90", F::Currency),
            ("￥12.90", F::Currency),
            ("12.90元", F::Currency),
            ("$1", F::Currency),
            ("12.90 CNY", F::Currency),
            ("CNY12.90", F::Currency),
            ("NaN", scaled),
            ("１２.90", F::FullWidth),
            ("12．90", F::FullWidth),
            ("1,234.50", F::NoThousands),
            ("92233720368547758.08", F::TooLarge),
            ("1000000000000000000000000000000000000000000", F::TooLarge),
            ("", scaled),
            ("12.", scaled),
            (".5", scaled),
            ("1.2.3", scaled),
            ("(12.90)", scaled),
            ("12.90-", scaled),
            ("--1", scaled),
            ("12 .90", scaled),
            ("1\u{a0}234.50", scaled),
        ] {
            assert_eq!(minor(YUAN, text), Err(fault), "{text}");
        }
        for (text, fault) in [
            ("12,34.50", F::Groups),
            ("1234,567.00", F::Groups),
            ("1,,234", scaled),
            (",234", scaled),
            ("1,234,", scaled),
            ("1.234,50", scaled),
        ] {
            assert_eq!(minor(COMMA, text), Err(fault), "{text}");
        }
        for (text, fault) in [
            ("12.90", F::NoScale),
            ("1,290", F::NoThousands),
            ("7777canary", F::Unreadable { scaled: false }),
            ("9223372036854775808", F::TooLarge),
            ("-", F::Unreadable { scaled: false }),
        ] {
            assert_eq!(minor(whole, text), Err(fault), "{text}");
        }
    }

    #[test]
    fn floats_are_read_where_they_are_minor_units() {
        let read = |number| YUAN.from_float(number);
        for (number, value) in [
            (12.90, 1_290),
            (-0.05, -5),
            (0.1 + 0.2, 30),
            (0.0, 0),
            (-0.0, 0),
            (1e-9, 0),
            (f64::MIN_POSITIVE, 0),
            (1e15, 100_000_000_000_000_000),
        ] {
            assert_eq!(read(number), Ok(value), "{number}");
        }
        assert_eq!(read(12.905), Err(AmountFault::Inexact));
        assert_eq!(read(f64::from(12.9_f32)), Err(AmountFault::Inexact));
        assert_eq!(read(12.900_000_02), Err(AmountFault::Inexact));
        assert_eq!(read(12.900_000_005), Ok(1_290));
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(read(number), Err(AmountFault::NotFinite));
        }
        for number in [1e17, -1e17, 1e300, f64::MAX] {
            assert_eq!(read(number), Err(AmountFault::TooLarge), "{number}");
        }
    }

    #[test]
    fn a_denomination_shows_major_units_exactly() {
        let yuan = Denomination::new("CNY", 2).unwrap();
        let major = |thousandths| yuan.major(Decimal::of_thousandths(thousandths));
        assert_eq!(
            [1_290_000, 5_000, 0, -345_600, 1_234, -1, 100_000].map(major),
            ["12.90", "0.05", "0.00", "-3.456", "0.01234", "-0.00001", "1.00"]
        );
        let yen = Denomination::new("JPY", 0).unwrap();
        assert_eq!(yen.major(Decimal::from(12)), "12");
        assert_eq!(yen.major(Decimal::of_thousandths(12_500)), "12.5");
        for bad in ["", "C NY", "a\n", "12345678901234567"] {
            assert_eq!(Denomination::new(bad, 2), None, "{bad}");
        }
        assert_eq!(Denomination::new("CNY", 10), None);
    }

    /// An independent reading in big integers: the digits of the text, padded to the scale.
    fn by_digits(text: &str, scale: usize) -> Option<i128> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits: i128 = format!("{whole}{part:0<scale$}").parse().ok()?;
        Some(if text.starts_with('-') { -digits } else { digits })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Every amount is read as the number that its digits are, in every spelling of it, and is shown as it was written.
        #[test]
        fn an_amount_is_read_as_its_digits(value in any::<i64>(), scale in 0..=MAX_SCALE) {
            let format = AmountFormat { scale: Some(scale), thousands: Some(Thousands::Comma), ..AmountFormat::default() };
            let unit = Denomination::new("x", scale).unwrap();
            let text = unit.major(Decimal::from(i128::from(value)));
            prop_assert_eq!(by_digits(&text, scale.into()), Some(value.into()));
            prop_assert_eq!(minor(format, &text), Ok(value));
            let (whole, part) = text.split_once('.').map_or((text.as_str(), None), |(whole, part)| (whole, Some(part)));
            let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
            let mut grouped = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place).is_multiple_of(3) {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            let part = part.map(|part| format!(".{part}")).unwrap_or_default();
            prop_assert_eq!(minor(format, &format!("{sign}{grouped}{part}")), Ok(value));
        }

        /// The float nearest to an amount is that amount wherever floats are dense enough, and any float is within a millionth of what
        /// it is read as.
        #[test]
        fn a_float_is_the_amount_that_it_rounds_to(value in -10_000_000_000..10_000_000_000i64, off in -5_000..5_000i64) {
            let text = Denomination::new("x", 2).unwrap().major(Decimal::from(i128::from(value)));
            prop_assert_eq!(YUAN.from_float(text.parse().unwrap()), Ok(value));
            // Off by hundredths of a thousandth of a millionth: from clearly inside to clearly outside.
            let near = format!("{text}{:08}", off.unsigned_abs());
            let outside = off.unsigned_abs() > 110;
            prop_assume!(outside || off.unsigned_abs() < 90);
            let read = YUAN.from_float(near.parse().unwrap());
            if value.abs() < 1_000_000 {
                prop_assert_eq!(read, if outside { Err(AmountFault::Inexact) } else { Ok(value) }, "{}", near);
            }
        }
    }
}
