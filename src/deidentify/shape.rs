//! Shapes of direct identifiers, recognised by checksums and forms of each text alone.

use std::collections::BTreeMap;

/// What a direct identifier looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A bank card number, by its length and check digit.
    CardNumber,
    /// A latitude with a longitude.
    Coordinates,
    /// An email address.
    Email,
    /// A text of several words.
    FreeText,
    /// A number of a Chinese identity card, by its check digit.
    IdCard,
    /// A phone number.
    PhoneNumber,
}

impl Shape {
    /// How messages call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CardNumber => "card numbers",
            Self::Coordinates => "coordinates",
            Self::Email => "email addresses",
            Self::FreeText => "free text",
            Self::IdCard => "identity numbers",
            Self::PhoneNumber => "phone numbers",
        }
    }
}

/// A shape that a text could have by its length, and whether it has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// The shape.
    pub shape: Shape,
    /// Whether the text passes its checks, and is not only as long as one.
    pub passes: bool,
}

/// Letters that free text has at least, where spaces part its words.
const FREE: usize = 80;
/// Letters that it has at least in a script that writes without spaces, where names of companies are shorter.
const FREE_DENSE: usize = 40;
/// Spaces that it has at least, and letters of such a script.
const WORDS: usize = 8;
const DENSE: usize = 20;

/// What a text looks like. Never looks at more than its first letters when it is long.
#[must_use]
pub fn looks(text: &str) -> Option<Looks> {
    let found = |shape, passes| Some(Looks { shape, passes });
    let text = text.trim();
    let bytes = text.as_bytes();
    if text.chars().nth(FREE_DENSE - 1).is_some() {
        return is_free_text(text).then_some(Looks { shape: Shape::FreeText, passes: true });
    }
    if bytes.contains(&b'@') {
        return is_email(text).then_some(Looks { shape: Shape::Email, passes: true });
    }
    if bytes.contains(&b'.') {
        return is_coordinates(text).then_some(Looks { shape: Shape::Coordinates, passes: true });
    }
    let mut digits = [0; 23];
    let number = plain(bytes, &mut digits)?;
    match number.len() {
        11 => found(Shape::PhoneNumber, is_cn_mobile(number)),
        18 => found(Shape::IdCard, is_id_card(number)),
        // Bank and payment cards start with 3 to 6 (ISO/IEC 7812).
        13..=19 => found(Shape::CardNumber, matches!(number.first(), Some(b'3'..=b'6')) && luhn(number)),
        _ => None,
    }
}

/// The digits of a number as people write it: without spaces, dashes and the country of a phone; a last `X` stays.
fn plain<'a>(text: &[u8], digits: &'a mut [u8; 23]) -> Option<&'a [u8]> {
    let text = [b"+86".as_slice(), b"0086"]
        .into_iter()
        .find_map(|country| text.strip_prefix(country))
        .unwrap_or(text);
    let mut count = 0;
    for &byte in text.iter().filter(|byte| !matches!(byte, b' ' | b'-')) {
        let digit = match byte {
            b'0'..=b'9' => byte,
            b'x' | b'X' if count == 17 => b'X',
            _ => return None,
        };
        *digits.get_mut(count)? = digit;
        count += 1;
    }
    digits.get(..count)
}

/// Eleven digits that begin as mainland mobile numbers do: 13 to 19.
#[must_use]
pub fn is_cn_mobile(text: &[u8]) -> bool {
    matches!(text, [b'1', b'3'..=b'9', rest @ ..] if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit))
}

/// An identity number of 18 characters: a region, a date of birth, an order and a check character.
///
/// Source: GB 11643-1999; the check character is that of ISO 7064, MOD 11-2.
#[must_use]
pub fn is_id_card(text: &[u8]) -> bool {
    let Ok(text) = <&[u8; 18]>::try_from(text) else { return false };
    let Some((check, digits)) = text.split_last() else { return false };
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(check, b'0'..=b'9' | b'X') {
        return false;
    }
    let number = |from: usize, len: usize| {
        digits.iter().skip(from).take(len).fold(0u32, |all, digit| all * 10 + u32::from(digit - b'0'))
    };
    let (year, month, day) = (number(6, 4), number(10, 2), number(12, 2));
    let dated = (1850..=2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let double = |all: u32, digit: &u8| (all + u32::from(digit - b'0')) * 2 % 11;
    let wanted = (12 - digits.iter().fold(0, double)) % 11;
    let given = if *check == b'X' { 10 } else { u32::from(check - b'0') };
    dated && digits.first() != Some(&b'0') && wanted == given
}

/// Whether the last digit of a card number is its check digit (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let weighted = digits.iter().rev().enumerate().map(|(place, digit)| {
        let digit = u32::from(digit.saturating_sub(b'0'));
        let weight = if place % 2 == 1 { digit * 2 } else { digit };
        weight / 10 + weight % 10
    });
    weighted.sum::<u32>() % 10 == 0
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let letters = |part: &str, more: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    letters(local, b".!#$%&'*+/=?^_`{|}~-") && letters(domain, b".-") && {
        let mut labels = domain.rsplit('.');
        labels.next().is_some_and(|top| top.len() > 1 && top.bytes().all(|b| b.is_ascii_alphabetic()))
            && labels.next().is_some_and(|label| !label.is_empty())
    }
}

/// A pair of decimals with 4 digits or more after the point, about ten metres; or one with 5, about one.
fn is_coordinates(text: &str) -> bool {
    let within = |part: &str, most: i32, least: usize| {
        let unsigned = part.trim().strip_prefix(['-', '+']).unwrap_or(part.trim());
        let Some((whole, fraction)) = unsigned.split_once('.') else { return false };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole)
            && digits(fraction)
            && fraction.len() >= least
            && whole.parse::<i32>().is_ok_and(|degrees| degrees <= most)
    };
    match text.split_once([',', ';']) {
        Some((one, other)) => {
            within(one, 90, 4) && within(other, 180, 4) || within(one, 180, 4) && within(other, 90, 4)
        }
        None => within(text, 180, 5),
    }
}

/// Whether a text of [`FREE_DENSE`] letters or more is free text, by its first 256 letters.
fn is_free_text(text: &str) -> bool {
    let (mut letters, mut spaces, mut dense) = (0, 0, 0);
    for letter in text.chars().take(256) {
        letters += 1;
        spaces += usize::from(letter == ' ');
        dense += usize::from(letter > '\u{2e7f}');
    }
    dense >= DENSE || letters >= FREE && spaces >= WORDS
}

/// What the texts of one column look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Texts that were looked at.
    of: u64,
    /// For every shape: texts as long as one, and those of them that pass its checks.
    like: BTreeMap<Shape, (u64, u64)>,
}

/// A column with fewer of them is left alone.
const LEAST: u64 = 10;

impl Looked {
    /// Examines one text; an empty one is ignored.
    pub fn at(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.of += 1;
        if let Some(Looks { shape, passes }) = looks(text) {
            let (framed, passed) = self.like.entry(shape).or_default();
            *framed += 1;
            *passed += u64::from(passes);
        }
    }

    /// What both looked at.
    pub fn and(&mut self, other: &Self) {
        self.of += other.of;
        for (shape, (framed, passed)) in &other.like {
            let known = self.like.entry(*shape).or_default();
            *known = (known.0 + framed, known.1 + passed);
        }
    }

    /// How many texts were looked at.
    #[must_use]
    pub const fn of(&self) -> u64 {
        self.of
    }

    /// Shapes with how many texts have them; those that no text has are left out.
    pub fn counts(&self) -> impl Iterator<Item = (Shape, u64)> {
        self.like.iter().filter(|(_, (_, passed))| *passed > 0).map(|(shape, (_, passed))| (*shape, *passed))
    }

    /// The first shape that the column has, not by chance: at least 10 texts, at least one in a hundred, and at least half of
    /// those that are as long as one.
    ///
    /// Of made-up numbers one in eleven passes the check of an identity number, one in ten that of a card, and fewer than one in
    /// ten numbers of eleven digits begins like a phone's: never half of many.
    #[must_use]
    pub fn identifier(&self) -> Option<(Shape, u64)> {
        let many = |(framed, passed): &(u64, u64)| {
            *passed >= LEAST && passed.saturating_mul(100) >= self.of && passed.saturating_mul(2) >= *framed
        };
        self.like.iter().find(|(_, counts)| many(counts)).map(|(shape, (_, passed))| (*shape, *passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(text: &str) -> Option<Shape> {
        looks(text).filter(|looks| looks.passes).map(|looks| looks.shape)
    }

    #[test]
    fn direct_identifiers_are_recognised_by_their_checks() {
        let cases = [
            ("13800000000", Some(Shape::PhoneNumber)),
            ("+86 138-0000-0000", Some(Shape::PhoneNumber)),
            ("008613800000000", Some(Shape::PhoneNumber)),
            ("12800000000", None),
            // GB 11643 gives these two.
            ("11010519491231002X", Some(Shape::IdCard)),
            ("440524188001010014", Some(Shape::IdCard)),
            ("440524188001010015", None),
            ("440524188013010014", None),
            // Test numbers of card schemes.
            ("4111 1111 1111 1111", Some(Shape::CardNumber)),
            ("6200000000000005", Some(Shape::CardNumber)),
            ("378282246310005", Some(Shape::CardNumber)),
            ("4111111111111112", None),
            ("0000000000000000", None),
            ("a.b+c@example.com", Some(Shape::Email)),
            ("a@b", None),
            ("@handle", None),
            ("31.2304,121.4737", Some(Shape::Coordinates)),
            ("-31.23041", Some(Shape::Coordinates)),
            ("31.2304", None),
            ("6.8712", None),
            ("12.50", None),
            ("v1.23456", None),
            (
                "please leave the parcel with my neighbour, they are at home all day and their bell is the lower one",
                Some(Shape::FreeText),
            ),
            (
                "请把包裹放在门口的柜子里谢谢。如果没有人在家请打电话给我的邻居王先生他会帮忙代收，他家在三楼左边第二间房子",
                Some(Shape::FreeText),
            ),
            ("Shanghai Pudong International Airport Duty Free Shop Co Ltd", None),
            ("上海某某国际贸易有限公司浦东新区第一分公司", None),
            ("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", None),
            ("food", None),
            ("310115", None),
            ("m0001", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(passes(text), expected, "{text}");
        }
    }

    /// Counts what a column of these texts looks like.
    fn column(texts: impl Iterator<Item = String>) -> Option<Shape> {
        let mut looked = Looked::default();
        texts.for_each(|text| looked.at(&text));
        looked.identifier().map(|(shape, _)| shape)
    }

    /// Numbers of no person: a plain generator, so that they look like nothing.
    fn numbers(count: u64, digits: u32) -> impl Iterator<Item = u64> {
        let mut state = 7u64;
        (0..count).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            10u64.pow(digits - 1) + (state >> 1) % (9 * 10u64.pow(digits - 1))
        })
    }

    #[test]
    fn a_column_is_refused_for_a_few_identifiers_and_not_for_numbers_by_chance() {
        let phone = |n: u64| format!("138{n:08}");
        let mixed = |of: u64| (0..1_000).map(move |n| if n < of { phone(n) } else { format!("m{n}") });
        assert_eq!(column(mixed(10)), Some(Shape::PhoneNumber));
        assert_eq!(column(mixed(9)), None);
        assert_eq!(column(mixed(10).chain((0..1).map(|_| "x".into()))), None, "less than one in a hundred");
        for digits in 11..=19 {
            assert_eq!(column(numbers(20_000, digits).map(|number| number.to_string())), None, "{digits}");
        }
        assert_eq!(column((0..500).map(|n| format!("2026100100{n:06}"))), None, "order numbers");
        assert_eq!(column((0..500).map(|n| format!("{}.{:02}", n, n % 100))), None, "prices");
    }
}
