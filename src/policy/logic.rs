//! Facts over closed vocabularies, and the exact query whether one list of refusals covers another.
//!
//! A regime refuses a use when some [`Demand`] fails: all its conditions hold and the fact that it needs does not. So what
//! a regime refuses is a union of boxes over finitely many words, and two regimes can be compared exactly.

use std::collections::BTreeMap;

/// The most words that one fact may have: a set of them is one `u64`.
pub(super) const MAX_WORDS: usize = 64;

/// A fact about a use, such as `document:pipia`, and the words that it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) words: Vec<String>,
}

/// All facts that a regime can speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Vocabulary {
    facts: Vec<Fact>,
    places: BTreeMap<String, usize>,
}

impl Vocabulary {
    /// Adds a fact, or words to one that is there. `unknown` stays a word like any other.
    pub(super) fn add<'a>(&mut self, name: &str, words: impl IntoIterator<Item = &'a str>) {
        let place = self.places.get(name).copied().unwrap_or_else(|| {
            self.facts.push(Fact { name: name.to_owned(), words: Vec::new() });
            self.places.insert(name.to_owned(), self.facts.len() - 1);
            self.facts.len() - 1
        });
        let Some(fact) = self.facts.get_mut(place) else { return };
        for word in words {
            if !fact.words.iter().any(|known| known == word) {
                fact.words.push(word.to_owned());
            }
        }
    }

    pub(super) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub(super) fn name(&self, fact: usize) -> &str {
        self.facts.get(fact).map_or("", |fact| fact.name.as_str())
    }

    pub(super) fn word(&self, fact: usize, word: u8) -> &str {
        let words = self.facts.get(fact).map(|fact| fact.words.as_slice()).unwrap_or_default();
        words.get(usize::from(word)).map_or("", String::as_str)
    }

    /// The position of a word of a fact.
    pub(super) fn position(&self, fact: usize, word: &str) -> Option<u8> {
        let position = self.facts.get(fact)?.words.iter().position(|known| known == word)?;
        u8::try_from(position).ok()
    }

    /// All words of a fact.
    pub(super) fn all(&self, fact: usize) -> Words {
        let count = self.facts.get(fact).map_or(0, |fact| fact.words.len().min(MAX_WORDS));
        (0..count).fold(Words::NONE, |words, word| words.with(u8::try_from(word).unwrap_or(u8::MAX)))
    }
}

/// A set of words of one fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Words(u64);

impl Words {
    pub(super) const NONE: Self = Self(0);

    pub(super) fn with(self, word: u8) -> Self {
        Self(self.0 | 1_u64.checked_shl(u32::from(word)).unwrap_or(0))
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn has(self, word: u8) -> bool {
        !self.and(Self::NONE.with(word)).is_empty()
    }

    /// The first word, if there is one.
    pub(super) fn first(self) -> Option<u8> {
        u8::try_from(self.0.trailing_zeros()).ok().filter(|_| !self.is_empty())
    }
}

/// The word of every fact: one complete situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State(Vec<u8>);

impl State {
    /// The situation in which every fact is its first word.
    pub(super) fn first(vocabulary: &Vocabulary) -> Self {
        Self(vec![0; vocabulary.facts.len()])
    }

    /// A word that is beyond the vocabulary is in no set of words, so nothing that needs a good one holds.
    pub(super) fn set(&mut self, fact: usize, word: Option<u8>) {
        if let Some(slot) = self.0.get_mut(fact) {
            *slot = word.unwrap_or(u8::MAX);
        }
    }

    pub(super) fn word(&self, fact: usize) -> u8 {
        self.0.get(fact).copied().unwrap_or(u8::MAX)
    }
}

/// A box of situations: some facts restricted to some words, the others free. Sorted by fact, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cube(Vec<(usize, Words)>);

impl Cube {
    /// The words that a fact may be, or `None` where it is free.
    pub(super) fn words(&self, fact: usize) -> Option<Words> {
        self.0.iter().find(|(known, _)| *known == fact).map(|(_, words)| *words)
    }

    /// Restricts a fact further.
    pub(super) fn restrict(&mut self, fact: usize, words: Words) {
        match self.0.binary_search_by_key(&fact, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, own)) = self.0.get_mut(at) {
                    *own = own.and(words);
                }
            }
            Err(at) => self.0.insert(at, (fact, words)),
        }
    }

    /// Allows more words to a fact that is restricted.
    pub(super) fn widen(&mut self, fact: usize, words: Words) {
        if let Some((_, own)) = self.0.iter_mut().find(|(known, _)| *known == fact) {
            *own = own.or(words);
        }
    }

    /// The same box with a fact free.
    pub(super) fn free(&self, fact: usize) -> Self {
        Self(self.0.iter().copied().filter(|(known, _)| *known != fact).collect())
    }

    pub(super) fn restricted(&self) -> impl Iterator<Item = (usize, Words)> {
        self.0.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().any(|(_, words)| words.is_empty())
    }

    pub(super) fn contains(&self, state: &State) -> bool {
        self.0.iter().all(|(fact, words)| words.has(state.word(*fact)))
    }
}

/// When all conditions hold, one fact must be one of the good words, or a rule fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) rule: String,
    pub(super) when: Cube,
    pub(super) fact: usize,
    pub(super) good: Words,
}

impl Demand {
    /// The situations that it refuses.
    pub(super) fn refused(&self, vocabulary: &Vocabulary) -> Cube {
        let mut cube = self.when.clone();
        cube.restrict(self.fact, vocabulary.all(self.fact).without(self.good));
        cube
    }
}

/// A part of `cube` that no box of `cover` reaches, or `None` when they cover all of it.
///
/// Exact: takes one box away at a time and goes on with what is left of the cube, which is again a list of disjoint boxes.
pub(super) fn uncovered(vocabulary: &Vocabulary, cube: &Cube, cover: &[&Cube]) -> Option<Cube> {
    if cube.is_empty() {
        return None;
    }
    let meets = |other: &&'_ Cube| {
        other.restricted().all(|(fact, words)| {
            let own = cube.words(fact).unwrap_or_else(|| vocabulary.all(fact));
            !own.and(words).is_empty()
        })
    };
    let near: Vec<&Cube> = cover.iter().copied().filter(meets).collect();
    // Most boxes of two policies are the same: one that holds all of the cube ends the search at once.
    let holds = |other: &&Cube| {
        other.restricted().all(|(fact, words)| {
            let own = cube.words(fact).unwrap_or_else(|| vocabulary.all(fact));
            own.without(words).is_empty()
        })
    };
    if near.iter().any(holds) {
        return None;
    }
    let Some((first, rest)) = near.split_first() else { return Some(cube.clone()) };
    let mut inside = cube.clone();
    for (fact, words) in first.restricted() {
        let own = inside.words(fact).unwrap_or_else(|| vocabulary.all(fact));
        let mut outside = inside.clone();
        outside.restrict(fact, own.without(words));
        if let Some(found) = uncovered(vocabulary, &outside, rest) {
            return Some(found);
        }
        inside.restrict(fact, own.and(words));
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vocabulary() -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for name in ["a", "b", "c", "d"] {
            vocabulary.add(name, ["x", "y", "z"]);
        }
        vocabulary
    }

    fn states() -> Vec<State> {
        (0..81_u8).map(|n| State(vec![n % 3, n / 3 % 3, n / 9 % 3, n / 27])).collect()
    }

    fn cubes() -> impl Strategy<Value = Vec<Cube>> {
        let literal = (0..4_usize, 1..8_u64);
        let cube = prop::collection::vec(literal, 0..4).prop_map(|literals| {
            let mut cube = Cube::default();
            literals.into_iter().for_each(|(fact, words)| cube.restrict(fact, Words(words)));
            cube
        });
        prop::collection::vec(cube, 0..7)
    }

    proptest! {
        #[test]
        fn what_is_left_uncovered_is_found_exactly(cubes in cubes(), picked in cubes()) {
            let vocabulary = vocabulary();
            let Some(cube) = picked.first() else { return Ok(()) };
            let bare: Vec<State> = states()
                .into_iter()
                .filter(|state| cube.contains(state) && !cubes.iter().any(|other| other.contains(state)))
                .collect();
            match uncovered(&vocabulary, cube, &cubes.iter().collect::<Vec<_>>()) {
                None => prop_assert!(bare.is_empty(), "{bare:?} is left"),
                Some(found) => {
                    let inside: Vec<State> = states().into_iter().filter(|state| found.contains(state)).collect();
                    prop_assert!(!inside.is_empty() && inside.iter().all(|state| bare.contains(state)));
                }
            }
        }
    }
}
