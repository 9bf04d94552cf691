//! Ids that can never meet the same person's id in another file, found from the id or from its file alone.

use std::collections::BTreeMap;

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

/// What an id is for the comparison with the other ids of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdShape {
    /// So many digits, without a zero before others.
    Digits(usize),
    /// So many digits, of which the first is a zero and not the only one.
    Padded(usize),
    /// So many digits: a mainland mobile number of 11 after `86`, `0086` or `0`.
    Prefixed(usize),
    /// `+` and digits.
    International,
    /// Anything else.
    Other,
}

impl IdShape {
    /// The shape of a text.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let digits = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
        match id.as_bytes() {
            [b'8', b'6', local @ ..] | [b'0', b'0', b'8', b'6', local @ ..] | [b'0', local @ ..]
                if super::is_cn_mobile(local) =>
            {
                Self::Prefixed(id.len())
            }
            [b'+', number @ ..] if digits(number) => Self::International,
            [b'0', _, ..] if digits(id.as_bytes()) => Self::Padded(id.len()),
            number if digits(number) => Self::Digits(number.len()),
            _ => Self::Other,
        }
    }

    /// The shape of a whole number.
    #[must_use]
    pub fn of_number(id: i64) -> Self {
        match id {
            ..0 => Self::Other,
            8_613_000_000_000..8_620_000_000_000 => Self::Prefixed(13),
            _ => Self::Digits(id.checked_ilog10().map_or(1, |power| power as usize + 1)),
        }
    }
}

/// The shapes of the ids of one column of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdShapes {
    /// For every shape how many ids have it, and the first row.
    seen: BTreeMap<IdShape, Seen>,
}

/// Ids of a file that are unlike almost all others of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unlike {
    /// How many.
    pub count: u64,
    /// The first row, from 0.
    pub row: u64,
    /// Why they can meet no id of another file.
    pub reason: &'static str,
}

/// Numbers shorter than this are counters more often than phones, cards or papers, and grow.
const FIXED_LENGTH: usize = 10;
/// A file with fewer numeric ids has no usual length.
const FEWEST: u64 = 100;
/// Fewer mobile numbers after a prefix may be so by chance.
const FEWEST_PREFIXED: u64 = 20;
/// Digits of a mainland mobile number.
const MOBILE: usize = 11;
const PREFIX: &str = "phone number with a country prefix, blanks or dashes: declare `form = \"cn-mobile\"`";

impl IdShapes {
    /// Whether there is no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Whether an id of one column can be one of the other: equal ids have one shape.
    #[must_use]
    pub fn can_meet(&self, other: &Self) -> bool {
        self.seen.keys().any(|shape| other.seen.contains_key(shape))
    }

    /// Whether ids begin with zeros here, and there none does and some are shorter: as where a program took ids for numbers.
    #[must_use]
    pub fn lost_zeros(&self, there: &Self) -> bool {
        let padded = |shapes: &Self| {
            shapes
                .seen
                .keys()
                .filter_map(|shape| if let IdShape::Padded(length) = shape { Some(*length) } else { None })
                .max()
        };
        let (Some(length), None) = (padded(self), padded(there)) else { return false };
        there.seen.keys().any(|shape| matches!(shape, IdShape::Digits(shorter) if *shorter < length))
    }

    /// What the ids look like, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let lengths = |padded: bool| {
            let length = |shape: &IdShape| match shape {
                IdShape::Digits(length) if !padded => Some(*length),
                IdShape::Padded(length) if padded => Some(*length),
                _ => None,
            };
            let all = || self.seen.keys().filter_map(length);
            Some(match (all().min()?, all().max()?) {
                (least, most) if least == most => format!("{least} digits"),
                (least, most) => format!("{least} to {most} digits"),
            })
        };
        let prefixed = self.seen.keys().any(|shape| matches!(shape, IdShape::Prefixed(_)));
        let has = |shape: IdShape, words: &str| self.seen.contains_key(&shape).then(|| words.to_owned());
        let each = [
            lengths(false),
            lengths(true).map(|digits| format!("{digits} beginning with zeros")),
            prefixed.then(|| "mobile numbers after a prefix".to_owned()),
            has(IdShape::International, "`+` and digits"),
            has(IdShape::Other, "other texts"),
        ];
        each.into_iter().flatten().collect::<Vec<_>>().join(" or ")
    }

    /// Counts ids of one shape from `row` on.
    pub fn add(&mut self, shape: IdShape, row: u64, count: u64) {
        if count > 0 {
            let (known, first) = self.seen.entry(shape).or_insert((0, row));
            *known += count;
            *first = row.min(*first);
        }
    }

    /// Adds the shapes of another part of the file, whose rows are counted from `row`.
    pub fn and_from(&mut self, row: u64, other: &Self) {
        other.seen.iter().for_each(|(shape, (count, first))| self.add(*shape, row + *first, *count));
    }

    /// The ids that can meet none of another file.
    ///
    /// Mobile numbers after a prefix where nearly all numbers are such; beside ids without one, the fewer. Among 100 numbers or more
    /// of which 99 in 100 have one length of 10 digits or more: those of another length.
    #[must_use]
    pub fn unlike(&self) -> Option<Unlike> {
        let mut lengths: BTreeMap<usize, Seen> = BTreeMap::new();
        for (shape, seen) in &self.seen {
            if let IdShape::Digits(length) | IdShape::Padded(length) = shape {
                lengths.entry(*length).and_modify(|known| *known = both(*known, *seen)).or_insert(*seen);
            }
        }
        let prefixed = self.seen.iter().filter_map(|(shape, seen)| match shape {
            IdShape::Prefixed(length) => Some((*length, *seen)),
            _ => None,
        });
        let numbers = lengths.values().copied().chain(prefixed.clone().map(|(_, seen)| seen)).reduce(both)?;
        for (length, seen) in prefixed {
            let (count, row) = seen;
            if count >= FEWEST_PREFIXED && u128::from(count) * 10 >= u128::from(numbers.0) * 9 {
                return Some(Unlike { count, row, reason: PREFIX });
            }
            match (lengths.get(&length), lengths.get(&MOBILE)) {
                (None, Some(bare)) => return Some(fewer(seen, *bare)),
                // Among numbers of the same length some begin so by chance.
                (known, _) => {
                    let all = known.map_or(seen, |known| both(*known, seen));
                    lengths.insert(length, all);
                }
            }
        }
        if let Some(international) = self.seen.get(&IdShape::International) {
            return Some(fewer(*international, numbers));
        }
        let (length, (usual, _)) = lengths.iter().max_by_key(|(_, (count, _))| *count)?;
        let (count, row) =
            lengths.iter().filter(|(other, _)| *other != length).map(|(_, seen)| *seen).reduce(both)?;
        let is_usual = u128::from(*usual) * 100 >= u128::from(numbers.0) * 99;
        let reason = "number of another length than 99 of 100 ids of the file";
        (*length >= FIXED_LENGTH && numbers.0 >= FEWEST && is_usual).then_some(Unlike { count, row, reason })
    }
}

/// How many ids, and the first row.
type Seen = (u64, u64);

fn both((count, row): Seen, (more, other): Seen) -> Seen {
    (count + more, row.min(other))
}

fn fewer(one: Seen, other: Seen) -> Unlike {
    let (count, row) = if other.0 < one.0 { other } else { one };
    let reason = "ids with and without a country prefix in one file: declare the form of the namespace";
    Unlike { count, row, reason }
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

        /// A text has the shape of the number that it spells.
        #[test]
        fn a_number_has_one_shape(number in prop_oneof![any::<i64>(), 8_612_999_999_990..8_620_000_000_010i64, 0..100i64]) {
            let expected = if number < 0 { IdShape::Other } else { IdShape::of(&number.to_string()) };
            prop_assert_eq!(IdShape::of_number(number), expected);
        }
    }

    fn unlike<T: AsRef<str>>(ids: impl IntoIterator<Item = T>) -> Option<(u64, u64)> {
        let (mut even, mut odd) = (IdShapes::default(), IdShapes::default());
        for (row, id) in (0..).zip(ids) {
            (if row % 2 == 0 { &mut even } else { &mut odd }).add(IdShape::of(id.as_ref()), row, 1);
        }
        even.and_from(0, &odd);
        even.unlike().map(|unlike| (unlike.count, unlike.row))
    }

    #[test]
    fn columns_whose_ids_never_have_one_shape_cannot_meet() {
        let shapes = |ids: &[&str]| {
            let mut all = IdShapes::default();
            (0..).zip(ids).for_each(|(row, id)| all.add(IdShape::of(id), row, 1));
            all
        };
        let (padded, plain) = (shapes(&["0007", "0012", "1234"]), shapes(&["7", "12", "1234"]));
        assert!(padded.can_meet(&plain) && padded.lost_zeros(&plain) && !plain.lost_zeros(&padded));
        assert!(!shapes(&["0007"]).can_meet(&shapes(&["7"])));
        assert!(!shapes(&["13800000000"]).can_meet(&shapes(&["8613800000000", "+8613800000000"])));
        assert!(shapes(&["0", "5"]).can_meet(&shapes(&["7"])), "a single zero is a number");
        assert!(!padded.lost_zeros(&shapes(&["1234", "5678"])), "none there is shorter");
        assert!(!padded.lost_zeros(&shapes(&["u7"])));
        assert_eq!(padded.describe(), "4 digits or 4 digits beginning with zeros");
        assert_eq!(plain.describe(), "1 to 4 digits");
    }

    proptest! {
        /// Columns that share an id can meet, whatever else they hold.
        #[test]
        fn columns_that_share_an_id_can_meet(
            shared in prop_oneof!["[0-9]{1,14}", "86138[0-9]{8}", "\\+[0-9]{1,5}", "[a-z0-9]{1,4}"],
            one in proptest::collection::vec("[0-9a-z+]{1,14}", 0..5),
            other in proptest::collection::vec("[0-9a-z+]{1,14}", 0..5),
        ) {
            let shapes = |ids: &[String]| {
                let mut all = IdShapes::default();
                ids.iter().chain([&shared]).for_each(|id| all.add(IdShape::of(id), 0, 1));
                all
            };
            prop_assert!(shapes(&one).can_meet(&shapes(&other)));
        }
    }

    #[test]
    fn ids_unlike_almost_all_others_of_a_file_are_found() {
        let phones = |count: u64| (0..count).map(|n| format!("138{n:08}"));
        let cut = |count: u64| (0..count).map(|n| format!("138{n:07}"));
        assert_eq!(unlike(phones(990)), None);
        assert_eq!(unlike(phones(990).chain(cut(10))), Some((10, 990)));
        assert_eq!(unlike(phones(989).chain(cut(11))), None, "more than one in a hundred");
        assert_eq!(unlike(phones(98).chain(cut(1))), None, "too few to have a usual length");
        assert_eq!(unlike((9_000..1_000_000).map(|n| n.to_string())), None, "counters grow");
        let prefixed = |count: u64| (0..count).map(|n| format!("86138{n:08}"));
        assert_eq!(unlike(prefixed(500)), Some((500, 0)));
        assert_eq!(unlike(prefixed(19)), None, "too few");
        let chance =
            (0..1000).map(|n| if n % 50 == 0 { format!("86138{n:08}") } else { format!("90000{n:08}") });
        assert_eq!(unlike(chance), None, "numbers of 13 digits");
        for prefix in ["0086", "0"] {
            let prefixed = |count: u64| phones(count).map(move |phone| format!("{prefix}{phone}"));
            assert_eq!(unlike(prefixed(20)), Some((20, 0)));
            assert_eq!(unlike(phones(400).chain(prefixed(100))), Some((100, 400)));
        }
        assert_eq!(unlike(phones(100).chain(prefixed(500))), Some((100, 0)));
        assert_eq!(unlike(phones(10).chain(prefixed(500))), Some((500, 10)));
        assert_eq!(unlike(phones(500).chain(prefixed(200))), Some((200, 500)));
        let abroad = |count: u64| (0..count).map(|n| format!("+1415{n:07}"));
        assert_eq!(unlike(abroad(500)), None);
        assert_eq!(unlike(phones(500).chain(abroad(3))), Some((3, 500)));
        assert_eq!(unlike((0..500).map(|n| format!("u{n}"))), None);
    }
}
