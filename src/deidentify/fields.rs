//! How far a declared field is coarsened, wherever it is read: at a platform by `tokenize`, in the sandbox by a seal.
//!
//! Every treatment is idempotent, so a tokenised file is sealed as the raw one is.

use std::fmt;

use crate::types::Zone;

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
    /// Instants, moved to the start of their hour, day or week on the clocks of a zone; UTC without one.
    Truncate(Span, Option<Zone>),
    /// Words, cut to their first letters: a province of a region code.
    Prefix(usize),
    /// Words of a closed list; any other becomes `other`.
    Listed(Vec<String>),
}

/// What an instant is truncated to; weeks start on Monday.
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

    /// A time at which one starts: 1970 began on a Thursday.
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
            Self::Truncate(span, None) => floor(value, span.seconds(), span.start()),
            Self::Truncate(span, Some(zone)) => local_floor(value, *span, zone),
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
            Self::AsIs | Self::Round(_) | Self::Truncate(..) | Self::Listed(_) => word,
        }
    }
}

impl fmt::Display for Treatment {
    /// As it is added to the name of a field: nothing for one that is read as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsIs => Ok(()),
            Self::Round(unit) => write!(f, " rounded to {unit}"),
            Self::Truncate(span, zone) => {
                f.write_str(match span {
                    Span::Hour => " by the hour",
                    Span::Day => " by the day",
                    Span::Week => " by the week",
                })?;
                zone.as_ref().map_or(Ok(()), |zone| write!(f, " in {}", zone.name()))
            }
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

/// The start of the hour, day or week of an instant on the clocks of a zone; what no calendar holds stays what it is.
fn local_floor(value: i64, span: Span, zone: &Zone) -> i64 {
    let Some(local) = zone.local(value) else { return value };
    let start = floor(local, span.seconds(), span.start());
    if span != Span::Hour {
        return zone.start_of_day(start).map_or(value, |day| day.min(value));
    }
    // Where clocks were turned within the hour, the start lies before that, and may not start an hour there.
    match value.saturating_sub(local.saturating_sub(start)) {
        same if same == value => value,
        earlier => local_floor(earlier, span, zone),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::{Timestamp, Zone};

    fn treatments() -> impl Strategy<Value = Treatment> {
        prop_oneof![
            Just(Treatment::AsIs),
            (1..2_000i64).prop_map(Treatment::Round),
            Just(Treatment::Round(i64::MAX)),
            (
                prop_oneof![Just(Span::Hour), Just(Span::Day), Just(Span::Week)],
                prop_oneof![
                    Just(None),
                    prop_oneof![
                        Just("Asia/Shanghai"),
                        Just("Europe/Berlin"),
                        Just("Australia/Lord_Howe"),
                        Just("America/Sao_Paulo"),
                        Just("-09:30"),
                    ]
                    .prop_map(|name| Zone::parse(name).ok())
                ],
            )
                .prop_map(|(span, zone)| Treatment::Truncate(span, zone)),
            (1..5usize).prop_map(Treatment::Prefix),
            proptest::collection::vec("[a-c]{0,3}", 0..3).prop_map(Treatment::Listed),
        ]
    }

    proptest! {
        /// What was treated once stays as it is.
        #[test]
        fn treating_again_changes_nothing(
            treatment in treatments(),
            number in prop_oneof![any::<i64>(), -5_000..5_000i64, 0..4_000_000_000i64, Just(i64::MIN), Just(i64::MAX)],
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
            assert_eq!(Treatment::Truncate(span, None).number(at("2026-11-23T07:59:59+08:00")), at(expected));
        }
        let shanghai = Some(Zone::parse("Asia/Shanghai").unwrap());
        for (span, expected) in [
            (Span::Hour, "2026-11-23T07:00:00+08:00"),
            (Span::Day, "2026-11-23T00:00:00+08:00"),
            (Span::Week, "2026-11-23T00:00:00+08:00"),
        ] {
            let local = Treatment::Truncate(span, shanghai.clone());
            assert_eq!(local.number(at("2026-11-23T07:59:59+08:00")), at(expected));
        }
        // 2026-11-16 is a Monday, and so is the start of its own week.
        let monday = at("2026-11-16T00:00:00Z");
        assert_eq!(Treatment::Truncate(Span::Week, None).number(monday), monday);
        assert_eq!(Treatment::Truncate(Span::Week, None).number(monday - 1), monday - 7 * 86_400);
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
