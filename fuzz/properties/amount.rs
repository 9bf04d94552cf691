//! An amount as a file spells it: any bytes.

use hushtag::types::{AmountFault, AmountFormat, Decimal, Denomination, Integers, Thousands};

/// Nothing panics. What is read has the digits of the text, whatever their number, and is read again from how it is shown; what is
/// spelled plainly is read, unless it is too long for the scale or for 64 bits. Floating-point numbers are read as what they are
/// nearest to.
/// Refused is what no amount with two digits behind the point is.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|_| "not UTF-8")?;
    let yuan = AmountFormat { scale: Some(2), ..AmountFormat::default() };
    let formats = [
        AmountFormat::default(),
        yuan,
        AmountFormat { scale: Some(0), ..yuan },
        AmountFormat { scale: Some(9), thousands: Some(Thousands::Comma), ..yuan },
        AmountFormat { thousands: Some(Thousands::Blank), integers: Some(Integers::Minor), ..yuan },
        AmountFormat { thousands: Some(Thousands::Apostrophe), integers: Some(Integers::Major), ..yuan },
    ];
    for format in formats {
        let scale = format.scale.unwrap_or(0);
        let read = format.read(text);
        if let Ok(spelled) = read {
            let minor = format.integers == Some(Integers::Minor) && spelled.is_whole;
            let places = if minor { 0 } else { usize::from(scale) };
            assert_eq!(digits(text, places), spelled.minor.unsigned_abs().to_string(), "other digits");
            assert!(spelled.minor >= 0 || text.trim().starts_with('-'), "below zero without a sign");
            let shown = Denomination::new("x", scale)
                .map(|unit| unit.major(Decimal::from(i128::from(spelled.minor))));
            let again = shown.map(|shown| AmountFormat { integers: None, ..format }.read(&shown));
            assert!(
                again.is_some_and(|again| again.is_ok_and(|again| again.minor == spelled.minor)),
                "shown otherwise"
            );
        }
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        assert!(!plain || matches!(read, Ok(_) | Err(AmountFault::TooLarge)), "plain digits are not read");
    }
    if let Ok(number) = text.parse::<f64>()
        && let Ok(minor) = yuan.from_float(number)
        && minor.unsigned_abs() < 1 << 40
    {
        let off = (number * 100.0 - minor as f64).abs();
        assert!(off < 0.001, "a float is read as another number");
    }
    yuan.read(text).map(drop).map_err(|fault| fault.as_str().to_owned())
}

/// The digits of a text with so many places behind the point, without leading zeros.
fn digits(text: &str, places: usize) -> String {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let only = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let all = format!("{}{:0<places$}", only(whole), only(part));
    let trimmed = all.trim_start_matches('0');
    if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() }
}
