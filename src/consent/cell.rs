//! The meaning of cells of flags, numbers and short closed lists: one reading for files, register and command.

use std::collections::BTreeSet;

use super::act::{Act, items};
use super::demand::ConsentKind;
use crate::types::{folded_word, is_same_word};

/// Outer `None`: the cell cannot be read. Inner `None`: it is absent.
pub(crate) type Cell<T> = Option<Option<T>>;

/// Who gave a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Giver {
    Oneself,
    Guardian,
}

impl Giver {
    /// The word of the consent table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Oneself => "self",
            Self::Guardian => "guardian",
        }
    }
}

fn read<T>(cell: Option<&str>, one: impl Fn(&str) -> Option<T>) -> Cell<T> {
    match cell.map(folded_word).filter(|word| !word.is_empty()) {
        None => Some(None),
        Some(word) => one(&word).map(Some),
    }
}

/// A flag as programs and people write it.
pub(crate) fn flag(cell: Option<&str>) -> Cell<bool> {
    read(cell, |word| match word {
        "true" | "1" | "t" | "yes" | "y" | "on" | "\u{662f}" => Some(true),
        "false" | "0" | "f" | "no" | "n" | "off" | "\u{5426}" => Some(false),
        _ => None,
    })
}

pub(crate) fn number(cell: Option<&str>) -> Cell<u32> {
    read(cell, |word| word.parse().ok())
}

pub(crate) fn kind(cell: Option<&str>) -> Cell<ConsentKind> {
    read(cell, |word| {
        let kinds = [ConsentKind::Ordinary, ConsentKind::Separate, ConsentKind::Written];
        kinds.into_iter().find(|kind| kind.as_str() == word)
    })
}

pub(crate) fn giver(cell: Option<&str>) -> Cell<Giver> {
    read(cell, |word| match word {
        "self" => Some(Giver::Oneself),
        "guardian" => Some(Giver::Guardian),
        _ => None,
    })
}

/// Whether a word can be read in a column of events, flags, numbers, kinds or givers; in any other column every word can.
#[must_use]
pub fn is_readable(column: &str, word: &str) -> bool {
    match column {
        "event" => Act::read(word).is_some(),
        "own_step" | "pre_ticked" | "service_gate" | "service_necessary" => flag(Some(word)).is_some(),
        "notice_version" | "bundle_size" => number(Some(word)).is_some(),
        "kind" => kind(Some(word)).is_some(),
        "giver" => giver(Some(word)).is_some(),
        _ => true,
    }
}

/// Whether a list cell has all of these words.
pub(super) fn lists(cell: Option<&str>, wanted: &BTreeSet<String>) -> bool {
    wanted.iter().all(|word| cell.is_some_and(|list| items(list).any(|item| is_same_word(item, word))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_in_every_usual_spelling_and_in_no_other() {
        for yes in ["true", "True", "TRUE", "t", "yes", "Y", "1", "on", " true ", "\u{ff54}\u{ff52}ue", "是"]
        {
            assert_eq!(flag(Some(yes)), Some(Some(true)), "{yes:?}");
        }
        for no in ["false", "False", "f", "NO", "n", "0", "Off", "否"] {
            assert_eq!(flag(Some(no)), Some(Some(false)), "{no:?}");
        }
        for blank in [None, Some(""), Some(" "), Some("\u{3000}")] {
            assert_eq!((flag(blank), number(blank)), (Some(None), Some(None)));
            assert_eq!((kind(blank), giver(blank)), (Some(None), Some(None)));
        }
        for odd in ["2", "ja", "null", "-", "true|false", "1.0", "tru"] {
            assert_eq!(flag(Some(odd)), None, "{odd:?}");
        }
        assert_eq!([" 3", "\u{ff13}", "3"].map(|text| number(Some(text))), [Some(Some(3)); 3]);
        assert_eq!(["3.0", "three", "-1", "4294967296"].map(|text| number(Some(text))), [None; 4]);
        assert_eq!(kind(Some("SEPARATE ")), Some(Some(ConsentKind::Separate)));
        assert_eq!((kind(Some("seperate")), giver(Some("Guardian"))), (None, Some(Some(Giver::Guardian))));
        assert_eq!(giver(Some("mother")), None);
        let wanted = BTreeSet::from(["payment-record".to_owned(), "profile".to_owned()]);
        for list in ["profile|Payment_Record", "payment record, PROFILE", "x;profile;payment-record"] {
            assert!(lists(Some(list), &wanted), "{list}");
        }
        for list in [Some("profile"), Some("all"), Some("*"), Some(""), None] {
            assert!(!lists(list, &wanted), "{list:?}");
        }
    }
}
