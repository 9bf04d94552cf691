//! A released answer as JSON, written field by field without a tree in memory: a service gives the same answer thousands of times a second.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{NOISE_NOTE, OUTSIDE_NOTE, UNBIASED_NOTE, UNCERTAIN_NOTE, selection_note};
use crate::dp::{Accounting, Mechanism, Sensitivity};
use crate::release::{BudgetView, Cell, OutputColumn, Part, Released, Row};
use crate::types::{Decimal, Denomination, EpochId, NanoEpsilon, Ratio, RecipientId, StudyId, exact};

impl Released {
    /// An answer as JSON, as the book describes it; `accounting` is that of the sandbox.
    ///
    /// # Privacy
    /// None: post-processing of released values and public constants.
    #[must_use]
    pub fn to_json(&self, accounting: Accounting) -> serde_json::Value {
        serde_json::json!(self.as_json(accounting))
    }

    /// What writes the same JSON straight into a body or a file, in the order of the book and not of the alphabet.
    ///
    /// # Privacy
    /// As [`Released::to_json`].
    #[must_use]
    pub fn as_json(&self, accounting: Accounting) -> impl Serialize + use<'_> {
        let noise = |part: &Part| Noise::new(&part.mechanism, part.sensitivity, part.half_width);
        let parts: Vec<Noise> = self.parts.iter().map(noise).collect();
        AnswerJson {
            question: &self.question,
            study: &self.study,
            recipient: &self.recipient,
            epoch: &self.epoch,
            policy: &self.policy,
            columns: columns(self),
            rows: self.rows.iter().map(|row| RowJson { released: self, row }).collect(),
            confidence: self.confidence.get(),
            note: NOISE_NOTE,
            selected_on: self.selected_on.iter().map(|selection| selection.as_str()).collect(),
            notes: notes(self),
            privacy: Privacy::new(parts, self.reach, self.units, accounting),
            budget: BudgetJson { budget: self.budget.clone(), accounting },
            stored: self.stored,
            audit: AuditJson {
                index: self.index,
                checkpoint: &self.checkpoint,
                anchor: anchor(self.anchored),
            },
        }
    }
}

/// An answer, with the keys of the book.
#[derive(Serialize)]
struct AnswerJson<'a> {
    question: &'a str,
    study: &'a StudyId,
    recipient: &'a RecipientId,
    epoch: &'a EpochId,
    policy: &'a str,
    columns: Vec<ColumnJson<'a>>,
    rows: Vec<RowJson<'a>>,
    confidence: f64,
    note: &'static str,
    selected_on: Vec<&'static str>,
    notes: Vec<String>,
    privacy: Privacy<Noise>,
    budget: BudgetJson,
    stored: bool,
    audit: AuditJson<'a>,
}

/// Where the log has the answer.
#[derive(Serialize)]
struct AuditJson<'a> {
    index: u64,
    checkpoint: &'a str,
    anchor: &'static str,
}

/// The name of a tag, or the key of a number.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ColumnJson<'a> {
    Tag(&'a str),
    Number(Cow<'a, str>),
}

/// What a row has besides its numbers.
const ROW_KEYS: [&str; 2] = ["group", "suppressed"];

/// The key of a number in a row: its name, with `_` behind it if that is a key of every row.
fn key<'a>(name: &'a str, released: &Released) -> Cow<'a, str> {
    let mut key = Cow::Borrowed(name);
    if ROW_KEYS.contains(&name) {
        key.to_mut().push('_');
        while released.columns.iter().any(|column| *column == key) {
            key.to_mut().push('_');
        }
    }
    key
}

/// The names of tags and numbers in the order of the select list, which the keys of an object do not keep.
fn columns(released: &Released) -> Vec<ColumnJson<'_>> {
    let group = released.rows.first().map_or(&[][..], |row| &row.group);
    let named = released.shown_order().into_iter().filter_map(|column| match column {
        OutputColumn::Tag(place) => group.get(place).map(|(tag, _)| ColumnJson::Tag(tag)),
        OutputColumn::Number(place) => {
            released.columns.get(place).map(|name| ColumnJson::Number(key(name, released)))
        }
    });
    named.collect()
}

/// What a reader of these rows has to know besides [`NOISE_NOTE`].
fn notes(released: &Released) -> Vec<String> {
    let cells = || released.rows.iter().flat_map(|row| &row.cells);
    let limited = cells().any(Cell::is_limited).then(|| UNBIASED_NOTE.to_owned());
    let uncertain = cells().any(Cell::is_uncertain).then(|| UNCERTAIN_NOTE.to_owned());
    let outside = cells().any(Cell::is_outside).then(|| OUTSIDE_NOTE.to_owned());
    [limited, uncertain, outside, selection_note(released)].into_iter().flatten().collect()
}

/// Whether a head outside the folder covers what is shown.
pub(super) const fn anchor(anchored: bool) -> &'static str {
    if anchored { "file" } else { "none" }
}

/// A row: its group, its numbers under their keys, and whether it is suppressed.
struct RowJson<'a> {
    released: &'a Released,
    row: &'a Row,
}

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { released, row } = self;
        let mut all = serializer.serialize_map(Some(row.cells.len().saturating_add(ROW_KEYS.len())))?;
        all.serialize_entry("group", &GroupJson(&row.group))?;
        for cell in &row.cells {
            let denomination = released.denominations.get(&cell.name);
            all.serialize_entry(&key(&cell.name, released), &CellJson::new(cell, denomination))?;
        }
        all.serialize_entry("suppressed", &row.suppressed)?;
        all.end()
    }
}

/// The labels of a group by their tags.
struct GroupJson<'a>(&'a [(String, String)]);

impl Serialize for GroupJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(tag, label)| (tag, label)))
    }
}

/// The number to read, the unbiased one before it was limited to what is possible, its interval and its relative error; of an amount
/// in minor units, and in major ones as texts. `outside` is there for an interval that was wholly outside of what is possible. `noisy` is the integer that left through the door, where there is one.
#[derive(Serialize)]
struct CellJson<'a> {
    estimate: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unbiased: Option<Number>,
    low: Number,
    high: Number,
    relative_error_percent: Option<Number>,
    uncertain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outside: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exact::signed")]
    noisy: Option<i128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    major: Option<Major<'a>>,
}

impl<'a> CellJson<'a> {
    fn new(cell: &Cell, denomination: Option<&'a Denomination>) -> Self {
        Self {
            estimate: cell.estimate.map(Number),
            unbiased: cell.unbiased.map(Number),
            low: Number(cell.low),
            high: Number(cell.high),
            relative_error_percent: cell.relative_error.map(Number),
            uncertain: cell.is_uncertain(),
            outside: cell.is_outside().then_some(true),
            noisy: cell.noisy,
            major: denomination.map(|unit| Major {
                unit: unit.name(),
                estimate: cell.estimate.map(|value| unit.major(value)),
                unbiased: cell.unbiased.map(|value| unit.major(value)),
                low: unit.major(cell.low),
                high: unit.major(cell.high),
            }),
        }
    }
}

/// An amount in major units, as exact texts.
#[derive(Serialize)]
struct Major<'a> {
    unit: &'a str,
    estimate: Option<String>,
    unbiased: Option<String>,
    low: String,
    high: String,
}

/// A released decimal: an integer where it is one, as text beyond 2^53.
struct Number(Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.whole() {
            Some(whole) => exact::signed(&Some(whole), serializer),
            None => match self.0.to_string().parse::<f64>() {
                Ok(number) => serializer.serialize_f64(number),
                Err(_) => serializer.serialize_none(),
            },
        }
    }
}

/// How a vector was made: the norm that its noise is calibrated to, and its parameter, as exact texts.
#[derive(Serialize, Clone)]
pub(super) struct Noise {
    mechanism: &'static str,
    half_width: u64,
    #[serde(flatten)]
    calibration: Calibration,
}

#[derive(Serialize, Clone)]
#[serde(untagged)]
enum Calibration {
    Laplace { sensitivity: String, scale: Ratio },
    Gaussian { sensitivity_squared: String, sigma_squared: Ratio },
}

impl Noise {
    pub(super) fn new(mechanism: &Mechanism, sensitivity: Sensitivity, half_width: u64) -> Self {
        let parameter = mechanism.parameter();
        let calibration = match mechanism {
            Mechanism::DiscreteLaplace(_) => {
                Calibration::Laplace { sensitivity: sensitivity.l1.to_string(), scale: parameter }
            }
            Mechanism::DiscreteGaussian(_) => Calibration::Gaussian {
                sensitivity_squared: sensitivity.l2_squared.to_string(),
                sigma_squared: parameter,
            },
        };
        Self { mechanism: mechanism.name(), half_width, calibration }
    }
}

/// What an answer costs, and how it is made. If there is one part only, it describes the answer; all parts are listed.
#[derive(Serialize)]
pub(super) struct Privacy<P: Serialize> {
    #[serde(flatten)]
    first: Option<P>,
    reach: u32,
    #[serde(flatten)]
    units: Units,
    epsilon: f64,
    delta: Delta,
    parts: Vec<P>,
}

impl<P: Serialize + Clone> Privacy<P> {
    /// Of parts with a charge of so many `units`, reaching so many people.
    pub(super) fn new(parts: Vec<P>, reach: u32, units: u128, accounting: Accounting) -> Self {
        Self {
            first: parts.first().cloned(),
            reach,
            units: Units { units, accounting },
            epsilon: shown(accounting.epsilon(units)),
            delta: Delta(accounting),
            parts,
        }
    }
}

/// An amount under the name of its unit.
struct Units {
    units: u128,
    accounting: Accounting,
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.accounting.unit(), Amount(self.units))])
    }
}

/// An integer, as text beyond 2^53.
#[derive(Serialize)]
struct Amount(#[serde(serialize_with = "exact::amount")] u128);

/// The delta of the accounting: 0 where there is none.
pub(super) struct Delta(pub(super) Accounting);

impl Serialize for Delta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.delta() {
            None => serializer.serialize_u8(0),
            Some(delta) => serializer.serialize_f64(delta.get()),
        }
    }
}

/// An epsilon as a JSON number; shown, never charged.
#[expect(clippy::cast_precision_loss, reason = "a shown number of at most ten digits")]
pub(super) const fn shown(epsilon: NanoEpsilon) -> f64 {
    epsilon.get() as f64 / 1e9
}

/// What is spent, in the unit of the pool and as epsilon.
pub(super) struct BudgetJson {
    pub(super) budget: BudgetView,
    pub(super) accounting: Accounting,
}

impl Serialize for BudgetJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (BudgetView { spent, limit, lifetime }, accounting) = (&self.budget, self.accounting);
        let mut all = serializer.serialize_map(Some(5))?;
        for (name, units) in [("spent", spent), ("limit", limit), ("lifetime", lifetime)] {
            all.serialize_entry(&format_args!("{name}_{}", accounting.unit()), &Amount(*units))?;
        }
        all.serialize_entry("epsilon_spent", &shown(accounting.epsilon(*spent)))?;
        all.serialize_entry("epsilon_lifetime", &shown(accounting.epsilon(*lifetime)))?;
        all.end()
    }
}
