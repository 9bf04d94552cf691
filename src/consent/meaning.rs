//! What a cell of a closed or an open list can mean for one requirement: one rule for files, register and command.

use std::collections::BTreeSet;

use super::act::items;
use crate::types::{folded_word, is_blank, is_same_word};

/// The meaning of a cell for the one word that a requirement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The word itself.
    Ours,
    /// Another word that is known, or of a recipient a clearly different one.
    Another,
    /// Nothing, everything, several, or a word that is not known: it could be ours.
    Anything,
}

/// Words that mean every word of a list, in their folded form.
const WILDCARDS: [&str; 9] = [
    "*",
    "all",
    "any",
    "every",
    "everything",
    "everyone",
    "\u{5168}\u{90e8}",
    "\u{6240}\u{6709}",
    "\u{4efb}\u{4f55}",
];

/// Whether a word is a wildcard for every word of its list.
pub(super) fn is_wildcard(word: &str) -> bool {
    WILDCARDS.contains(&folded_word(word).as_str())
}

/// Words that programs write where a cell has no value, by their letters and digits alone.
const NOTHING: [&str; 8] = ["null", "none", "nan", "na", "nil", "undefined", "\u{65e0}", "\u{7a7a}"];

/// Words that people write where no recipient is named.
const NO_RECIPIENT: [&str; 16] = [
    "unknown",
    "unspecified",
    "notspecified",
    "missing",
    "empty",
    "blank",
    "default",
    "thirdparty",
    "thirdparties",
    "others",
    "tbd",
    "\u{4e0d}\u{9650}",
    "\u{4efb}\u{610f}",
    "\u{672a}\u{77e5}",
    "\u{7b2c}\u{4e09}\u{65b9}",
    "\u{5176}\u{4ed6}",
];

fn letters_and_digits(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Whether a word is one for a missing value, or has marks alone.
pub(super) fn is_nothing(word: &str) -> bool {
    let plain = letters_and_digits(&folded_word(word));
    plain.is_empty() || word.trim().starts_with('\\') || NOTHING.contains(&plain.as_str())
}

/// Whether a word names no recipient, or begins with a word for all recipients.
fn names_none_or_all(word: &str) -> bool {
    let folded = folded_word(word);
    let plain = letters_and_digits(&folded);
    let first = folded.split(|letter: char| !letter.is_alphanumeric()).find(|part| !part.is_empty());
    is_nothing(word)
        || plain.chars().count() == 1
        || NO_RECIPIENT.contains(&plain.as_str())
        || first.is_some_and(|first| WILDCARDS.contains(&first))
}

/// A cell of a closed list: a word that is not known could be ours.
pub(super) fn of_closed<'a>(
    cell: Option<&str>,
    ours: &str,
    known: impl IntoIterator<Item = &'a String> + Clone,
) -> Meaning {
    let one = |word: &str| {
        if is_same_word(word, ours) {
            Meaning::Ours
        } else if is_known(word, known.clone()) {
            Meaning::Another
        } else {
            Meaning::Anything
        }
    };
    of_cell(cell, one)
}

/// A cell that names a recipient, which is an open list: what is clearly none of ours is another.
///
/// `others` are legal ids and names of the study that are not ours, so that two legal ids that differ by one letter stay two.
pub(super) fn of_recipient(
    cell: Option<&str>,
    ours: impl Iterator<Item = impl AsRef<str>> + Clone,
    others: &BTreeSet<String>,
) -> Meaning {
    let one = |word: &str| {
        let is_ours = ours.clone().any(|name| is_same_word(name.as_ref(), word));
        let is_exact = || (ours.clone().any(|name| name.as_ref() == word), others.contains(word));
        match (is_ours, is_known(word, others)) {
            (true, false) => return Meaning::Ours,
            (false, true) => return Meaning::Another,
            // Names that differ in spelling alone are distinguished by exact text; one name of two recipients is ambiguous.
            (true, true) => {
                return match is_exact() {
                    (true, false) => Meaning::Ours,
                    (false, true) => Meaning::Another,
                    _ => Meaning::Anything,
                };
            }
            (false, false) => {}
        }
        let folded = folded_word(word);
        let near = ours.clone().any(|name| is_near(&folded_word(name.as_ref()), &folded));
        if near || is_wildcard(word) || names_none_or_all(word) {
            Meaning::Anything
        } else {
            Meaning::Another
        }
    };
    of_cell(cell, one)
}

/// A cell that lists categories: one of `ours` in it is ours, and it is another only if all of it is `known` and none ours.
pub(super) fn of_categories(
    cell: Option<&str>,
    ours: &BTreeSet<String>,
    known: &BTreeSet<String>,
) -> Meaning {
    let Some(cell) = cell.filter(|cell| items(cell).next().is_some()) else { return Meaning::Anything };
    if items(cell).any(|item| is_known(item, ours)) {
        Meaning::Ours
    } else if items(cell).all(|item| is_known(item, known)) {
        Meaning::Another
    } else {
        Meaning::Anything
    }
}

/// Whether a list has a word, in any spelling.
pub(super) fn is_known<'a>(word: &str, known: impl IntoIterator<Item = &'a String>) -> bool {
    known.into_iter().any(|known| is_same_word(known, word))
}

/// A list is another word only if every item of it is.
fn of_cell(cell: Option<&str>, one: impl Fn(&str) -> Meaning) -> Meaning {
    let Some(cell) = cell.filter(|cell| !is_blank(cell)) else { return Meaning::Anything };
    let whole = one(cell);
    let mut words = items(cell);
    match (words.next(), words.next()) {
        _ if whole == Meaning::Ours => whole,
        // Separators alone have no meaning, and beside one word no more than the word.
        (None, _) => Meaning::Anything,
        (Some(word), None) => one(word),
        _ if items(cell).all(|item| one(item) == Meaning::Another) => Meaning::Another,
        _ => Meaning::Anything,
    }
}

/// Whether two folded words differ by at most one edit (a letter more, less, other, or two swapped), or in punctuation alone, or the
/// second has the first in it.
fn is_near(name: &str, word: &str) -> bool {
    let plain = letters_and_digits;
    strsim::osa_distance(name, word) <= 1
        || plain(name) == plain(word) && !plain(word).is_empty()
        || holds(word, name)
}

/// Whether a text contains a name as a whole word: a list with a separator that is not known.
fn holds(text: &str, name: &str) -> bool {
    let ends = |letter: Option<char>| !letter.is_some_and(char::is_alphanumeric);
    let mut places = text.match_indices(name);
    places.any(|(at, _)| {
        let (before, rest) = text.split_at_checked(at).unwrap_or_default();
        let after = rest.strip_prefix(name).unwrap_or_default();
        !name.is_empty() && ends(before.chars().next_back()) && ends(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_closed_list_that_is_not_known_could_be_ours() {
        let known = ["ads".to_owned(), "measurement".to_owned(), "research".to_owned()];
        for (cell, meaning) in [
            ("measurement", Meaning::Ours),
            (" Measurement\u{200b}", Meaning::Ours),
            ("ADS", Meaning::Another),
            ("ads|research", Meaning::Another),
            ("ads, measurement", Meaning::Anything),
            ("ads|unheard", Meaning::Anything),
            ("mesurement", Meaning::Anything),
            ("*", Meaning::Anything),
            ("|", Meaning::Anything),
            ("all,", Meaning::Anything),
            (";ads", Meaning::Another),
            ("all", Meaning::Anything),
            ("", Meaning::Anything),
            ("\u{3000}", Meaning::Anything),
        ] {
            assert_eq!(of_closed(Some(cell), "measurement", &known), meaning, "{cell:?}");
        }
        assert_eq!(of_closed(None, "measurement", &known), Meaning::Anything);
    }

    #[test]
    fn a_recipient_that_is_clearly_another_is_another() {
        let others = BTreeSet::from(["LEGAL-ID-A".to_owned()]);
        let ours = ["LEGAL-ID-C", "brand-insights"];
        for (cell, meaning) in [
            ("LEGAL-ID-C", Meaning::Ours),
            ("legal_id_c ", Meaning::Ours),
            ("Brand Insights", Meaning::Ours),
            ("LEGAL-ID-A", Meaning::Another),
            ("OTHER-COMPANY-77", Meaning::Another),
            ("OTHER-COMPANY-77;LEGAL-ID-A", Meaning::Another),
            ("LEGAL-ID-D", Meaning::Anything),
            ("LEGALIDC", Meaning::Anything),
            ("LEGLA-ID-C", Meaning::Anything),
            ("OTHER-COMPANY-77+LEGAL-ID-C", Meaning::Anything),
            ("[\"legal id c\"]", Meaning::Anything),
            ("OTHER-LEGAL-ID-CX", Meaning::Another),
            ("NULL", Meaning::Anything),
            ("n/a", Meaning::Anything),
            ("\\N", Meaning::Anything),
            ("--", Meaning::Anything),
            ("*all*", Meaning::Anything),
            ("All recipients", Meaning::Anything),
            ("third-parties", Meaning::Anything),
            ("不限", Meaning::Anything),
            ("{}", Meaning::Anything),
            ("ALLIANZ-77", Meaning::Another),
            ("NULLARBOR-7", Meaning::Another),
            ("OTHER-COMPANY-77|LEGAL-ID-C", Meaning::Anything),
            ("全部", Meaning::Anything),
            ("all| ", Meaning::Anything),
            (" ;", Meaning::Anything),
            ("|LEGAL-ID-X", Meaning::Anything),
            ("LEGAL-ID-C;", Meaning::Ours),
            ("OTHER-COMPANY-77|", Meaning::Another),
            (" ", Meaning::Anything),
        ] {
            assert_eq!(of_recipient(Some(cell), ours.iter(), &others), meaning, "{cell:?}");
        }
        let alike = BTreeSet::from(["legal_id_c".to_owned()]);
        for (cell, meaning) in [
            ("LEGAL-ID-C", Meaning::Ours),
            ("legal_id_c", Meaning::Another),
            ("Legal Id C", Meaning::Anything),
        ] {
            assert_eq!(of_recipient(Some(cell), ours.iter(), &alike), meaning, "{cell:?}");
        }
        let shared = BTreeSet::from(["brand-insights".to_owned()]);
        assert_eq!(of_recipient(Some("brand-insights"), ours.iter(), &shared), Meaning::Anything);
    }

    #[test]
    fn a_list_of_categories_is_another_only_if_all_of_it_is() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        let (ours, known) = (
            words(&["profile", "payment-record"]),
            words(&["profile", "payment-record", "income", "health"]),
        );
        for (cell, meaning) in [
            ("profile", Meaning::Ours),
            ("Payment_Record", Meaning::Ours),
            ("income|profile", Meaning::Ours),
            ("unheard;profile", Meaning::Ours),
            ("health, Income", Meaning::Another),
            ("health|unheard", Meaning::Anything),
            ("all", Meaning::Anything),
            ("*", Meaning::Anything),
            (" | ", Meaning::Anything),
        ] {
            assert_eq!(of_categories(Some(cell), &ours, &known), meaning, "{cell:?}");
        }
        assert_eq!(of_categories(None, &ours, &known), Meaning::Anything);
    }
}
