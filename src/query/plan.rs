//! A question resolved against the catalogue, with its exact cost; no data is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::canonical::measure_name;
use super::payment::Payment;
use super::{Ask, Canonical, Confidence, Forecast, Item, Problem, QuestionError, Shown};
use crate::dp::{Accounting, Claim, Contribution, NoiseError, Norms, Part, QuestionHash, Shape};
use crate::tags::{Catalogue, Label, Reach, Tag};

/// What the study says about prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The half-width of a count, in people.
    pub default_error: u64,
    /// The half-width of the sum of a measure, in its unit.
    pub default_error_of: BTreeMap<String, u64>,
    /// Cells whose noised count is below this are shown as suppressed; 0 for no such rule.
    pub min_people: u64,
}

/// What a part releases in every cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// People.
    Count,
    /// The sum of a measure over people.
    Sum {
        /// The measure's position in the catalogue.
        measure: usize,
        /// Its position among the summable measures: the cube's order of sums.
        summable: usize,
    },
}

/// A part of the plan; the claim has its price at the same position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPart {
    /// What it releases.
    pub kind: PartKind,
    /// `COUNT(*)` or `SUM(measure)`.
    pub name: String,
    /// Whether it was not asked for and is paid only to apply `min_people`.
    pub hidden: bool,
}

/// What a shown column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A number: the position of its part.
    Number(usize),
    /// A label: the position of its tag among those grouped by.
    Tag(usize),
}

/// A shown column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The alias; without one `people`, `sum_` and the measure, or the tag.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// A question ready to be charged and answered.
///
/// # Privacy
/// A function of the question, the catalogue, the study's defaults and the pool's accounting only.
#[derive(Debug, Clone)]
pub struct Plan {
    canonical: Canonical,
    question: String,
    set: usize,
    /// Catalogue positions of the set's tags, in the order of the cube's codes.
    set_tags: Vec<usize>,
    /// The tags grouped by: position in the set, name and labels, in catalogue order.
    group: Vec<(usize, String, Vec<Label>)>,
    parts: Vec<PlannedPart>,
    columns: Vec<Column>,
    reach: Reach,
    confidence: Confidence,
    shown: Shown,
    pub(super) accounting: Accounting,
    claim: Claim,
    cost: u128,
}

impl Plan {
    /// Plans `ask`.
    ///
    /// # Errors
    /// [`QuestionError`] for names outside the catalogue, tags that no set holds together, and prices that cannot be paid.
    pub fn new(
        ask: &Ask,
        catalogue: &Catalogue,
        defaults: &Defaults,
        accounting: Accounting,
    ) -> Result<Self, QuestionError> {
        let canonical = Canonical::new(ask, catalogue)?;
        let used = canonical.tags();
        let (set, tag_set) = catalogue.set_holding(&used).ok_or_else(|| across_sets(&used, catalogue))?;
        let set_tags = tag_set.tags.clone();
        let group = group(&canonical, &set_tags, catalogue);
        let cells = group.iter().try_fold(1usize, |cells, (_, _, labels)| cells.checked_mul(labels.len()));
        let reach = catalogue.reach(&used, &canonical.sums);
        let parts = parts(&canonical, catalogue, defaults);
        let price = Payment::resolve(ask.price(), &parts, catalogue, defaults)?;
        let question = format!("{} WITH ({})", canonical.text(catalogue), price.text);

        let norms = |part: &PlannedPart| norms(part, catalogue, reach.people, group.is_empty());
        let priced = parts.iter().zip(&price.of_parts).map(|(part, price)| {
            let norms = norms(part)?;
            let mechanism =
                price.mechanism(norms, parts.len(), accounting).map_err(|error| unpayable(error, part))?;
            Ok(Part { mechanism, norms, cells: cells.unwrap_or(usize::MAX) })
        });
        let priced = priced.collect::<Result<Vec<_>, QuestionError>>()?;
        let claim = Claim { question: hash(&question), parts: priced, reach: reach.people };
        let cost = claim.cost(accounting).map_err(|error| {
            QuestionError::new(Problem::Cost(error), "allow a larger error, or declare narrower clamps")
        })?;
        let columns = columns(ask, &group, &parts);
        check_shown(&ask.shown, &columns)?;
        let (confidence, shown) = (ask.confidence, ask.shown.clone());
        Ok(Self {
            canonical,
            question,
            set,
            set_tags,
            group,
            parts,
            columns,
            reach,
            confidence,
            shown,
            accounting,
            claim,
            cost,
        })
    }

    /// The canonical question with its resolved price: valid SQL, and all that the hash covers.
    #[must_use]
    pub fn question(&self) -> &str {
        &self.question
    }

    /// What is charged and released.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The charge in units of the pool.
    #[must_use]
    pub fn cost(&self) -> u128 {
        self.cost
    }

    /// The position of the tag set whose cube answers.
    #[must_use]
    pub fn set(&self) -> usize {
        self.set
    }

    /// What is released in every cell, in the order of the claim's parts.
    #[must_use]
    pub fn parts(&self) -> &[PlannedPart] {
        &self.parts
    }

    /// The columns to show, as asked for.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many people one person can move, and why.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The probability of shown intervals.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// How the released rows are shown.
    #[must_use]
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// How many cells are released, also those that are empty.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.group.iter().map(|(_, _, labels)| labels.len()).product()
    }

    /// The names of the tags grouped by, in the order of [`Plan::group_labels`].
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.group.iter().map(|(_, name, _)| name.as_str())
    }

    /// The labels of a cell, one for each tag grouped by; cells count through the labels of the last tag first.
    #[must_use]
    pub fn group_labels(&self, cell: usize) -> Vec<&Label> {
        let mut rest = cell;
        let mut labels: Vec<&Label> = Vec::with_capacity(self.group.len());
        for (_, _, vocabulary) in self.group.iter().rev() {
            let size = vocabulary.len().max(1);
            labels.extend(vocabulary.get(rest % size));
            rest /= size;
        }
        labels.reverse();
        labels
    }

    /// The cell into which somebody with these codes (of all tags of the set, in its order) counts.
    #[must_use]
    pub fn cell(&self, codes: &[usize]) -> Option<usize> {
        self.group.iter().try_fold(0usize, |cell, (position, _, labels)| {
            let code = codes.get(*position).filter(|code| **code < labels.len())?;
            cell.checked_mul(labels.len())?.checked_add(*code)
        })
    }

    /// Whether somebody with these codes (of all tags of the set, in its order) passes the filter.
    #[must_use]
    pub fn matches(&self, codes: &[usize]) -> bool {
        let code_of = |tag| {
            let position = self.set_tags.iter().position(|member| *member == tag)?;
            codes.get(position).copied()
        };
        self.canonical.condition.as_ref().is_none_or(|condition| condition.matches(&code_of))
    }

    /// What of the plan may be shown before it is paid.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        Forecast::of(self)
    }
}

fn hash(question: &str) -> QuestionHash {
    QuestionHash::new(blake3::derive_key("hushtag v1 canonical question with its price", question.as_bytes()))
}

fn across_sets(used: &BTreeSet<usize>, catalogue: &Catalogue) -> QuestionError {
    let names =
        used.iter().filter_map(|tag| catalogue.tags().get(*tag)).map(|tag| format!("`{}`", tag.name()));
    let tags = names.collect::<Vec<_>>().join(", ");
    let sets: Vec<String> = catalogue.sets().iter().map(|set| format!("`{}`", set.name)).collect();
    QuestionError::new(Problem::AcrossSets { tags }, format!("use tags of one set only: {}", sets.join(", ")))
}

fn unpayable(error: NoiseError, part: &PlannedPart) -> QuestionError {
    let hint = format!("give another error or epsilon for {}", part.name);
    QuestionError::new(Problem::Noise(error), hint)
}

fn group(
    canonical: &Canonical,
    set_tags: &[usize],
    catalogue: &Catalogue,
) -> Vec<(usize, String, Vec<Label>)> {
    let resolved = |tag: &usize| {
        let position = set_tags.iter().position(|member| member == tag)?;
        let tag: &Tag = catalogue.tags().get(*tag)?;
        Some((position, tag.name().to_owned(), tag.labels().to_vec()))
    };
    canonical.group.iter().filter_map(resolved).collect()
}

/// One COUNT, asked for or needed for `min_people`, and each SUM.
fn parts(canonical: &Canonical, catalogue: &Catalogue, defaults: &Defaults) -> Vec<PlannedPart> {
    let mut parts = Vec::new();
    if canonical.count || defaults.min_people > 0 {
        parts.push(PlannedPart {
            kind: PartKind::Count,
            name: "COUNT(*)".to_owned(),
            hidden: !canonical.count,
        });
    }
    for (summable, (measure, _)) in catalogue.summable().enumerate() {
        if canonical.sums.contains(&measure) {
            let name = format!("SUM({})", measure_name(catalogue, measure));
            parts.push(PlannedPart { kind: PartKind::Sum { measure, summable }, name, hidden: false });
        }
    }
    parts
}

fn norms(part: &PlannedPart, catalogue: &Catalogue, reach: u32, one: bool) -> Result<Norms, QuestionError> {
    let contribution = match part.kind {
        PartKind::Count => Contribution::COUNT,
        PartKind::Sum { measure, .. } => {
            let range = catalogue.measures().get(measure).map_or(crate::tags::Clamp::WIDEST, |m| m.range());
            Contribution { low: range.low(), high: range.high() }
        }
    };
    let shape = if one { Shape::One } else { Shape::Exclusive };
    Norms::of(contribution, reach, shape).map_err(|error| {
        QuestionError::new(
            Problem::Sensitivity(error),
            "declare a narrower clamp or a smaller max_reach in the study",
        )
    })
}

/// The shown columns, each to the tag or part that fills it.
fn columns(ask: &Ask, group: &[(usize, String, Vec<Label>)], parts: &[PlannedPart]) -> Vec<Column> {
    let named = |name: &str| {
        parts.iter().position(|part| part.name.eq_ignore_ascii_case(name)).map(ColumnKind::Number)
    };
    let column = |selected: &super::Selected| {
        let kind = match &selected.item {
            Item::Count => named("COUNT(*)")?,
            Item::Sum(measure) => named(&format!("SUM({})", measure.to_ascii_lowercase()))?,
            Item::Tag(tag) => {
                ColumnKind::Tag(group.iter().position(|(_, name, _)| name.eq_ignore_ascii_case(tag))?)
            }
        };
        Some(Column { name: selected.name(), kind })
    };
    ask.selected().iter().filter_map(column).collect()
}

/// A question that was built or read from JSON may name columns that it does not select.
fn check_shown(shown: &Shown, columns: &[Column]) -> Result<(), QuestionError> {
    let known = |name: &&str| columns.iter().any(|column| column.name == **name);
    match shown.columns().into_iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(other) => {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            Err(QuestionError::outside(other, format!("name a selected column: {}", names.join(", "))))
        }
    }
}
