//! A query resolved against the catalogue, with its exact cost; no data is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::affordable::unpayable;
use super::canonical::{find_gridded, find_summable};
use super::error::excerpt;
use super::groups::Cells;
use super::payment::{PartPrice, Payment};
use super::possible::feasible;
use super::{
    Canonical, Forecast, Item, MAX_COLUMNS, PartKind, Probability, Problem, Query, QueryError, Selected,
    Shown,
};
use crate::dp::{Accounting, Part, PrivacyClaim, QueryHash};
use crate::tags::{Catalogue, Clamp, Grid, Label, Measure, Reach, Tag};
use crate::types::{Denomination, Feasible};

/// What the study declares about errors and costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The half-width of a count, in people.
    pub default_error: u64,
    /// The half-width of the sum of a measure, in its unit.
    pub default_error_of: BTreeMap<String, u64>,
    /// Cells whose noised count is below this are shown as suppressed; 0 for no such rule.
    pub min_people: u64,
}

/// A part of the plan; the claim has its price at the same position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPart {
    /// What it releases.
    pub kind: PartKind,
    /// The item that shows exactly this, such as `COUNT(*)` or `SUM(spend)`.
    pub name: String,
    /// How many numbers it releases in every cell.
    pub width: usize,
    /// Whether it was not asked for and is paid only to apply `min_people`.
    pub hidden: bool,
    /// What its numbers are shown in, if they are amounts of a declared unit.
    pub denomination: Option<Denomination>,
    /// What its numbers can be, whatever their noise.
    pub feasible: Feasible,
}

/// What a shown column holds; parts are positions among those of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnKind {
    /// One of the numbers of a part: `offset` is its place among those of a cell.
    Number {
        /// The part.
        part: usize,
        /// 0, or the cell of the grid.
        offset: usize,
    },
    /// The mean of a measure.
    Average {
        /// The part of its sum.
        sum: usize,
        /// The part of the people who have a value.
        count: usize,
        /// The declared range of the measure: no mean is outside.
        range: (i64, i64),
    },
    /// A quantile of a measure.
    Quantile {
        /// The part of its histogram.
        part: usize,
        /// Which one.
        level: Probability,
        /// The smallest and the largest value of every cell of the grid.
        ranges: Vec<(i64, i64)>,
    },
    /// A label: the position of its tag among those grouped by.
    Tag(usize),
}

/// A shown column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As [`Selected::name`](super::Selected::name).
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// What its numbers are shown in, if they are amounts of a declared unit.
    pub denomination: Option<Denomination>,
}

/// A query ready to be charged and answered.
///
/// # Privacy
/// A function of the query, the catalogue, the study's defaults and the pool's accounting only.
#[derive(Debug, Clone)]
pub struct Plan {
    canonical: Canonical,
    question: String,
    set: usize,
    /// Catalogue positions of the set's tags, in the order of the cube's codes.
    of_set: Cells,
    /// The tags grouped by: position in the set, name and labels, in catalogue order.
    group: Vec<(usize, String, Vec<Label>)>,
    pub(super) parts: Vec<PlannedPart>,
    columns: Vec<Column>,
    reach: Reach,
    confidence: Probability,
    shown: Shown,
    pub(super) accounting: Accounting,
    /// The price of every part, and the setting that gives it.
    pub(super) prices: Vec<PartPrice>,
    pub(super) settings: Vec<String>,
    pub(super) claim: PrivacyClaim,
    cost: u128,
}

impl Plan {
    /// Plans `ask`.
    ///
    /// # Errors
    /// [`QueryError`] for names outside the catalogue, tags that no set holds together, and prices that cannot be paid.
    pub fn new(
        ask: &Query,
        catalogue: &Catalogue,
        defaults: &Defaults,
        accounting: Accounting,
    ) -> Result<Self, QueryError> {
        let mut canonical = Canonical::new(ask, catalogue)?;
        let counted = !canonical.parts.insert(PartKind::Count);
        if !counted && defaults.min_people == 0 {
            canonical.parts.remove(&PartKind::Count);
        }
        let used = canonical.tags();
        let (set, tag_set) = catalogue.set_holding(&used).ok_or_else(|| across_sets(&used, catalogue))?;
        let set_tags = tag_set.tags.clone();
        let size = |tag: &usize| catalogue.tags().get(*tag).map_or(1, |tag| tag.labels().len());
        let sizes = set_tags.iter().map(size).collect();
        let group = group(&canonical, &set_tags, catalogue);
        let cells = group.iter().try_fold(1usize, |cells, (_, _, labels)| cells.checked_mul(labels.len()));
        let reach = catalogue.reach(&used, &canonical.measures());
        let parts: Vec<PlannedPart> =
            canonical.parts.iter().map(|kind| planned(*kind, counted, catalogue)).collect();
        let price = Payment::resolve(ask.cost(), &parts, catalogue, defaults)?;
        let question = format!("{} WITH ({})", canonical.text(catalogue), price.text);

        let priced = parts.iter().zip(&price.of_parts).map(|(part, price)| {
            let cells = released(cells, part, catalogue)?;
            let sensitivity = part.kind.sensitivity(catalogue, reach.people, group.is_empty())?;
            let mechanism = price
                .mechanism(sensitivity, parts.len(), accounting)
                .map_err(|error| unpayable(error, &part.name))?;
            Ok(Part { mechanism, sensitivity, cells })
        });
        let priced = priced.collect::<Result<Vec<_>, QueryError>>()?;
        let claim = PrivacyClaim { question: hash(&question), parts: priced, reach: reach.people };
        let cost = claim.cost(accounting).map_err(|error| {
            QueryError::new(Problem::Cost(error), "allow a larger error, or declare narrower clamps")
        })?;
        let columns =
            ask.selected().iter().filter_map(|selected| columns(selected, &group, &parts, catalogue));
        let columns: Vec<Column> = columns.flatten().take(MAX_COLUMNS.saturating_add(1)).collect();
        check_columns(&columns, &group)?;
        check_shown(&ask.shown, &columns)?;
        let (confidence, shown) = (ask.confidence, ask.shown.clone());
        Ok(Self {
            canonical,
            question,
            set,
            of_set: Cells::new(set_tags, sizes),
            group,
            parts,
            columns,
            reach,
            confidence,
            shown,
            accounting,
            prices: price.of_parts,
            settings: price.settings,
            claim,
            cost,
        })
    }

    /// The canonical query with its resolved price: valid SQL, and all that the hash covers.
    #[must_use]
    pub fn question(&self) -> &str {
        &self.question
    }

    /// What is charged and released.
    #[must_use]
    pub fn claim(&self) -> &PrivacyClaim {
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
    pub fn confidence(&self) -> Probability {
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

    /// Every cell of the set's cube that the filter lets pass, in order, and the cell of the answer that it goes into; the code of
    /// the set's last tag counts fastest.
    #[must_use]
    pub fn groups(&self) -> Vec<(u32, u32)> {
        let by: Vec<usize> = self.group.iter().map(|(position, _, _)| *position).collect();
        self.of_set.groups(&by, self.canonical.condition.as_ref())
    }

    /// What of the plan may be shown before it is paid.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        Forecast::of(self)
    }
}

pub(super) fn hash(question: &str) -> QueryHash {
    QueryHash::new(blake3::derive_key("hushtag v1 canonical question with its price", question.as_bytes()))
}

fn across_sets(used: &BTreeSet<usize>, catalogue: &Catalogue) -> QueryError {
    let names =
        used.iter().filter_map(|tag| catalogue.tags().get(*tag)).map(|tag| format!("`{}`", tag.name()));
    let tags = names.collect::<Vec<_>>().join(", ");
    let sets: Vec<String> = catalogue.sets().iter().map(|set| format!("`{}`", set.name)).collect();
    QueryError::new(Problem::AcrossSets { tags }, format!("use tags of one set only: {}", sets.join(", ")))
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

fn planned(kind: PartKind, counted: bool, catalogue: &Catalogue) -> PlannedPart {
    let hidden = kind == PartKind::Count && !counted;
    let denomination = match kind {
        PartKind::Sum { measure } => denomination(measure, catalogue),
        PartKind::Count | PartKind::Present { .. } | PartKind::Histogram { .. } => None,
    };
    let (name, width, feasible) = (kind.name(catalogue), kind.width(catalogue), feasible(kind, catalogue));
    PlannedPart { kind, name, width, hidden, denomination, feasible }
}

/// What values of a measure are shown in.
fn denomination(measure: usize, catalogue: &Catalogue) -> Option<Denomination> {
    catalogue.measures().get(measure)?.unit.clone()
}

/// How many numbers a part releases in all cells.
fn released(cells: Option<usize>, part: &PlannedPart, catalogue: &Catalogue) -> Result<usize, QueryError> {
    let limit = catalogue.max_cells();
    let all = cells.and_then(|cells| cells.checked_mul(part.width));
    all.filter(|all| *all as u64 <= limit).ok_or_else(|| {
        let problem = Problem::TooManyCells { cells: all.map_or(u128::MAX, |all| all as u128), limit };
        QueryError::new(problem, format!("group {} by fewer tags", part.name))
    })
}

/// The shown columns of one selected item, each with the tag or parts that fill it; the canonical form has found all names.
fn columns(
    selected: &Selected,
    group: &[(usize, String, Vec<Label>)],
    parts: &[PlannedPart],
    catalogue: &Catalogue,
) -> Option<Vec<Column>> {
    let part_of = |kind: PartKind| parts.iter().position(|part| part.kind == kind);
    let number = |kind: PartKind| Some(ColumnKind::Number { part: part_of(kind)?, offset: 0 });
    let kind = match &selected.item {
        Item::Count => number(PartKind::Count)?,
        Item::Present(measure) => {
            number(PartKind::present(find_summable(catalogue, measure).ok()?, catalogue))?
        }
        Item::Sum(measure) => number(PartKind::Sum { measure: find_summable(catalogue, measure).ok()? })?,
        Item::Average(measure) => {
            let measure = find_summable(catalogue, measure).ok()?;
            let range = catalogue.measures().get(measure).map_or(Clamp::WIDEST, Measure::range);
            ColumnKind::Average {
                sum: part_of(PartKind::Sum { measure })?,
                count: part_of(PartKind::present(measure, catalogue))?,
                range: (range.low(), range.high()),
            }
        }
        Item::Quantile { measure, level } => {
            let measure = find_gridded(catalogue, measure).ok()?;
            let part = part_of(PartKind::Histogram { measure })?;
            ColumnKind::Quantile { part, level: *level, ranges: ranges(measure, catalogue) }
        }
        Item::Histogram(measure) => {
            let measure = find_gridded(catalogue, measure).ok()?;
            let part = part_of(PartKind::Histogram { measure })?;
            let cells = ranges(measure, catalogue).into_iter().enumerate();
            let column = |(offset, (_, high))| Column {
                name: format!("{}_to_{high}", selected.name()),
                kind: ColumnKind::Number { part, offset },
                denomination: None,
            };
            return Some(cells.map(column).collect());
        }
        Item::Tag(tag) => {
            ColumnKind::Tag(group.iter().position(|(_, name, _)| name.eq_ignore_ascii_case(tag))?)
        }
    };
    let amounts = match &selected.item {
        Item::Sum(measure) | Item::Average(measure) | Item::Quantile { measure, .. } => {
            find_summable(catalogue, measure).ok()
        }
        Item::Count | Item::Present(_) | Item::Histogram(_) | Item::Tag(_) => None,
    };
    let denomination = amounts.and_then(|measure| denomination(measure, catalogue));
    Some(vec![Column { name: selected.name(), kind, denomination }])
}

fn ranges(measure: usize, catalogue: &Catalogue) -> Vec<(i64, i64)> {
    catalogue.measures().get(measure).and_then(|m| m.grid.as_ref()).map_or_else(Vec::new, Grid::ranges)
}

/// Answers have few columns, each with a name of its own: so does a tag that is grouped by and not selected. A tag may be selected twice.
fn check_columns(columns: &[Column], group: &[(usize, String, Vec<Label>)]) -> Result<(), QueryError> {
    if columns.len() > MAX_COLUMNS {
        return Err(QueryError::new(Problem::TooManyColumns, "select fewer columns, or ask several queries"));
    }
    let is_selected = |tag: usize| columns.iter().any(|column| column.kind == ColumnKind::Tag(tag));
    let tags = group.iter().enumerate().filter(|(tag, _)| !is_selected(*tag));
    let tags = tags.map(|(tag, (_, name, _))| (name.as_str(), Some(tag)));
    let selected = columns.iter().map(|column| match column.kind {
        ColumnKind::Tag(tag) => (column.name.as_str(), Some(tag)),
        _ => (column.name.as_str(), None),
    });
    let mut names = BTreeMap::new();
    for (name, tag) in tags.chain(selected) {
        if names.insert(name, tag).is_some_and(|before| tag.is_none() || before != tag) {
            let problem = Problem::SameName { name: excerpt(name) };
            return Err(QueryError::new(problem, "give each of them another name with AS"));
        }
    }
    Ok(())
}

/// A query that was built or read from JSON may name columns that it does not select.
fn check_shown(shown: &Shown, columns: &[Column]) -> Result<(), QueryError> {
    let known = |name: &&str| columns.iter().any(|column| column.name == **name);
    match shown.columns().into_iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(other) => {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            Err(QueryError::outside(other, format!("name a selected column: {}", names.join(", "))))
        }
    }
}
