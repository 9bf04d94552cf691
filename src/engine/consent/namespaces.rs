//! The namespace of each row's id in a consent file: one of the study, one of another study, or a refusal.

use std::collections::BTreeSet;

use crate::types::folded_word;

/// The namespace of each cell of the column `ids`.
pub(in crate::engine) struct Namespaces<'a, T> {
    known: Vec<(&'a str, T)>,
    /// What a blank cell means: the study's only namespace, or the declared one; nothing if it has several.
    default: Option<T>,
    elsewhere: &'a BTreeSet<String>,
}

impl<'a, T: Copy> Namespaces<'a, T> {
    /// The namespaces of a study, the one that `[consents]` declares for files that name none, and those of other studies alone.
    pub(in crate::engine) fn new(
        known: impl IntoIterator<Item = (&'a str, T)>,
        declared: Option<&str>,
        elsewhere: &'a BTreeSet<String>,
    ) -> Self {
        let known: Vec<(&str, T)> = known.into_iter().collect();
        let default = match known.as_slice() {
            [(_, only)] => Some(*only),
            several => several.iter().find(|(name, _)| Some(*name) == declared).map(|(_, found)| *found),
        };
        Self { known, default, elsewhere }
    }

    /// What a blank cell means.
    pub(in crate::engine) fn default(&self) -> Option<T> {
        self.default
    }

    /// Whether a file with a column `ids` may hold rows of other studies.
    pub(super) fn has_others(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// The namespace that a cell names; `None` for one of another study alone, whose people are none of this one.
    ///
    /// # Errors
    /// Why the row has no person: it may be of a person of any namespace.
    pub(in crate::engine) fn of(&self, cell: Option<&str>) -> Result<Option<T>, &'static str> {
        let Some(text) = cell else { return self.blank() };
        if let Some((_, found)) = self.known.iter().find(|(name, _)| *name == text) {
            return Ok(Some(*found));
        }
        let word = folded_word(text);
        if word.is_empty() {
            return self.blank();
        }
        let mut alike = self.known.iter().filter(|(name, _)| folded_word(name) == word);
        let of_others = || self.elsewhere.iter().any(|name| folded_word(name) == word);
        match (alike.next(), alike.next()) {
            (Some((_, found)), None) => Ok(Some(*found)),
            (None, _) if of_others() => Ok(None),
            _ => Err("not a namespace of the study"),
        }
    }

    fn blank(&self) -> Result<Option<T>, &'static str> {
        self.default.map(Some).ok_or("no namespace, and the study has several")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_namespace_of_the_study_or_of_another_or_refused() {
        let elsewhere = BTreeSet::from(["device".to_owned()]);
        let one = Namespaces::new([("phone", 1)], None, &elsewhere);
        let two = Namespaces::new([("phone", 1), ("bank-card", 2)], None, &elsewhere);
        let declared = Namespaces::new([("phone", 1), ("bank-card", 2)], Some("bank-card"), &elsewhere);
        for blank in [None, Some(""), Some(" \u{3000}"), Some("\u{200b}")] {
            assert_eq!(one.of(blank), Ok(Some(1)));
            assert!(two.of(blank).is_err());
            assert_eq!(declared.of(blank), Ok(Some(2)));
        }
        for spelled in ["phone", "PHONE", " Phone\t"] {
            assert_eq!(two.of(Some(spelled)), Ok(Some(1)), "{spelled:?}");
        }
        assert_eq!(two.of(Some("Bank Card")), Ok(Some(2)));
        assert_eq!(one.of(Some("Device")), Ok(None));
        for unknown in ["phon", "*", "all", "phone|bank-card", "phone,phone", "NULL"] {
            assert!([&one, &two, &declared].iter().all(|all| all.of(Some(unknown)).is_err()), "{unknown:?}");
        }
        let alike = Namespaces::new([("a-b", 1), ("a_b", 2)], None, &elsewhere);
        assert_eq!((alike.of(Some("a_b")), alike.of(Some("A-B")).is_err()), (Ok(Some(2)), true));
    }
}
