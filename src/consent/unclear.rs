//! Which cells of a consent event cannot be read, by column and reason, for the party that writes the file.

use std::collections::BTreeSet;

use super::act::{Act, items};
use super::cell::{Cell, flag, giver, kind, number};
use super::demand::Demand;
use super::event::Row;
use super::meaning::{is_known, is_wildcard};

/// The closed lists of words of consent events, and the recipients that are known.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    triggers: BTreeSet<String>,
    purposes: BTreeSet<String>,
    categories: BTreeSet<String>,
    recipients: BTreeSet<String>,
}

/// What is unclear in one row of statements. Equal rows are unclear in the same way, so that it may be kept for many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unclear {
    /// Whether it gives a consent, which alone needs to be readable in every column.
    pub gives: bool,
    /// Columns and what their cells are.
    pub faults: BTreeSet<(&'static str, &'static str)>,
    /// Words that are on no list, by column, as far as they look like words.
    pub words: BTreeSet<(&'static str, String)>,
    /// Whether it names an unknown recipient.
    pub stranger: bool,
}

/// The longest word that a report shows.
const LONGEST_WORD: usize = 32;

const UNKNOWN: &str = "no word that regime or study knows";

impl Lists {
    /// The lists of all demands of one study, and recipients that others know.
    #[must_use]
    pub fn new<'a>(demands: impl IntoIterator<Item = &'a Demand>, further: &BTreeSet<String>) -> Self {
        let mut all = Self { recipients: further.clone(), ..Self::default() };
        for one in demands.into_iter().flat_map(|demand| &demand.requirements) {
            all.triggers.extend(one.known_triggers.iter().cloned());
            all.purposes.extend(one.known_purposes.iter().cloned());
            all.categories.extend(one.known_categories.iter().cloned());
            let recipients = [&one.recipients, &one.recipient_names, &one.other_recipients];
            all.recipients.extend(recipients.into_iter().flatten().cloned());
        }
        all
    }

    /// The lists of these words.
    pub(super) fn of(
        triggers: &BTreeSet<String>,
        purposes: &BTreeSet<String>,
        categories: &BTreeSet<String>,
        recipients: BTreeSet<String>,
    ) -> Self {
        let [triggers, purposes, categories] = [triggers, purposes, categories].map(Clone::clone);
        Self { triggers, purposes, categories, recipients }
    }

    /// What is unclear in the statements of a row.
    ///
    /// # Privacy
    /// A function of one row of one file. Words are shown only where many rows have them.
    #[must_use]
    pub fn unclear(&self, row: &Row<'_>) -> Unclear {
        let row = row.without_blanks();
        let act = row.event.and_then(Act::read);
        let mut found = Unclear { gives: act == Some(Act::Given), ..Unclear::default() };
        match row.event {
            None => found.fault("event", "blank"),
            Some(word) if act.is_none() => {
                found.fault("event", "no word for what happened");
                found.word("event", word);
            }
            Some(_) => {}
        }
        found.closed("trigger", row.trigger, &self.triggers);
        found.closed("purpose", row.purpose, &self.purposes);
        for item in row.categories.into_iter().flat_map(items) {
            if !is_wildcard(item) && !is_known(item, &self.categories) {
                found.fault("categories", UNKNOWN);
                found.word("categories", item);
            }
        }
        let mut named = row.recipient.into_iter().flat_map(items);
        found.stranger = named.any(|item| !is_wildcard(item) && !is_known(item, &self.recipients));
        if found.gives {
            found.one_word("recipient", row.recipient);
            found.given(&row);
        }
        found
    }
}

impl Unclear {
    /// The union, for a row that expands to several.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.gives |= other.gives;
        self.stranger |= other.stranger;
        self.faults.extend(other.faults);
        self.words.extend(other.words);
        self
    }

    fn fault(&mut self, column: &'static str, reason: &'static str) {
        self.faults.insert((column, reason));
    }

    fn word(&mut self, column: &'static str, word: &str) {
        let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || letter == '-';
        if word.len() <= LONGEST_WORD && word.chars().all(is_letter) {
            self.words.insert((column, word.to_owned()));
        }
    }

    /// A cell of a closed list, which a consent fills with one word.
    fn closed(&mut self, column: &'static str, cell: Option<&str>, known: &BTreeSet<String>) {
        if self.gives {
            self.one_word(column, cell);
        }
        for item in
            cell.into_iter().flat_map(items).filter(|item| !is_wildcard(item) && !is_known(item, known))
        {
            self.fault(column, UNKNOWN);
            self.word(column, item);
        }
    }

    fn one_word(&mut self, column: &'static str, cell: Option<&str>) {
        match cell {
            None => self.fault(column, "blank"),
            Some(cell) if items(cell).nth(1).is_some() => {
                self.fault(column, "a list, which gives no consent")
            }
            Some(cell) if items(cell).any(is_wildcard) => {
                self.fault(column, "a wildcard, which gives no consent")
            }
            Some(_) => {}
        }
    }

    /// What only a consent has to state.
    fn given(&mut self, row: &Row<'_>) {
        let flags = [
            ("own_step", row.own_step),
            ("pre_ticked", row.pre_ticked),
            ("service_gate", row.service_gate),
            ("service_necessary", row.service_necessary),
        ];
        for (column, cell) in flags {
            self.unread(column, flag(cell), "no boolean");
        }
        for (column, cell) in [("notice_version", row.notice_version), ("bundle_size", row.bundle_size)] {
            self.unread(column, number(cell), "no whole number");
        }
        self.unread("kind", kind(row.kind), "not ordinary, separate or written");
        self.unread("giver", giver(row.giver), "not self or guardian");
    }

    fn unread<T>(&mut self, column: &'static str, cell: Cell<T>, reason: &'static str) {
        if cell.is_none() {
            self.fault(column, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Lists {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        Lists {
            triggers: words(&["SC23"]),
            purposes: words(&["ads", "measurement"]),
            categories: words(&["profile", "income"]),
            recipients: words(&["LEGAL-C"]),
        }
    }

    fn given() -> Row<'static> {
        let named =
            Row { trigger: Some("sc23"), purpose: Some("Ads"), recipient: Some("legal_c"), ..Row::default() };
        Row { event: Some("granted"), categories: Some("profile|Income"), own_step: Some("Yes"), ..named }
    }

    #[test]
    fn every_unclear_cell_is_named_by_its_column_and_a_clear_row_has_none() {
        let clear = Unclear { gives: true, ..Unclear::default() };
        assert_eq!(lists().unclear(&given()), clear);
        assert_eq!(lists().unclear(&Row { event: Some("withdrawn"), ..Row::default() }), Unclear::default());
        let cases: [(&str, &str, Row<'_>); 13] = [
            ("event", "blank", Row { event: Some(" "), ..given() }),
            ("event", "no word for what happened", Row { event: Some("paused"), ..given() }),
            ("trigger", "blank", Row { trigger: None, ..given() }),
            ("purpose", UNKNOWN, Row { purpose: Some("news"), ..given() }),
            (
                "purpose",
                "a list, which gives no consent",
                Row { purpose: Some("ads;measurement"), ..given() },
            ),
            ("purpose", "a wildcard, which gives no consent", Row { purpose: Some("ALL"), ..given() }),
            ("recipient", "blank", Row { recipient: Some(""), ..given() }),
            ("categories", UNKNOWN, Row { categories: Some("profile|wages"), ..given() }),
            ("own_step", "no boolean", Row { own_step: Some("maybe"), ..given() }),
            ("service_necessary", "no boolean", Row { service_necessary: Some("2"), ..given() }),
            ("bundle_size", "no whole number", Row { bundle_size: Some("one"), ..given() }),
            ("kind", "not ordinary, separate or written", Row { kind: Some("seperate"), ..given() }),
            ("giver", "not self or guardian", Row { giver: Some("mother"), ..given() }),
        ];
        for (column, reason, row) in cases {
            assert_eq!(lists().unclear(&row).faults, [(column, reason)].into(), "{column}: {reason}");
        }
        let withdrawn =
            Row { event: Some("withdrawn"), own_step: Some("maybe"), purpose: Some("*"), ..given() };
        assert_eq!(lists().unclear(&withdrawn), Unclear::default(), "only a consent has to be readable");
    }

    #[test]
    fn words_are_kept_that_look_like_words() {
        let words = |purpose: &str| lists().unclear(&Row { purpose: Some(purpose), ..given() }).words;
        assert_eq!(words("news_letter"), [("purpose", "news_letter".to_owned())].into());
        for value in ["13800000000", "a.b@example.com", "two words", "王伟", &"x".repeat(33)] {
            assert_eq!(words(value), BTreeSet::new(), "{value}");
        }
        assert!(lists().unclear(&Row { recipient: Some("LEGAL-C|OTHER"), ..given() }).stranger);
    }
}
