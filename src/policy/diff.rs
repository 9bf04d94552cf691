//! Two regimes compared exactly over their closed vocabularies, factor by factor, each difference with one concrete example.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::logic::{Cube, Demand, Vocabulary, Words, uncovered};
use super::regime::{Compiled, Regime, RegimeFile, Scope, UNDECLARED, add_facts, cell, compile};
use super::study::Action;

/// What the second policy lets through, compared with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The same.
    Equivalent,
    /// Less: whatever passes the second passes the first.
    Less,
    /// More: whatever passes the first passes the second.
    More,
    /// Each lets something through that the other refuses.
    Incomparable,
}

impl Relation {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Less => "less",
            Self::More => "more",
            Self::Incomparable => "incomparable",
        }
    }

    /// From whether the second refuses something more, and whether the first does.
    pub(super) const fn of(second_refuses: bool, first_refuses: bool) -> Self {
        match (second_refuses, first_refuses) {
            (false, false) => Self::Equivalent,
            (true, false) => Self::Less,
            (false, true) => Self::More,
            (true, true) => Self::Incomparable,
        }
    }

    /// Of two factors that both have to be passed.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let less = matches!(self, Self::Less | Self::Incomparable)
            || matches!(other, Self::Less | Self::Incomparable);
        let more = matches!(self, Self::More | Self::Incomparable)
            || matches!(other, Self::More | Self::Incomparable);
        Self::of(less, more)
    }
}

/// One factor in which two policies may differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The factor: a cell of the matrix, a trigger, a threshold.
    pub factor: String,
    /// What the second lets through there, compared with the first.
    pub relation: Relation,
    /// One situation that the second refuses and the first lets through, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by_second: Option<String>,
    /// One situation that the first refuses and the second lets through, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by_first: Option<String>,
}

impl Difference {
    /// A factor with an example for each side that refuses something which the other lets through.
    pub(super) fn new(factor: impl Into<String>, second: Option<String>, first: Option<String>) -> Self {
        Self {
            factor: factor.into(),
            relation: Relation::of(second.is_some(), first.is_some()),
            refused_by_second: second,
            refused_by_first: first,
        }
    }
}

/// All factors of two policies, those that are equivalent included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What the second lets through as a whole.
    pub relation: Relation,
    /// Factor by factor.
    pub factors: Vec<Difference>,
}

impl Comparison {
    pub(super) fn of(factors: Vec<Difference>) -> Self {
        let all = factors.iter().map(|factor| factor.relation);
        Self { relation: all.fold(Relation::Equivalent, Relation::and), factors }
    }
}

impl Regime {
    /// Compares two regimes: for every category and action which uses are permitted and which consents they demand, for every
    /// trigger which consents count, and the thresholds.
    ///
    /// # Privacy
    /// None: regimes are public texts.
    #[must_use]
    pub fn compare(&self, second: &Regime) -> Comparison {
        let mut vocabulary = Vocabulary::default();
        add_facts(&mut vocabulary, &self.file);
        add_facts(&mut vocabulary, &second.file);
        // Both files compiled over their own words, so they compile over more of them.
        let (Ok(a), Ok(b)) = (compile(&self.file, &vocabulary), compile(&second.file, &vocabulary)) else {
            return Comparison::of(vec![Difference::new("vocabulary", Some("too many words".into()), None)]);
        };
        let (first, second) = (Side::new(self, &a), Side::new(second, &b));
        let impossible = impossible(&vocabulary, &[&first.regime.file, &second.regime.file]);
        let pair = Pair { vocabulary: &vocabulary, first, second, impossible };
        let mut factors = pair.cells();
        factors.extend(pair.triggers());
        factors.extend(pair.thresholds());
        Comparison::of(factors)
    }
}

struct Side<'a> {
    regime: &'a Regime,
    compiled: &'a Compiled,
}

impl<'a> Side<'a> {
    const fn new(regime: &'a Regime, compiled: &'a Compiled) -> Self {
        Self { regime, compiled }
    }
}

struct Pair<'a> {
    vocabulary: &'a Vocabulary,
    first: Side<'a>,
    second: Side<'a>,
    /// Situations in which no study can be: they are examples of nothing.
    impossible: Vec<Cube>,
}

/// A box of situations, each fact with the words that it may be.
fn cube_of(vocabulary: &Vocabulary, facts: &[(&str, &[&str])]) -> Option<Cube> {
    let mut cube = Cube::default();
    for (fact, words) in facts {
        let fact = vocabulary.place(fact)?;
        let words = words.iter().filter_map(|word| vocabulary.position(fact, word));
        cube.restrict(fact, words.fold(Words::NONE, Words::with));
    }
    Some(cube)
}

/// Facts that contradict each other, whatever a study declares.
fn impossible(vocabulary: &Vocabulary, files: &[&RegimeFile; 2]) -> Vec<Cube> {
    let not_in_force = ["missing", "late", "expired", "out-of-scope"];
    let mut all = vec![
        cube_of(vocabulary, &[("succession", &["announced"]), ("document:succession", &not_in_force)]),
        cube_of(
            vocabulary,
            &[("succession", &["unannounced"]), ("document:succession", &["valid", UNDECLARED])],
        ),
        cube_of(
            vocabulary,
            &[("sub-processors", &["approved"]), ("document:entrust-contract", &["missing"])],
        ),
    ];
    if files.iter().all(|file| file.regime.children_sensitive) {
        all.push(cube_of(vocabulary, &[("admits-children", &["yes"]), ("sensitive", &["no"])]));
    }
    let kinds: BTreeSet<String> = files
        .iter()
        .flat_map(|file| file.handler_kinds.keys().map(|kind| format!("handler-kind:{kind}")))
        .collect();
    for (place, kind) in kinds.iter().enumerate() {
        for other in kinds.iter().skip(place + 1) {
            let facts = [("handlers", &["one"][..]), (kind, &["present"]), (other, &["present"])];
            all.push(cube_of(vocabulary, &facts));
        }
    }
    all.into_iter().flatten().collect()
}

impl Pair<'_> {
    /// Every category and action: which uses are permitted, and which consents a use demands.
    fn cells(&self) -> Vec<Difference> {
        let categories =
            |side: &Side<'_>| side.regime.file.categories.keys().cloned().collect::<BTreeSet<_>>();
        let mut all = Vec::new();
        for category in categories(&self.first).union(&categories(&self.second)) {
            for action in Action::ALL {
                let place = self.place(category, action);
                let refused = |side: &Side<'_>| self.refusals(&side.compiled.demands, &place);
                let (a, b) = (refused(&self.first), refused(&self.second));
                let permitted = Difference::new(
                    format!("{category} x {}: the use is permitted", action.as_str()),
                    self.example(&b, &a),
                    self.example(&a, &b),
                );
                all.push(permitted);
                all.extend(self.demanded(category, action, &place));
            }
        }
        all
    }

    /// For every trigger of a cell: under which facts it is demanded. What both refuse anyhow does not count.
    fn demanded(&self, category: &str, action: Action, place: &Cube) -> Vec<Difference> {
        let triggers = |side: &Side<'_>| side.regime.file.triggers.keys().cloned().collect::<BTreeSet<_>>();
        let mut all = Vec::new();
        for trigger in triggers(&self.first).union(&triggers(&self.second)) {
            let cubes = |side: &Side<'_>| self.demanding(side, trigger, category, action, place);
            let (a, b) = (cubes(&self.first), cubes(&self.second));
            if a.is_empty() && b.is_empty() {
                continue;
            }
            let denied = |side: &Side<'_>| self.refusals(&side.compiled.demands, place);
            let denied = [denied(&self.first), denied(&self.second)].concat();
            let cover = |own: &[Cube]| [own, denied.as_slice()].concat();
            all.push(Difference::new(
                format!("{category} x {}: {trigger} is demanded", action.as_str()),
                self.example(&b, &cover(&a)),
                self.example(&a, &cover(&b)),
            ));
        }
        all
    }

    fn demanding(
        &self,
        side: &Side<'_>,
        trigger: &str,
        category: &str,
        action: Action,
        place: &Cube,
    ) -> Vec<Cube> {
        let file = &side.regime.file;
        let Some(kind) = file.triggers.get(trigger) else { return Vec::new() };
        let own = cell(file, category, action).into_iter().flat_map(|cell| &cell.triggers);
        let own = own.filter(|word| word.get_ref() == trigger).map(|_| Cube::default());
        let extras =
            side.compiled.extras.iter().filter(|extra| extra.triggers.iter().any(|word| word == trigger));
        let narrowed = own.chain(extras.map(|extra| extra.when.clone())).map(|mut cube| {
            place.restricted().for_each(|(fact, words)| cube.restrict(fact, words));
            if kind.of == Scope::Sensitive {
                self.narrow(&mut cube, "sensitive", &["yes"]);
            }
            if kind.displaceable {
                let bases: Vec<&str> = file
                    .bases
                    .iter()
                    .filter(|(_, basis)| basis.consent)
                    .map(|(word, _)| word.as_str())
                    .collect();
                self.narrow(&mut cube, "basis", &bases);
            }
            cube
        });
        narrowed.filter(|cube| !cube.is_empty()).collect()
    }

    fn narrow(&self, cube: &mut Cube, fact: &str, words: &[&str]) {
        if let Some(fact) = self.vocabulary.place(fact) {
            let words = words.iter().filter_map(|word| self.vocabulary.position(fact, word));
            cube.restrict(fact, words.fold(Words::NONE, Words::with));
        }
    }

    fn at(&self, words: &[(&str, &str)]) -> Cube {
        let mut cube = Cube::default();
        for (fact, word) in words {
            self.narrow(&mut cube, fact, &[word]);
        }
        cube
    }

    /// The situations of a category and an action; a category that both regimes find sensitive under each of their profiles, or
    /// neither under any, is so always.
    fn place(&self, category: &str, action: Action) -> Cube {
        let mut cube = self.at(&[("category", category), ("action", action.as_str())]);
        let files = [&self.first.regime.file, &self.second.regime.file];
        let sensitive = files.map(|file| {
            // A category that a regime does not know is sensitive; one of a regime without profiles is so under none.
            let Some(own) = file.categories.get(category) else { return (true, false) };
            let under = |profile: &String| own.sensitive.iter().any(|under| under.get_ref() == profile);
            let profiles = &file.regime.profiles;
            let never = !file.regime.children_sensitive && !profiles.iter().any(under);
            (!profiles.is_empty() && profiles.iter().all(under), never)
        });
        match sensitive {
            [(true, _), (true, _)] => self.narrow(&mut cube, "sensitive", &["yes"]),
            [(_, true), (_, true)] => self.narrow(&mut cube, "sensitive", &["no"]),
            _ => {}
        }
        cube
    }

    fn refusals(&self, demands: &[Demand], place: &Cube) -> Vec<Cube> {
        let refused = demands.iter().map(|demand| {
            let mut cube = demand.refused(self.vocabulary);
            place.restricted().for_each(|(fact, words)| cube.restrict(fact, words));
            cube
        });
        refused.filter(|cube| !cube.is_empty()).collect()
    }

    /// A situation in one of `cubes` that none of `cover` holds.
    fn example(&self, cubes: &[Cube], cover: &[Cube]) -> Option<String> {
        let cover: Vec<&Cube> = cover.iter().chain(&self.impossible).collect();
        let found = cubes.iter().find_map(|cube| uncovered(self.vocabulary, cube, &cover))?;
        let words = found.restricted().filter_map(|(fact, words)| {
            let word = words.first()?;
            (words != self.vocabulary.all(fact))
                .then(|| format!("{} = {}", self.vocabulary.name(fact), self.vocabulary.word(fact, word)))
        });
        let words: Vec<String> = words.collect();
        Some(if words.is_empty() { "always".to_owned() } else { words.join(", ") })
    }

    /// Every trigger that both know: which consents count.
    fn triggers(&self) -> Vec<Difference> {
        let (a, b) = (&self.first.regime.file, &self.second.regime.file);
        let both = a.triggers.iter().filter_map(|(name, own)| Some((name, own, b.triggers.get(name)?)));
        let mut all = Vec::new();
        for (name, own, other) in both {
            let quality = (a.qualities.get(own.quality.get_ref()), b.qualities.get(other.quality.get_ref()));
            let (Some(own), Some(other)) = quality else { continue };
            let kind = other.kinds.difference(&own.kinds).next();
            let kind_less = own.kinds.difference(&other.kinds).next();
            let check = other.checks.difference(&own.checks).next();
            let check_more = own.checks.difference(&other.checks).next();
            let of_kind =
                |kind: &crate::consent::ConsentKind| format!("a consent of the kind {}", kind.as_str());
            let without =
                |check: &crate::consent::Check| format!("a consent that fails {} alone", check.as_str());
            all.push(Difference::new(
                format!("{name}: which consents count"),
                kind_less.map(of_kind).or(check.map(without)),
                kind.map(of_kind).or(check_more.map(without)),
            ));
        }
        all
    }

    fn thresholds(&self) -> Vec<Difference> {
        let (a, b) = (&self.first.regime.file, &self.second.regime.file);
        let (own, other) = (&a.regime, &b.regime);
        let days = |days: Option<crate::types::Days>| days.map_or(0, crate::types::Days::days);
        let mut all = vec![
            above("refusal cool-down", days(own.refusal_cool_down), days(other.refusal_cool_down), |days| {
                format!("a consent {days} days after a refusal")
            }),
            above("age below which a guardian consents", own.child_below, other.child_below, |age| {
                format!("a person of {age} who consents for themselves")
            }),
            above("age from which people are adults", own.adult_from, other.adult_from, |age| {
                format!("a person of {age} where only adults are admitted")
            }),
        ];
        // Of one regime a consent goes on after a slight change alone: any other word is material or unknown.
        let slight = |head: &super::regime::Head| -> BTreeSet<String> {
            head.slight_changes.difference(&head.material_changes).cloned().collect()
        };
        let changes = |from: &BTreeSet<String>, to: &BTreeSet<String>| {
            let change = from.difference(to).next()?;
            Some(format!("a consent under the notice before one that changed {change}"))
        };
        let (own, other) = (slight(own), slight(other));
        all.push(Difference::new(
            "material changes of a notice",
            changes(&own, &other),
            changes(&other, &own),
        ));
        let ages = |file: &super::regime::RegimeFile| -> BTreeMap<String, u32> {
            let kinds = file.documents.iter();
            kinds
                .map(|(kind, own)| (kind.clone(), own.max_age.map_or(u32::MAX, crate::types::Days::days)))
                .collect()
        };
        let other = ages(b);
        for (kind, own) in ages(a) {
            let Some(other) = other.get(&kind) else { continue };
            // The older a document may be, the more is let through.
            all.push(above(
                &format!("age of the document {kind}"),
                u32::MAX - own,
                u32::MAX - other,
                |left| format!("a {kind} approved {} days ago", u32::MAX - left),
            ));
        }
        for (block, own) in &a.notices {
            let Some(other) = b.notices.get(block) else { continue };
            let words = |block: &super::regime::NoticeBlock| -> BTreeSet<String> {
                block.states.iter().map(|word| word.get_ref().clone()).collect()
            };
            let (own, other) = (words(own), words(other));
            let lacks = |from: &BTreeSet<String>, to: &BTreeSet<String>| {
                to.difference(from).next().map(|word| format!("a notice without {word}"))
            };
            all.push(Difference::new(
                format!("statements of {block}"),
                lacks(&own, &other),
                lacks(&other, &own),
            ));
        }
        all
    }
}

/// A threshold of which a larger one lets less through; the example is the smaller one's own value.
pub(super) fn above<T: Copy + Ord>(
    factor: &str,
    first: T,
    second: T,
    example: impl Fn(T) -> String,
) -> Difference {
    let second_refuses = (second > first).then(|| example(first));
    let first_refuses = (first > second).then(|| example(second));
    Difference::new(factor, second_refuses, first_refuses)
}
