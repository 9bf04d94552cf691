//! How far a declared field is coarsened, wherever it is read: at a platform by `tokenize`, in the sandbox by a seal.
//!
//! Every treatment is idempotent, so a tokenised file is sealed as the raw one is.

use std::fmt;

/// What a word outside a closed list becomes; tags name it so, too.
const OTHER: &str = "other";

/// How far the values of a field are coarsened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Treatment {
    /// Not at all.
    #[default]
    AsIs,
    /// Numbers, rounded down to a multiple of a unit of at least 1.
    Round(i64),
    /// Instants, moved to the start of their hour, day or week.
    Truncate(Span),
    /// Words, cut to their first letters: a province of a region code.
    Prefix(usize),
    /// Words of a closed list; any other becomes `other`.
    Listed(Vec<String>),
}

/// What an instant is truncated to, in UTC; weeks start on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words are those of the study file")]
pub enum Span {
    Hour,
    Day,
    Week,
}

impl Span {
    /// Its length in seconds.
    const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
        }
    }

    /// An instant at which one starts: 1970 began on a Thursday.
    const fn start(self) -> i64 {
        if matches!(self, Self::Week) { -3 * 86_400 } else { 0 }
    }
}

impl Treatment {
    /// A number, or an instant in seconds since 1970, coarsened. Never larger than it was.
    #[must_use]
    pub fn number(&self, value: i64) -> i64 {
        match self {
            Self::Round(unit) => floor(value, *unit, 0),
            Self::Truncate(span) => floor(value, span.seconds(), span.start()),
            Self::AsIs | Self::Prefix(_) | Self::Listed(_) => value,
        }
    }

    /// A word, coarsened.
    #[must_use]
    pub fn word<'a>(&self, word: &'a str) -> &'a str {
        match self {
            Self::Prefix(letters) => {
                let end = word.char_indices().nth(*letters).map_or(word.len(), |(at, _)| at);
                word.get(..end).unwrap_or(word)
            }
            Self::Listed(words) if !words.iter().any(|known| known == word) => OTHER,
            Self::AsIs | Self::Round(_) | Self::Truncate(_) | Self::Listed(_) => word,
        }
    }
}

impl fmt::Display for Treatment {
    /// As it is added to the name of a field: nothing for one that is read as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsIs => Ok(()),
            Self::Round(unit) => write!(f, " rounded to {unit}"),
            Self::Truncate(Span::Hour) => f.write_str(" by the hour"),
            Self::Truncate(Span::Day) => f.write_str(" by the day"),
            Self::Truncate(Span::Week) => f.write_str(" by the week"),
            Self::Prefix(letters) => write!(f, " cut to {letters} letters"),
            Self::Listed(words) => write!(f, " as one of {}", words.join(", ")),
        }
    }
}

/// The last of `start`, `start + unit`, ... and those before, that is not after `value`; the end of the numbers stays what it is.
fn floor(value: i64, unit: i64, start: i64) -> i64 {
    let over = i128::from(value) - i128::from(start);
    let into = over.checked_rem_euclid(i128::from(unit)).unwrap_or(0);
    i64::try_from(i128::from(value) - into).unwrap_or(i64::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::Timestamp;

    fn treatments() -> impl Strategy<Value = Treatment> {
        prop_oneof![
            Just(Treatment::AsIs),
            (1..2_000i64).prop_map(Treatment::Round),
            Just(Treatment::Round(i64::MAX)),
            prop_oneof![Just(Span::Hour), Just(Span::Day), Just(Span::Week)].prop_map(Treatment::Truncate),
            (1..5usize).prop_map(Treatment::Prefix),
            proptest::collection::vec("[a-c]{0,3}", 0..3).prop_map(Treatment::Listed),
        ]
    }

    proptest! {
        /// What was treated once stays as it is, and says no more than before.
        #[test]
        fn treating_again_changes_nothing(
            treatment in treatments(),
            number in prop_oneof![any::<i64>(), -5_000..5_000i64, Just(i64::MIN), Just(i64::MAX)],
            word in prop_oneof!["[a-d省]{0,6}", "\\PC{0,6}", Just("other".to_owned())],
        ) {
            let once = treatment.number(number);
            prop_assert_eq!(treatment.number(once), once);
            prop_assert!(once <= number);
            let once = treatment.word(&word);
            prop_assert_eq!(treatment.word(once), once);
            prop_assert!(word.starts_with(once) || once == OTHER);
        }
    }

    #[test]
    fn numbers_and_instants_are_moved_down() {
        for (unit, value, expected) in
            [(100, 199, 100), (100, 200, 200), (100, -1, -100), (1, 7, 7), (7, i64::MIN, i64::MIN)]
        {
            assert_eq!(Treatment::Round(unit).number(value), expected);
        }
        let at = |text: &str| Timestamp::parse(text).unwrap().seconds();
        for (span, expected) in [
            (Span::Hour, "2026-11-22T23:00:00Z"),
            (Span::Day, "2026-11-22T00:00:00Z"),
            (Span::Week, "2026-11-16T00:00:00Z"),
        ] {
            assert_eq!(Treatment::Truncate(span).number(at("2026-11-23T07:59:59+08:00")), at(expected));
        }
        // 2026-11-16 is a Monday, and so is the start of its own week.
        let monday = at("2026-11-16T00:00:00Z");
        assert_eq!(Treatment::Truncate(Span::Week).number(monday), monday);
        assert_eq!(Treatment::Truncate(Span::Week).number(monday - 1), monday - 7 * 86_400);
    }

    #[test]
    fn words_are_cut_by_letters_or_listed() {
        assert_eq!(Treatment::Prefix(2).word("310115"), "31");
        assert_eq!(Treatment::Prefix(2).word("上海市"), "上海");
        assert_eq!(Treatment::Prefix(9).word("31"), "31");
        let listed = Treatment::Listed(vec!["food".into(), "ride".into()]);
        assert_eq!(
            ["food", "ride", "Food", "", "other"].map(|word| listed.word(word)),
            ["food", "ride", "other", "other", "other"]
        );
    }
}
