//! Shapes of the ids of a file, which show ids that can never match the same person's id in another file.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::suspicious_id::PREFIX;

/// What an id is for the comparison with the other ids of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum IdShape {
    /// So many digits, without a zero before others.
    Digits(usize),
    /// So many digits, of which the first is a zero and not the only one.
    Padded(usize),
    /// So many digits, more than 15, of which those after the fifteenth are zeros: as a spreadsheet rounds longer numbers.
    Rounded(usize),
    /// So many digits: a mainland mobile number of 11 after `86`, `0086` or `0`.
    Prefixed(usize),
    /// 32 hexadecimal digits of a UUID, of which some are letters.
    Uuid {
        /// With the dashes of RFC 9562, section 4.
        has_dashes: bool,
        /// Its letters are upper case.
        is_upper: bool,
    },
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
            number if digits(number) => match number.get(SPREADSHEET_DIGITS..) {
                Some(rest @ [_, ..]) if rest.iter().all(|digit| *digit == b'0') => {
                    Self::Rounded(number.len())
                }
                _ => Self::Digits(number.len()),
            },
            other => uuid(other).unwrap_or(Self::Other),
        }
    }

    /// The shape of a whole number.
    #[must_use]
    pub fn of_number(id: i64) -> Self {
        match id {
            ..0 => Self::Other,
            8_613_000_000_000..8_620_000_000_000 => Self::Prefixed(13),
            _ => {
                let length = id.checked_ilog10().map_or(1, |power| power as usize + 1);
                let below = length.checked_sub(SPREADSHEET_DIGITS).filter(|below| *below > 0);
                let is_rounded = below.is_some_and(|below| (0..below).try_fold(id, tenth).is_some());
                if is_rounded { Self::Rounded(length) } else { Self::Digits(length) }
            }
        }
    }

    /// The shape with which ids of this one are compared: a rounded number may be a number that ends in zeros.
    const fn comparable(self) -> Self {
        match self {
            Self::Rounded(length) => Self::Digits(length),
            other => other,
        }
    }
}

/// A number without its last digit, if that is a zero.
fn tenth(number: i64, _: usize) -> Option<i64> {
    (number % 10 == 0).then_some(number / 10)
}

/// The shape of a UUID; `None` for other texts, and for one whose letters are of both cases or none.
fn uuid(id: &[u8]) -> Option<IdShape> {
    let has_dashes = match id.len() {
        32 => false,
        36 => true,
        _ => return None,
    };
    let (mut upper, mut lower) = (false, false);
    for (place, byte) in id.iter().enumerate() {
        let is_dash = has_dashes && matches!(place, 8 | 13 | 18 | 23);
        if is_dash != (*byte == b'-') || !is_dash && !byte.is_ascii_hexdigit() {
            return None;
        }
        upper |= byte.is_ascii_uppercase();
        lower |= byte.is_ascii_lowercase();
    }
    (upper != lower).then_some(IdShape::Uuid { has_dashes, is_upper: upper })
}

/// The shapes of the ids of one column of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
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
/// Fewer long numbers may end in zeros by chance.
const FEWEST_ROUNDED: u64 = 20;
/// Digits of a number that a spreadsheet keeps; it writes zeros for the others.
const SPREADSHEET_DIGITS: usize = 15;
/// Digits of a mainland mobile number.
const MOBILE: usize = 11;

impl IdShapes {
    /// Whether there is no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Whether an id of one column can be one of the other: equal ids have one shape.
    #[must_use]
    pub fn can_meet(&self, other: &Self) -> bool {
        let theirs = |shape: IdShape| other.seen.keys().any(|their| their.comparable() == shape);
        self.seen.keys().any(|shape| theirs(shape.comparable()))
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
        there
            .seen
            .keys()
            .any(|shape| matches!(shape.comparable(), IdShape::Digits(shorter) if shorter < length))
    }

    /// What the ids look like, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let lengths = |padded: bool| {
            let length = |shape: &IdShape| match shape.comparable() {
                IdShape::Digits(length) if !padded => Some(length),
                IdShape::Padded(length) if padded => Some(length),
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
        let uuids = |has_dashes, is_upper, words| has(IdShape::Uuid { has_dashes, is_upper }, words);
        let each = [
            lengths(false),
            lengths(true).map(|digits| format!("{digits} beginning with zeros")),
            prefixed.then(|| "mobile numbers after a prefix".to_owned()),
            has(IdShape::International, "`+` and digits"),
            uuids(false, false, "UUIDs without dashes in lower case"),
            uuids(false, true, "UUIDs without dashes in upper case"),
            uuids(true, false, "UUIDs with dashes in lower case"),
            uuids(true, true, "UUIDs with dashes in upper case"),
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
    /// Numbers of more than 15 digits nearly all of which end in zeros after the fifteenth; the rarer case of UUIDs in both cases; mobile numbers after a prefix where nearly all numbers are such; beside ids without one, the fewer. Among 100 numbers or more
    /// of which 99 in 100 have one length of 10 digits or more: those of another length.
    #[must_use]
    pub fn unlike(&self) -> Option<Unlike> {
        if let Some(unlike) = self.rounded().or_else(|| self.uuids_of_both_cases()) {
            return Some(unlike);
        }
        let mut lengths: BTreeMap<usize, Seen> = BTreeMap::new();
        for (shape, seen) in &self.seen {
            if let IdShape::Digits(length) | IdShape::Padded(length) = shape.comparable() {
                lengths.entry(length).and_modify(|known| *known = both(*known, *seen)).or_insert(*seen);
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

    /// Long numbers nearly all of which end in the zeros that a spreadsheet leaves; one in ten of 16 digits does by chance.
    fn rounded(&self) -> Option<Unlike> {
        let mut rounded = self.seen.iter().filter_map(|(shape, seen)| match shape {
            IdShape::Rounded(length) => Some((*length, *seen)),
            _ => None,
        });
        let is_all_but_few = |(length, (count, _)): &(usize, Seen)| {
            let exact = self.seen.get(&IdShape::Digits(*length)).map_or(0, |(count, _)| *count);
            *count >= FEWEST_ROUNDED && u128::from(*count) >= u128::from(exact) * 9
        };
        let (_, (count, row)) = rounded.find(is_all_but_few)?;
        let reason = "number of more than 15 digits that a spreadsheet rounded: export it as text";
        Some(Unlike { count, row, reason })
    }

    /// UUIDs in the rarer case, if a column has both.
    fn uuids_of_both_cases(&self) -> Option<Unlike> {
        let of = |is_upper: bool| {
            let seen = [false, true].map(|has_dashes| self.seen.get(&IdShape::Uuid { has_dashes, is_upper }));
            seen.into_iter().flatten().copied().reduce(both)
        };
        let (upper, lower) = (of(true)?, of(false)?);
        let (count, row) = if upper.0 < lower.0 { upper } else { lower };
        let reason = "UUIDs in upper and in lower case in one file: declare `form = \"lower-case\"`";
        Some(Unlike { count, row, reason })
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

    proptest! {
        /// A text has the shape of the number that it spells.
        #[test]
        fn a_number_has_one_shape(number in prop_oneof![any::<i64>(), 8_612_999_999_990..8_620_000_000_010i64, 0..100i64, (1..9_000_000_000_000_000i64).prop_map(|n| n * 1_000)]) {
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

    /// Promise: numbers that a spreadsheet rounded are found, and numbers that end in zeros by chance are not.
    #[test]
    fn numbers_rounded_to_fifteen_digits_are_found() {
        let card = |n: u64, rounded: bool| {
            let number = 110_101_199_003_070_000 + n * 1_001;
            (if rounded { number / 1_000 * 1_000 } else { number }).to_string()
        };
        let rounded = |count: u64| (0..count).map(|n| card(n, true));
        assert_eq!(unlike(rounded(20)), Some((20, 0)));
        assert_eq!(unlike(rounded(19)), None, "too few");
        assert_eq!(unlike((1..3).map(|n| card(n, false)).chain(rounded(40))), Some((40, 2)));
        assert_eq!(unlike((0..2_000).map(|n| card(n, false))), None);
        let spelled = (0..3_000).map(|n| (1_234_567_890_123_456_u64 + n).to_string());
        assert_eq!(unlike(spelled), None, "one in ten ends in a zero");
    }

    /// Promise: UUIDs of one person that two programs spell differently are found, in one file and between files.
    #[test]
    fn uuids_in_several_spellings_are_found() {
        let uuid = |n: u64| format!("f47ac10b-58cc-4372-a567-0e02b2c3{n:04x}");
        let (lower, upper) = (uuid, |n| uuid(n).to_uppercase());
        assert_eq!(unlike((0..500).map(lower)), None);
        assert_eq!(unlike((0..500).map(lower).chain((0..3).map(upper))), Some((3, 500)));
        let shapes = |ids: &[String]| {
            let mut all = IdShapes::default();
            ids.iter().for_each(|id| all.add(IdShape::of(id), 0, 1));
            all
        };
        let all = [lower(1), upper(1), lower(1).replace('-', ""), upper(1).replace('-', "")];
        for (place, one) in all.iter().enumerate() {
            for (other_place, other) in all.iter().enumerate() {
                let meet = shapes(std::slice::from_ref(one)).can_meet(&shapes(std::slice::from_ref(other)));
                assert_eq!(meet, place == other_place, "{one} {other}");
            }
        }
        assert_eq!(IdShape::of("f47ac10b-58cc-4372-a567-0e02b2c3d47"), IdShape::Other);
        assert_eq!(IdShape::of("f47ac10b058cc-4372-a567-0e02b2c3d479"), IdShape::Other);
    }
}
