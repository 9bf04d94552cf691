//! The one canonical form of a query over a catalogue: every spelling of it has the same text.
//!
//! A filter is brought into negation normal form over sets of label codes: a comparison is the set of labels that pass,
//! NOT is its complement, the sets of one tag under one connective are merged, connectives are flattened, sorted and
//! free of duplicates. Nothing is multiplied out, so the form is never longer than what was written.

use std::collections::{BTreeMap, BTreeSet};

use super::error::excerpt;
use super::part::parts_of;
use super::{Filter, Item, MAX_CONDITIONS, MAX_DEPTH, MAX_TEXT, PartKind, Problem, Query, QueryError};
use crate::tags::{Catalogue, Label, Tag, nearest};

/// A filter in normal form; tags and labels are positions in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// The code of the tag is one of these: neither none of its vocabulary nor all of it.
    In {
        /// The tag's position in the catalogue.
        tag: usize,
        /// Codes of its labels.
        codes: BTreeSet<usize>,
    },
    /// All of these, at least two, no `All` among them, at most one `In` of a tag.
    All(Vec<Condition>),
    /// Any of these, at least two, no `Any` among them, at most one `In` of a tag.
    Any(Vec<Condition>),
}

impl Condition {
    /// Levels of parentheses when printed.
    fn depth(&self) -> usize {
        let deepest = |parts: &[Self]| parts.iter().map(Self::depth).max().unwrap_or(0);
        match self {
            Self::In { .. } => 0,
            Self::All(parts) => {
                let grouped = parts.iter().any(|part| matches!(part, Self::Any(_)));
                deepest(parts).saturating_add(usize::from(grouped))
            }
            Self::Any(parts) => deepest(parts),
        }
    }

    fn tags(&self, into: &mut BTreeSet<usize>) {
        match self {
            Self::In { tag, .. } => {
                into.insert(*tag);
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.tags(into)),
        }
    }
}

/// A query without spelling: what is released, about whom, in which cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// Tags grouped by, as positions in the catalogue, ascending.
    pub group: BTreeSet<usize>,
    /// What is released in every cell. An average is a sum and a count, a quantile is a histogram: how a number is shown
    /// makes no other query.
    pub parts: BTreeSet<PartKind>,
    /// Who is counted; all people without one.
    pub condition: Option<Condition>,
}

impl Canonical {
    /// The canonical form of `ask`.
    ///
    /// # Errors
    /// [`QueryError`] for names and labels the catalogue does not have, ungrouped tags, measures without a clamp,
    /// filters that are too deep or too long or that no person passes, and a query for no number.
    pub fn new(ask: &Query, catalogue: &Catalogue) -> Result<Self, QueryError> {
        let group = ask.group_by.iter().map(|name| find_tag(catalogue, name).map(|(tag, _)| tag));
        let group = group.collect::<Result<BTreeSet<_>, _>>()?;
        let mut parts = BTreeSet::new();
        for selected in &ask.select {
            if let Some(alias) = &selected.alias
                && (alias.is_empty() || alias.len() > 64 || alias.chars().any(char::is_control))
            {
                return Err(QueryError::outside(
                    alias,
                    "an alias has 1 to 64 bytes and no control characters",
                ));
            }
            parts.extend(parts_of(&selected.item, catalogue)?);
            if let Item::Tag(name) = &selected.item {
                let (position, tag) = find_tag(catalogue, name)?;
                if !group.contains(&position) {
                    let problem = Problem::NotGrouped { tag: tag.name().to_owned() };
                    return Err(QueryError::new(problem, format!("add GROUP BY {}", tag.name())));
                }
            }
        }
        if parts.is_empty() {
            return Err(QueryError::new(Problem::NoNumber, "add COUNT(*) or SUM of a measure"));
        }
        let condition = match &ask.filter {
            Some(filter) => condition(filter, catalogue)?,
            None => None,
        };
        let canonical = Self { group, parts, condition };
        if canonical.text(catalogue).len() > MAX_TEXT {
            return Err(QueryError::new(Problem::TooLong, "shorten the lists of labels"));
        }
        Ok(canonical)
    }

    /// Every measure that is read.
    #[must_use]
    pub fn measures(&self) -> BTreeSet<usize> {
        self.parts.iter().filter_map(|part| part.measure()).collect()
    }

    /// Every tag used anywhere in the query.
    #[must_use]
    pub fn tags(&self) -> BTreeSet<usize> {
        let mut tags = self.group.clone();
        if let Some(condition) = &self.condition {
            condition.tags(&mut tags);
        }
        tags
    }

    /// The query as SQL without a price; parsing it gives the same canonical form.
    #[must_use]
    pub fn text(&self, catalogue: &Catalogue) -> String {
        let group: Vec<&str> =
            self.group.iter().filter_map(|tag| catalogue.tags().get(*tag)).map(Tag::name).collect();
        let mut items: Vec<String> = group.iter().map(|name| (*name).to_owned()).collect();
        items.extend(self.parts.iter().map(|part| part.name(catalogue)));
        let mut text = format!("SELECT {} FROM tags", items.join(", "));
        if let Some(condition) = &self.condition {
            text.push_str(" WHERE ");
            print(condition, catalogue, &mut text);
        }
        if !group.is_empty() {
            text.push_str(&format!(" GROUP BY {}", group.join(", ")));
        }
        text
    }
}

pub(super) fn measure_name(catalogue: &Catalogue, measure: usize) -> &str {
    catalogue.measures().get(measure).and_then(|m| m.name.as_deref()).unwrap_or_default()
}

fn print(condition: &Condition, catalogue: &Catalogue, text: &mut String) {
    let (parts, connective) = match condition {
        Condition::In { tag, codes } => return print_set(*tag, codes, catalogue, text),
        Condition::All(parts) => (parts, " AND "),
        Condition::Any(parts) => (parts, " OR "),
    };
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            text.push_str(connective);
        }
        // AND binds tighter than OR, so only an OR inside an AND needs parentheses.
        if matches!(part, Condition::Any(_)) {
            text.push('(');
            print(part, catalogue, text);
            text.push(')');
        } else {
            print(part, catalogue, text);
        }
    }
}

/// Prints the shorter of the set and its complement; one label as `=` or `<>`.
fn print_set(tag: usize, codes: &BTreeSet<usize>, catalogue: &Catalogue, text: &mut String) {
    let Some(tag) = catalogue.tags().get(tag) else { return };
    let total = tag.labels().len();
    let complement = codes.len() > 1 && codes.len() > total / 2;
    let listed = tag.labels().iter().enumerate().filter(|(code, _)| codes.contains(code) != complement);
    let listed: Vec<String> = listed.map(|(_, label)| format!("'{label}'")).collect();
    text.push_str(tag.name());
    match (listed.as_slice(), complement) {
        ([one], false) => text.push_str(&format!(" = {one}")),
        ([one], true) => text.push_str(&format!(" <> {one}")),
        (_, false) => text.push_str(&format!(" IN ({})", listed.join(", "))),
        (_, true) => text.push_str(&format!(" NOT IN ({})", listed.join(", "))),
    }
}

/// A condition, or a constant on the way to one.
enum Normal {
    Always,
    Never,
    When(Condition),
}

fn condition(filter: &Filter, catalogue: &Catalogue) -> Result<Option<Condition>, QueryError> {
    match (Normalise { catalogue, budget: MAX_CONDITIONS }).filter(filter, false, 0)? {
        Normal::Always => Ok(None),
        Normal::When(condition) if condition.depth() > MAX_DEPTH => Err(too_deep()),
        Normal::When(condition) => Ok(Some(condition)),
        Normal::Never => Err(QueryError::new(
            Problem::EmptySelection,
            "use OR between labels of one tag, or drop a condition",
        )),
    }
}

struct Normalise<'a> {
    catalogue: &'a Catalogue,
    /// How many more comparisons the filter may have.
    budget: usize,
}

impl Normalise<'_> {
    fn filter(&mut self, filter: &Filter, negated: bool, depth: usize) -> Result<Normal, QueryError> {
        // One level of parentheses in SQL is at most an OR, an AND and a NOT here.
        if depth > 4 * MAX_DEPTH {
            return Err(too_deep());
        }
        let deeper = depth.saturating_add(1);
        let (list, all) = match filter {
            Filter::In { tag, labels } => return self.set(tag, labels, negated),
            Filter::Not(inner) => return self.filter(inner, !negated, deeper),
            Filter::All(list) => (list, !negated),
            Filter::Any(list) => (list, negated),
        };
        let parts = list.iter().map(|part| self.filter(part, negated, deeper)).collect::<Result<_, _>>()?;
        Ok(merge(parts, all, self.catalogue))
    }

    fn set(&mut self, name: &str, labels: &[String], negated: bool) -> Result<Normal, QueryError> {
        self.budget = self.budget.checked_sub(1).ok_or_else(too_many)?;
        let (position, tag) = find_tag(self.catalogue, name)?;
        let given = labels.iter().map(|label| find_label(tag, label)).collect::<Result<BTreeSet<_>, _>>()?;
        let codes = (0..tag.labels().len()).filter(|code| given.contains(code) != negated).collect();
        Ok(constant_or_set(position, codes, self.catalogue))
    }
}

pub(super) fn too_deep() -> QueryError {
    QueryError::new(Problem::TooDeep, "flatten the filter: use IN for several labels of a tag")
}

pub(super) fn too_many() -> QueryError {
    QueryError::new(Problem::TooMany, "use IN for several labels of a tag, or ask several queries")
}

fn constant_or_set(tag: usize, codes: BTreeSet<usize>, catalogue: &Catalogue) -> Normal {
    let total = catalogue.tags().get(tag).map_or(0, |tag| tag.labels().len());
    match codes.len() {
        0 => Normal::Never,
        some if some == total => Normal::Always,
        _ => Normal::When(Condition::In { tag, codes }),
    }
}

/// Joins normal parts by AND (`all`) or OR: flattened, one set for each tag, sorted, without duplicates.
fn merge(parts: Vec<Normal>, all: bool, catalogue: &Catalogue) -> Normal {
    let mut sets: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut others: BTreeSet<Condition> = BTreeSet::new();
    for part in parts {
        let flat = match part {
            Normal::Always if all => continue,
            Normal::Never if !all => continue,
            constant @ (Normal::Always | Normal::Never) => return constant,
            Normal::When(Condition::All(inner)) if all => inner,
            Normal::When(Condition::Any(inner)) if !all => inner,
            Normal::When(condition) => vec![condition],
        };
        for condition in flat {
            let Condition::In { tag, codes } = condition else {
                others.insert(condition);
                continue;
            };
            let joined = match sets.remove(&tag) {
                None => codes,
                Some(before) if all => &before & &codes,
                Some(before) => &before | &codes,
            };
            sets.insert(tag, joined);
        }
    }
    let mut kept = Vec::new();
    for (tag, codes) in sets {
        match constant_or_set(tag, codes, catalogue) {
            Normal::When(condition) => kept.push(condition),
            // An empty intersection ends an AND, a full union ends an OR; neither can turn into the other.
            constant => return constant,
        }
    }
    kept.extend(others);
    match (kept.len(), all) {
        (0, true) => Normal::Always,
        (0, false) => Normal::Never,
        (1, _) => kept.pop().map_or(Normal::Always, Normal::When),
        (_, true) => Normal::When(Condition::All(kept)),
        (_, false) => Normal::When(Condition::Any(kept)),
    }
}

/// The tag of a name as the user wrote it; case does not matter.
pub(super) fn find_tag<'a>(catalogue: &'a Catalogue, name: &str) -> Result<(usize, &'a Tag), QueryError> {
    let lower = name.to_ascii_lowercase();
    catalogue.tag(&lower).ok_or_else(|| match catalogue.measure(&lower) {
        Some(_) => QueryError::new(
            Problem::BareMeasure { name: lower.clone() },
            format!("write SUM({lower}) or AVG({lower}); only tags are selected, filtered and grouped by"),
        ),
        None => {
            unknown("tag", name, nearest(&excerpt(&lower), catalogue.tags().iter().map(Tag::name)), "tags")
        }
    })
}

/// The measure of a name as the user wrote it, if it may be summed.
pub(super) fn find_summable(catalogue: &Catalogue, name: &str) -> Result<usize, QueryError> {
    let lower = name.to_ascii_lowercase();
    let names = || catalogue.summable().filter_map(|(_, measure)| measure.name.as_deref());
    match catalogue.measure(&lower) {
        Some((position, measure)) if measure.clamp.is_some() => Ok(position),
        Some(_) => Err(QueryError::new(
            Problem::NotSummable { measure: lower },
            "declare `clamp = [low, high]` for it in the study",
        )),
        None => Err(unknown("measure", name, nearest(&excerpt(&lower), names()), "measures")),
    }
}

/// The measure of a name as the user wrote it, if it has quantiles.
pub(super) fn find_gridded(catalogue: &Catalogue, name: &str) -> Result<usize, QueryError> {
    let position = find_summable(catalogue, name)?;
    match catalogue.measures().get(position) {
        Some(declared) if declared.grid.is_some() => Ok(position),
        _ => {
            let measure = name.to_ascii_lowercase();
            let hint =
                "declare `grid = [0, 100, ...]` for it in the study, or group by a tag with bands of it";
            Err(QueryError::new(Problem::NoGrid { measure }, hint))
        }
    }
}

fn unknown(kind: &'static str, name: &str, near: Option<String>, all: &str) -> QueryError {
    let hint = match near {
        _ if !name.is_ascii() => "the name has letters that only look like a to z: type it again".to_owned(),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`hushtag vocabulary` lists the {all} that queries may use"),
    };
    QueryError::new(Problem::UnknownName { kind, name: excerpt(name) }, hint)
}

/// The code of a label; case matters.
pub(super) fn find_label(tag: &Tag, label: &str) -> Result<usize, QueryError> {
    tag.code(label).ok_or_else(|| {
        let known = || tag.labels().iter().map(Label::as_str);
        let same = known().find(|word| word.eq_ignore_ascii_case(label)).map(str::to_owned);
        let hint = match same.or_else(|| nearest(&excerpt(label), known())) {
            Some(near) => format!("did you mean '{near}'?"),
            None => {
                let first: Vec<String> = known().take(5).map(|word| format!("'{word}'")).collect();
                format!(
                    "its labels are {}{}",
                    first.join(", "),
                    if tag.labels().len() > 5 { ", ..." } else { "" }
                )
            }
        };
        QueryError::new(Problem::UnknownLabel { tag: tag.name().to_owned(), label: excerpt(label) }, hint)
    })
}
