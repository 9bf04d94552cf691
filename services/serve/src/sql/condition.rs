//! Who is counted, as sets of labels under AND and OR; and what SQL's third truth value makes of it.

use std::collections::BTreeSet;

use super::people::People;

/// A condition on people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Everybody passes.
    Everybody,
    /// No one passes, whatever the data.
    NoOne,
    /// The label of the tag is one of these: neither none nor all of its vocabulary.
    In(String, BTreeSet<String>),
    /// All of these.
    All(BTreeSet<Condition>),
    /// Any of these.
    Any(BTreeSet<Condition>),
}

/// For whom an expression is true and for whom it is false; for others it is unknown, as `NULL = 'a'` is.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    pub(super) yes: Condition,
    pub(super) no: Condition,
}

impl Condition {
    /// The labels of `tag` for which `keep` says so.
    pub(super) fn labels(people: &People, tag: &str, keep: impl Fn(usize) -> bool) -> Self {
        let labels = people.tag(tag).map_or(&[][..], |tag| &tag.labels);
        let kept = labels.iter().enumerate().filter(|(place, _)| keep(*place));
        Self::In(tag.to_owned(), kept.map(|(_, label)| label.clone()).collect()).normal(people)
    }

    /// Both this and `other`.
    pub(super) fn and(self, other: Self, people: &People) -> Self {
        self.join(other, true, people)
    }

    /// This or `other`.
    pub(super) fn or(self, other: Self, people: &People) -> Self {
        self.join(other, false, people)
    }

    fn join(self, other: Self, both: bool, people: &People) -> Self {
        match (self, other) {
            (Self::Everybody, rest) | (rest, Self::Everybody) => {
                if both {
                    rest
                } else {
                    Self::Everybody
                }
            }
            (Self::NoOne, rest) | (rest, Self::NoOne) => {
                if both {
                    Self::NoOne
                } else {
                    rest
                }
            }
            (Self::In(left, some), Self::In(right, more)) if left == right => {
                let labels = if both { &some & &more } else { &some | &more };
                Self::In(left, labels).normal(people)
            }
            (left, right) => Self::flat([left, right], both, people),
        }
    }

    /// One connective over `parts`, without nested ones of its own kind and with one set of labels a tag.
    fn flat(parts: [Self; 2], both: bool, people: &People) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::All(inner) if both => flat.extend(inner),
                Self::Any(inner) if !both => flat.extend(inner),
                part => flat.push(part),
            }
        }
        let mut merged: Vec<Self> = Vec::new();
        for part in flat {
            let same = |other: &Self| matches!((other, &part), (Self::In(a, _), Self::In(b, _)) if a == b);
            match merged.iter().position(same) {
                Some(place) => {
                    let other = merged.remove(place);
                    merged.push(other.join(part, both, people));
                }
                None => merged.push(part),
            }
        }
        if merged.iter().any(|part| matches!(part, Self::Everybody | Self::NoOne)) {
            let neutral = if both { Self::Everybody } else { Self::NoOne };
            return merged.into_iter().fold(neutral, |all, part| all.join(part, both, people));
        }
        let mut set: BTreeSet<Self> = merged.into_iter().collect();
        match set.pop_first() {
            Some(only) if set.is_empty() => only,
            Some(first) => {
                set.insert(first);
                if both { Self::All(set) } else { Self::Any(set) }
            }
            None => Self::Everybody,
        }
    }

    /// Everybody else.
    pub(super) fn complement(self, people: &People) -> Self {
        match self {
            Self::Everybody => Self::NoOne,
            Self::NoOne => Self::Everybody,
            Self::In(tag, labels) => {
                let all = people.tag(&tag).map_or(&[][..], |tag| &tag.labels);
                let rest = all.iter().filter(|label| !labels.contains(*label)).cloned().collect();
                Self::In(tag, rest).normal(people)
            }
            Self::All(parts) => {
                let parts = parts.into_iter().map(|part| part.complement(people));
                parts.fold(Self::NoOne, |all, part| all.or(part, people))
            }
            Self::Any(parts) => {
                let parts = parts.into_iter().map(|part| part.complement(people));
                parts.fold(Self::Everybody, |all, part| all.and(part, people))
            }
        }
    }

    fn normal(self, people: &People) -> Self {
        match self {
            Self::In(_, labels) if labels.is_empty() => Self::NoOne,
            Self::In(tag, labels) if people.tag(&tag).is_some_and(|tag| tag.labels.len() == labels.len()) => {
                Self::Everybody
            }
            other => other,
        }
    }

    /// Whether people with these labels may pass, whatever their other tags are.
    pub(super) fn may_pass(&self, label: &impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::Everybody => true,
            Self::NoOne => false,
            Self::In(tag, labels) => label(tag).is_none_or(|label| labels.contains(&label)),
            Self::All(parts) => parts.iter().all(|part| part.may_pass(label)),
            Self::Any(parts) => parts.iter().any(|part| part.may_pass(label)),
        }
    }

    /// Its text in the language of the sandbox; `None` for everybody.
    pub(super) fn text(&self) -> Option<String> {
        let list = |parts: &BTreeSet<Self>, word: &str| {
            let parts: Vec<String> =
                parts.iter().filter_map(Self::text).map(|part| format!("({part})")).collect();
            Some(parts.join(word))
        };
        match self {
            Self::Everybody => None,
            // The library refuses what excludes everybody; it is refused before.
            Self::NoOne => Some("1 = 0".to_owned()),
            Self::In(tag, labels) => {
                let labels = labels.iter().map(|label| format!("'{}'", label.replace('\'', "''")));
                Some(format!("{tag} IN ({})", labels.collect::<Vec<_>>().join(", ")))
            }
            Self::All(parts) => list(parts, " AND "),
            Self::Any(parts) => list(parts, " OR "),
        }
    }
}

impl Truth {
    pub(super) fn and(self, other: Self, people: &People) -> Self {
        Self { yes: self.yes.and(other.yes, people), no: self.no.or(other.no, people) }
    }

    pub(super) fn or(self, other: Self, people: &People) -> Self {
        Self { yes: self.yes.or(other.yes, people), no: self.no.and(other.no, people) }
    }

    /// Known for everybody: true for `yes`, false for all others.
    pub(super) fn known(yes: Condition, people: &People) -> Self {
        Self { no: yes.clone().complement(people), yes }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;
    fn not(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }
}
