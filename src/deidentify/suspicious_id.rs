//! Ids that can never meet the same person's id in another file, found from the id alone.

use super::form::Form;
use crate::types::is_without_width;

/// Words that programs write where there is no value; as ids they would make one person of many.
const MISSING: [&str; 14] = [
    "null",
    "nan",
    "none",
    "nil",
    "undefined",
    "n/a",
    "#n/a",
    "<na>",
    "(null)",
    "\\n",
    "#ref!",
    "#value!",
    "-",
    "--",
];
/// The longest of them, in bytes.
const LONGEST_MISSING: usize = 9;

pub(super) const PREFIX: &str =
    "phone number with a country prefix, blanks or dashes: declare `form = \"cn-mobile\"`";

/// Why an id of undeclared form cannot meet the same id written by another program; `None` if nothing speaks against it.
/// Decided from the id alone; upper and lower case are not compared.
///
/// ```
/// use hushtag::deidentify::suspicious_id;
/// assert_eq!(suspicious_id("13800000000"), None);
/// assert_eq!(suspicious_id("13800000000\t"), Some("id with blanks or control characters"));
/// ```
#[must_use]
pub fn suspicious_id(id: &str) -> Option<&'static str> {
    let bytes = id.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if is_missing_word(id) {
        return Some("a word for a missing value");
    }
    if bytes.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    if id.contains(char::is_control)
        || id.starts_with(char::is_whitespace)
        || id.ends_with(char::is_whitespace)
    {
        return Some("id with blanks or control characters");
    }
    if id.contains(is_without_width) {
        return Some("id with a character of no width");
    }
    if id.contains(is_full_width) {
        return Some("id in full-width characters or other digits than 0 to 9");
    }
    if id.starts_with(is_quote) || id.ends_with(is_quote) || id.contains('"') {
        return Some("id in quotes");
    }
    if id.contains(char::REPLACEMENT_CHARACTER) {
        return Some("id with U+FFFD, which replaces bytes that another program could not decode");
    }
    if id.contains("**") || id == "*" {
        return Some("id of which a part is masked, or a wildcard");
    }
    if is_several(id) {
        return Some("several ids in one cell, or brackets or a separator beside one");
    }
    if is_number_of_a_spreadsheet(id) {
        return Some("id written as a floating-point number or with separators: export it as text");
    }
    if Form::CnMobile.fit(id).is_some_and(|fitted| fitted != id) {
        return Some(PREFIX);
    }
    if id.contains(' ') && Form::CnIdCard.fit(id).is_some() {
        return Some("identity number with blanks: declare `form = \"cn-id-card\"`");
    }
    None
}

/// Whether an id is a word that programs write where there is no value.
#[must_use]
pub fn is_missing_word(id: &str) -> bool {
    id.len() <= LONGEST_MISSING && MISSING.iter().any(|word| id.eq_ignore_ascii_case(word))
}

/// Full-width letters, digits and blanks, blanks other than a space, and digits of other scripts.
fn is_full_width(letter: char) -> bool {
    matches!(letter, '\u{ff01}'..='\u{ff5e}')
        || !letter.is_ascii() && (letter.is_numeric() || letter.is_whitespace())
}

const fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '«' | '»' | '\u{ff02}' | '\u{ff07}')
}

/// Marks between ids in one cell.
const BETWEEN: [char; 8] = [';', ',', '|', '/', '\u{3001}', '\u{ff0c}', '\u{ff1b}', ' '];

/// Whether a cell holds several long numbers or addresses, or one in brackets or beside a separator.
fn is_several(id: &str) -> bool {
    let is_long = |part: &str| part.len() >= 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_address =
        |part: &str| part.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let edges = |letter: char| BETWEEN.contains(&letter) || "[](){}<>#".contains(letter);
    let parts = || id.split(edges).filter(|part| !part.is_empty());
    id.contains(edges) && parts().next().is_some() && (parts().all(is_long) || parts().all(is_address))
}

/// `1.38E+10`, `13800000000.0`, `13,800,000,000`: what programs make of an id that they take for a number. An `E` counts only
/// beside a point or a plus, because hexadecimal ids have it, too.
fn is_number_of_a_spreadsheet(id: &str) -> bool {
    let unsigned = id.strip_prefix(['+', '-']).unwrap_or(id);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let scientific = unsigned.split_once(['e', 'E']).is_some_and(|(mantissa, exponent)| {
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        digits(power)
            && digits(whole)
            && digits(fraction)
            && (mantissa.contains('.') || exponent.starts_with('+'))
    });
    let pointed = unsigned
        .split_once('.')
        .is_some_and(|(whole, fraction)| digits(whole) && fraction.bytes().all(|byte| byte == b'0'));
    let mut groups = unsigned.split(',');
    let first = groups.next().is_some_and(|group| digits(group) && group.len() <= 3);
    let grouped = unsigned.contains(',') && first && groups.all(|group| digits(group) && group.len() == 3);
    scientific || pointed || grouped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_that_another_program_spoilt_are_suspicious() {
        let spoilt = [
            "13800000000\t",
            " 13800000000",
            "13800000000\r",
            "\u{a0}7",
            "a\u{3000}b",
            "7\u{0}8",
            "\u{feff}13800000000",
            "138\u{200b}00000000",
            "１３８00000000",
            "ＡＢ1",
            "٧",
            "'13800000000",
            "\"7\"",
            "=\"13800000000\"",
            "138\"00",
            "138****0000",
            "*",
            "13800000000;13800000001",
            "13800000000,13800000001",
            "13800000000|",
            "[13800000000]",
            "#13800000000",
            "a@b.example;c@d.example",
            "<a@b.example>",
            "138\u{fffd}00",
            "“7”",
            "1.38E+10",
            "1.38e10",
            "1E+10",
            "-1.5e+07",
            "13800000000.0",
            "7.",
            "7.000",
            "13,800,000,000",
            "+8613800000000",
            "0086 13800000000",
            "138-0000-0000",
            "138 0000 0000",
            "110105 19491231 002X",
            "NULL",
            "nan",
            "#N/A",
            "-",
            "\\N",
        ];
        for id in spoilt {
            assert!(suspicious_id(id).is_some(), "{id:?}");
        }
        let clean = [
            "",
            "7",
            "007",
            "-7",
            "13800000000",
            "8613800000000",
            "u0001",
            "a.b@example.com",
            "ann-marie",
            "O'Neil",
            "12e5",
            "12345e67",
            "12e-34",
            "1.2.3",
            "7.5",
            "6.02x",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "11010519491231002x",
            "王伟",
            "Ä b",
            "nancy",
            "nullable",
            "auth0|5f7c8ec7c33c6c004bbafe82",
            "2026/000123456",
            "a/b",
            "1,23",
        ];
        for id in clean {
            assert_eq!(suspicious_id(id), None, "{id:?}");
        }
    }

    proptest! {
        /// A number as Rust prints it is never suspicious, and is when another program has spoilt it.
        #[test]
        fn spoiling_a_number_is_found(
            number in any::<i64>(),
            before in "[ \t\u{a0}\u{3000}\u{200b}\u{feff}'\"]{0,2}",
            after in "[ \t\r\u{a0}\u{200d}\u{2060}'\"]{0,2}|\\.0{0,3}|\\.[0-9]{1,3}[eE][+-]?[0-9]{1,2}",
        ) {
            let plain = number.to_string();
            prop_assert_eq!(suspicious_id(&plain), None);
            let spoilt = format!("{before}{plain}{after}");
            prop_assert_eq!(suspicious_id(&spoilt).is_some(), spoilt != plain, "{:?}", spoilt);
        }
    }
}
