//! The words that a place knows for the columns whose words are closed, and the meaning of a cell in them.

use std::collections::{BTreeMap, BTreeSet};

use super::act::items;
use super::meaning::{self, Meaning, of_closed, of_recipient};
use super::unclear::Lists;
use crate::types::{folded_word, nearest};

/// The words of some studies and their regimes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownWords {
    /// Triggers.
    pub triggers: BTreeSet<String>,
    /// Purposes.
    pub purposes: BTreeSet<String>,
    /// Data categories.
    pub categories: BTreeSet<String>,
    /// Legal ids of recipients and handlers, each with further names that a study gives them.
    pub recipients: BTreeMap<String, BTreeSet<String>>,
}

/// The meaning of a cell in the words that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Nothing, or a word for everything.
    Everything,
    /// This word, as it is known.
    One(String),
    /// These words, each as it is known.
    Several(Vec<String>),
    /// A word that is not known, or a list with one.
    Unknown,
}

impl KnownWords {
    /// The columns whose words are known; all but `categories` name what an event is about.
    pub const COLUMNS: [&'static str; 4] = ["trigger", "purpose", "recipient", "categories"];

    /// Adds the words of another place.
    pub fn and(&mut self, other: Self) {
        self.triggers.extend(other.triggers);
        self.purposes.extend(other.purposes);
        self.categories.extend(other.categories);
        for (legal_id, names) in other.recipients {
            self.recipients.entry(legal_id).or_default().extend(names);
        }
    }

    /// The words of a column: of recipients their legal ids; none for a column whose words are open.
    #[must_use]
    pub fn of(&self, column: &str) -> Vec<&str> {
        let closed = match column {
            "recipient" => return self.recipients.keys().map(String::as_str).collect(),
            "trigger" => &self.triggers,
            "purpose" => &self.purposes,
            "categories" => &self.categories,
            _ => return Vec::new(),
        };
        closed.iter().map(String::as_str).collect()
    }

    /// The words of a column for a reader: recipients with their further names.
    #[must_use]
    pub fn listed(&self, column: &str) -> Vec<String> {
        let named = |(legal_id, names): (&String, &BTreeSet<String>)| match names.first() {
            None => legal_id.clone(),
            Some(_) => format!("{legal_id} ({})", names.iter().cloned().collect::<Vec<_>>().join(", ")),
        };
        match column {
            "recipient" => self.recipients.iter().map(named).collect(),
            column => self.of(column).into_iter().map(str::to_owned).collect(),
        }
    }

    /// The meaning of a cell of one of [`KnownWords::COLUMNS`].
    #[must_use]
    pub fn read(&self, column: &str, cell: Option<&str>) -> Named {
        let Some(cell) = cell.filter(|cell| !folded_word(cell).is_empty()) else { return Named::Everything };
        if let Some(known) = self.known(column, cell) {
            return Named::One(known.to_owned());
        }
        if items(cell).any(meaning::is_wildcard) {
            return Named::Everything;
        }
        let words: Vec<&str> = items(cell).collect();
        let known: Option<Vec<&str>> = words.iter().map(|word| self.known(column, word)).collect();
        match known.as_deref() {
            None => Named::Unknown,
            // Separators alone have no meaning.
            Some([]) => Named::Everything,
            Some([word]) => Named::One((*word).to_owned()),
            Some(several) => Named::Several(several.iter().map(|word| (*word).to_owned()).collect()),
        }
    }

    /// The one known word that is spelled like this; a recipient may be called by a name that no other one has.
    fn known(&self, column: &str, word: &str) -> Option<&str> {
        let word = folded_word(word);
        let known = self.of(column).into_iter().find(|known| folded_word(known) == word);
        if known.is_some() || column != "recipient" {
            return known;
        }
        let is_called = |names: &BTreeSet<String>| names.iter().any(|name| folded_word(name) == word);
        let mut called = self.recipients.iter().filter(|(_, names)| is_called(names));
        let (legal_id, _) = called.next()?;
        called.next().is_none().then_some(legal_id.as_str())
    }

    /// The known word nearest to one that is not known, if one is near enough to be what was meant; of a recipient its name or legal
    /// id.
    #[must_use]
    pub fn nearest(&self, column: &str, text: &str) -> Option<String> {
        let names = self.recipients.values().flatten().filter(|_| column == "recipient").map(String::as_str);
        let known: Vec<&str> = self.of(column).into_iter().chain(names).collect();
        let folded: BTreeMap<String, &str> = known.iter().map(|known| (folded_word(known), *known)).collect();
        let near = nearest(&folded_word(text), folded.keys().map(String::as_str))?;
        folded.get(&near).map(|known| (*known).to_owned())
    }

    /// Whether a cell of an event that speaks against a use could mean `word`: as the fold reads it.
    #[must_use]
    pub fn could_mean(&self, column: &str, cell: Option<&str>, word: &str) -> bool {
        let meaning = match column {
            "trigger" => of_closed(cell, word, &self.triggers),
            "purpose" => of_closed(cell, word, &self.purposes),
            "recipient" => {
                let ours = self.known(column, word).unwrap_or(word);
                let names = self.recipients.get(ours).into_iter().flatten().map(String::as_str);
                let names = names.chain([ours, word]);
                of_recipient(cell, names.clone(), &self.recipients_but(ours, names))
            }
            _ => Meaning::Anything,
        };
        meaning != Meaning::Another
    }

    /// Every name of the recipients but one, without those that it has itself.
    fn recipients_but<'a>(
        &self,
        ours: &str,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> BTreeSet<String> {
        let others = self.recipients.iter().filter(|(legal_id, _)| *legal_id != ours);
        let all = others.flat_map(|(legal_id, names)| names.iter().chain([legal_id]));
        all.filter(|other| !names.clone().any(|name| name == *other)).cloned().collect()
    }

    /// The same words as lists, by which unclear cells are found.
    #[must_use]
    pub fn lists(&self) -> Lists {
        let names = self.recipients.iter().flat_map(|(legal_id, names)| names.iter().chain([legal_id]));
        Lists::of(&self.triggers, &self.purposes, &self.categories, names.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> KnownWords {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        KnownWords {
            triggers: set(&["SC23", "SC29"]),
            purposes: set(&["ad-targeting", "campaign-measurement"]),
            categories: set(&["profile", "payment-record"]),
            recipients: [
                ("LEGAL-ID-A", set(&["social-platform"])),
                ("LEGAL-ID-C", set(&["brand-insights"])),
                ("LEGAL-ID-D", set(&["twice", "brand-studio"])),
                ("LEGAL-ID-E", set(&["twice"])),
            ]
            .map(|(legal_id, names)| (legal_id.to_owned(), names))
            .into(),
        }
    }

    #[test]
    fn a_word_is_read_in_every_spelling_and_by_every_name() {
        let one = |word: &str| Named::One(word.to_owned());
        for (column, cell, named) in [
            ("purpose", "Campaign_Measurement\u{200b}", one("campaign-measurement")),
            ("purpose", "campaign-mesurement", Named::Unknown),
            (
                "purpose",
                "ad-targeting; campaign measurement",
                Named::Several(vec!["ad-targeting".into(), "campaign-measurement".into()]),
            ),
            ("purpose", "ad-targeting|x", Named::Unknown),
            ("purpose", "ad-targeting|all", Named::Everything),
            ("trigger", "sc23", one("SC23")),
            ("trigger", "*", Named::Everything),
            ("trigger", " \u{3000}", Named::Everything),
            ("recipient", "brand insights", one("LEGAL-ID-C")),
            ("recipient", "legal_id_c", one("LEGAL-ID-C")),
            ("recipient", "LEGAL-ID-X", Named::Unknown),
            ("recipient", "twice", Named::Unknown),
            (
                "categories",
                "profile,payment_record",
                Named::Several(vec!["profile".into(), "payment-record".into()]),
            ),
        ] {
            assert_eq!(words().read(column, Some(cell)), named, "{column}: {cell:?}");
        }
        assert_eq!(words().read("purpose", None), Named::Everything);
    }

    proptest! {
        /// What a command shows of a cell agrees with the fold, for every requirement.
        #[test]
        fn a_cell_says_what_the_fold_makes_of_it(
            column in proptest::sample::select(vec!["trigger", "purpose", "recipient"]),
            parts in proptest::collection::vec(prop_oneof![
                "(SC23|sc29|ad-targeting|Campaign Measurement|LEGAL-ID-A|legal_id_c|brand-insights|brand-studio)",
                "(all|\\*|全部|SC99|newsletter|LEGAL-ID-X|OTHER-77| |)",
                "\\PC{0,12}",
            ], 1..4),
            separator in proptest::sample::select(vec!["|", ", ", ";", "、"]),
        ) {
            let (words, cell) = (words(), parts.join(separator));
            let named = words.read(column, Some(&cell));
            for ours in words.of(column) {
                let could = words.could_mean(column, Some(&cell), ours);
                match &named {
                    Named::Everything => prop_assert!(could, "{cell:?} could mean {ours}"),
                    Named::One(word) => prop_assert_eq!(could, word == ours, "{:?}: {}", cell, ours),
                    Named::Several(all) => {
                        prop_assert_eq!(could, all.iter().any(|word| word == ours), "{:?}: {}", cell, ours);
                    }
                    // The words of recipients are open: one that is clearly another is another.
                    Named::Unknown => prop_assert!(could || column == "recipient", "{cell:?} could mean {ours}"),
                }
            }
        }
    }
}
