//! Scenarios: what a policy is expected to decide, written beside it, so that it cannot drift.
//!
//! A scenario changes a copy of one study, decides, and may look at one made-up person; it names the rules that must fail.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};

use super::compile::{Outcome, fault_at};
use super::decide::{NO_CONSENT, Opinion, Reason, with_opinion};
use super::placed::Spanned;
use super::regime::{Lang, Regime};
use super::study::Study;
use super::{RuleResult, StudyError, StudyFault, unknown_words};
use crate::consent::{AgeFact, COLUMNS, ConsentKind, Requirement, Row, account};
use crate::types::{AsOf, Days, Timestamp};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    /// The study that every scenario changes, beside the file.
    pub(super) study: String,
    pub(super) as_of: Spanned<String>,
    pub(super) scenarios: Vec<Spanned<Section>>,
}

/// What is expected: of the flow, or of the person in a permitted flow.
#[derive(Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expect {
    Permit,
    Deny,
    In,
    Out,
}

impl Expect {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// The cells of a consent row by column; numbers and flags are read as their text.
type Cells = BTreeMap<String, Value>;

/// A value of any type, for the schema alone.
type Any = serde_json::Value;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    pub(super) id: String,
    pub(super) title: String,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(super) set: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) unset: Vec<String>,
    pub(super) consents: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, Any>>")]
    pub(super) alter: BTreeMap<String, Cells>,
    #[serde(default)]
    #[schemars(with = "Vec<BTreeMap<String, Any>>")]
    pub(super) events: Vec<Cells>,
    pub(super) born: Option<i64>,
    pub(super) age: Option<String>,
    pub(super) as_of: Option<Spanned<String>>,
    pub(super) recipient: Option<String>,
    pub(super) expect: Expect,
    #[serde(default)]
    pub(super) rules: BTreeSet<String>,
    /// The results of some rules of the regime for the use.
    #[serde(default)]
    pub(super) results: BTreeMap<String, RuleResult>,
}

/// A scenario file, parsed.
pub struct Scenarios {
    name: String,
    text: String,
    study: String,
    as_of: AsOf,
    sections: Vec<Spanned<Section>>,
}

/// What became of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Ran {
    /// File, line and column.
    pub place: String,
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What differs from what was expected, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
}

impl Scenarios {
    /// Parses the text of a scenario file; `name` is how errors call the file.
    ///
    /// # Errors
    /// [`StudyError`] with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, StudyError> {
        let file: ScenarioFile =
            toml::from_str(text).map_err(|error| StudyError::syntax(name, text, &error))?;
        let place = |(span, fault)| StudyError::at(name, text, Some(span), fault);
        let as_of = instant(&file.as_of).map_err(place)?;
        let mut seen = BTreeSet::new();
        for section in &file.scenarios {
            if !seen.insert(section.get_ref().id.as_str()) {
                let id = &section.get_ref().id;
                return fault_at(section.span(), format!("scenario `{id}` is already defined"))
                    .map_err(place);
            }
            if let Some(as_of) = &section.get_ref().as_of {
                instant(as_of).map_err(place)?;
            }
        }
        Ok(Self { name: name.into(), text: text.into(), study: file.study, as_of, sections: file.scenarios })
    }

    /// The study that the scenarios change: a path beside the file.
    #[must_use]
    pub fn study(&self) -> &str {
        &self.study
    }

    /// Runs every scenario on a copy of the study's text, under a regime.
    ///
    /// # Privacy
    /// None: the people of scenarios are made up.
    #[must_use]
    pub fn run(&self, study: &str, regime: &Regime) -> Vec<Ran> {
        let run = |section: &Spanned<Section>| {
            let own = section.get_ref();
            let place = StudyError::at(
                &self.name,
                &self.text,
                Some(section.span()),
                StudyFault::Contradiction(String::new()),
            );
            Ran {
                place: format!("{}:{}:{}", place.file, place.line, place.column),
                id: own.id.clone(),
                title: own.title.clone(),
                differs: self.differs(own, study, regime).err(),
            }
        };
        self.sections.iter().map(run).collect()
    }

    fn differs(&self, section: &Section, study: &str, regime: &Regime) -> Result<(), String> {
        let text = changed(study, section)?;
        let study =
            Study::parse(&self.study, &text).map_err(|error| format!("the changed study: {error}"))?;
        if let Some(error) = unknown_words(&self.study, &text, regime).first() {
            return Err(format!("the changed study: {error}"));
        }
        let wanted = section.recipient.as_deref();
        let mut recipients = study.recipients.iter();
        let recipient = recipients.find(|own| wanted.is_none_or(|wanted| own.id.as_str() == wanted));
        let Some(recipient) = recipient else { return Err("the study has no such recipient".into()) };
        let as_of = section.as_of.as_ref().and_then(|as_of| instant(as_of).ok()).unwrap_or(self.as_of);
        let as_of = study.instant(as_of);
        let is_known = |rule: &&String| regime.rules().any(|known| known == *rule);
        let mut named = section.rules.iter().filter(|rule| *rule != NO_CONSENT).chain(section.results.keys());
        if let Some(rule) = named.find(|rule| !is_known(rule)) {
            return Err(format!("the regime has no rule `{rule}`"));
        }
        for trigger in section.consents.iter().flatten() {
            let known = regime.file.triggers.keys().map(String::as_str);
            if !known.clone().any(|known| known == trigger) {
                return Err(format!("the regime has no trigger `{trigger}`{}", meant(trigger, known)));
            }
        }
        if let Some(age) = section.age.as_ref().filter(|age| AgeFact::from_band(age) == AgeFact::UNKNOWN) {
            return Err(format!("`{age}` is no band of ages, such as `<14`, `14-17` or `18+`"));
        }
        with_opinion(&study, regime, recipient, as_of, |opinion| judge(section, opinion, as_of))
    }
}

fn instant(written: &Spanned<String>) -> Outcome<AsOf> {
    match AsOf::parse(written.get_ref()) {
        Ok(at) => Ok(at),
        Err(error) => fault_at(written.span(), error.to_string()),
    }
}

/// Whether the opinion, or the person's account, is what the scenario expects.
fn judge(section: &Section, opinion: &Opinion<'_>, as_of: Timestamp) -> Result<(), String> {
    for outcome in opinion.rules(Lang::En) {
        if let Some(wanted) = section.results.get(&outcome.rule).filter(|wanted| **wanted != outcome.result) {
            let (rule, found) = (&outcome.rule, outcome.result.as_str());
            return Err(format!("expected {rule} to be {}, found {found}", wanted.as_str()));
        }
    }
    let failing: BTreeSet<String> = opinion.reasons(Lang::En).into_iter().map(|reason| reason.rule).collect();
    let of_person = matches!(section.expect, Expect::In | Expect::Out);
    if of_person && !failing.is_empty() {
        return Err(format!("the flow is denied by {}", listed(&failing)));
    }
    let (found, failing) = if of_person {
        of_the_person(section, opinion, as_of)?
    } else {
        (if failing.is_empty() { Expect::Permit } else { Expect::Deny }, failing)
    };
    if found != section.expect {
        let by = if failing.is_empty() { String::new() } else { format!(" by {}", listed(&failing)) };
        return Err(format!("expected {}, found {}{by}", section.expect.as_str(), found.as_str()));
    }
    if failing == section.rules {
        Ok(())
    } else {
        Err(format!("expected the rules {}, found {}", listed(&section.rules), listed(&failing)))
    }
}

/// Whether the made-up person is in, and the rules by which they are out.
fn of_the_person(
    section: &Section,
    opinion: &Opinion<'_>,
    as_of: Timestamp,
) -> Result<(Expect, BTreeSet<String>), String> {
    let demand = opinion.demand();
    let reasons: Vec<Reason> = if demand.requirements.is_empty() {
        opinion.without_consent(Lang::En)
    } else {
        let rows = rows(section, &demand.requirements, as_of)?;
        let cells: Vec<Row<'_>> = rows.iter().map(row).collect();
        let accounts = account(&demand, &cells, as_of, age(section));
        accounts.iter().flat_map(|account| opinion.person_reasons(account, Lang::En)).collect()
    };
    let failing: BTreeSet<String> = reasons.into_iter().map(|reason| reason.rule).collect();
    Ok((if failing.is_empty() { Expect::In } else { Expect::Out }, failing))
}

fn listed(rules: &BTreeSet<String>) -> String {
    if rules.is_empty() { "none".into() } else { rules.iter().cloned().collect::<Vec<_>>().join(", ") }
}

/// The study's text with the scenario's changes.
fn changed(study: &str, section: &Section) -> Result<String, String> {
    if section.set.is_empty() && section.unset.is_empty() {
        return Ok(study.to_owned());
    }
    let table: Table = toml::from_str(study).map_err(|error| error.message().to_owned())?;
    let mut root = Value::Table(table);
    for path in &section.unset {
        let (parent, last) = path.rsplit_once('.').unwrap_or(("", path));
        let found = descend(&mut root, parent, false)
            .and_then(Value::as_table_mut)
            .and_then(|table| table.remove(last));
        found.ok_or_else(|| format!("there is no `{path}` to remove"))?;
    }
    for (path, value) in &section.set {
        let slot = descend(&mut root, path, true).ok_or_else(|| format!("there is no place for `{path}`"))?;
        *slot = value.clone();
    }
    toml::to_string(&root).map_err(|error| error.to_string())
}

/// The value at a dotted path; tables on the way are made if `make` is true, elements of arrays are named by number.
fn descend<'v>(root: &'v mut Value, path: &str, make: bool) -> Option<&'v mut Value> {
    let mut at = root;
    for key in path.split('.').filter(|key| !key.is_empty()) {
        at = match at {
            Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?)?,
            Value::Table(table) => {
                if make {
                    table.entry(key).or_insert_with(|| Value::Table(Table::new()))
                } else {
                    table.get_mut(key)?
                }
            }
            _ => return None,
        };
    }
    Some(at)
}

/// The rows of the person: clean consents with what the scenario alters, and its further events.
fn rows(
    section: &Section,
    demanded: &[Requirement],
    as_of: Timestamp,
) -> Result<Vec<BTreeMap<String, String>>, String> {
    let all: Vec<String> = demanded.iter().map(|requirement| requirement.trigger.clone()).collect();
    let given = section.consents.as_ref().unwrap_or(&all);
    for trigger in section.alter.keys().filter(|trigger| *trigger != "all") {
        if !given.contains(trigger) {
            return Err(format!("`alter` names `{trigger}`, for which the person gave no consent"));
        }
    }
    let mut rows = Vec::new();
    for trigger in given {
        let mut row = clean(trigger, demanded, as_of).ok_or("the flow demands no consent")?;
        for cells in [section.alter.get("all"), section.alter.get(trigger)].into_iter().flatten() {
            put(&mut row, cells)?;
        }
        rows.push(row);
    }
    for cells in &section.events {
        let word = |column: &str| cells.get(column).and_then(Value::as_str);
        let like = word("trigger").and_then(|trigger| clean(trigger, demanded, as_of));
        let mut row = match (word("event"), like) {
            (Some("given") | None, Some(clean)) => clean,
            (_, Some(clean)) => {
                let scope = ["handler", "purpose", "recipient", "at"];
                clean.into_iter().filter(|(column, _)| scope.contains(&column.as_str())).collect()
            }
            (_, None) => BTreeMap::new(),
        };
        put(&mut row, cells)?;
        rows.push(row);
    }
    Ok(rows)
}

/// The nearest known word as the end of a message, if one is near.
fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let nearest = crate::tags::nearest(word, known);
    nearest.map(|nearest| format!(": did you mean `{nearest}`?")).unwrap_or_default()
}

fn put(row: &mut BTreeMap<String, String>, cells: &Cells) -> Result<(), String> {
    for (column, value) in cells {
        if !COLUMNS.contains(&column.as_str()) {
            return Err(format!("unknown column `{column}`{}", meant(column, COLUMNS)));
        }
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        row.insert(column.clone(), text);
    }
    Ok(())
}

/// A consent that holds: given 30 days before as-of, a minute after the notice was shown.
fn clean(trigger: &str, demanded: &[Requirement], as_of: Timestamp) -> Option<BTreeMap<String, String>> {
    let own = demanded.iter().find(|requirement| requirement.trigger == trigger);
    let like = own.or_else(|| demanded.first())?;
    let at = as_of.saturating_sub(Days::parse("30d").ok()?);
    let shown = Timestamp::from_seconds(at.seconds().saturating_sub(60));
    let kind = match like.kinds.first()? {
        ConsentKind::Ordinary => "ordinary",
        ConsentKind::Separate => "separate",
        ConsentKind::Written => "written",
    };
    let list = |words: &BTreeSet<String>| words.iter().cloned().collect::<Vec<_>>().join("|");
    let cells = [
        ("handler", like.handlers.first()?.clone()),
        ("event", "given".into()),
        ("kind", kind.into()),
        ("trigger", trigger.into()),
        ("purpose", like.purpose.clone()),
        ("recipient", like.recipients.last()?.clone()),
        ("categories", list(&like.categories)),
        ("methods", list(&like.methods)),
        ("notice", like.notice.clone()),
        ("notice_version", like.notice_versions.end().to_string()),
        ("shown_at", shown.to_string()),
        ("at", at.to_string()),
        ("giver", "self".into()),
        ("own_step", "true".into()),
        ("pre_ticked", "false".into()),
        ("bundle_size", "1".into()),
        ("service_gate", "false".into()),
    ];
    Some(cells.into_iter().map(|(column, cell)| (column.to_owned(), cell)).collect())
}

fn row(cells: &BTreeMap<String, String>) -> Row<'_> {
    Row::from_cells(|column| cells.get(column).map(String::as_str).filter(|cell| !cell.is_empty()))
}

fn age(section: &Section) -> AgeFact {
    match (section.born, &section.age) {
        (Some(year), _) => AgeFact::from_birth_year(year),
        (None, Some(band)) => AgeFact::from_band(band),
        (None, None) => AgeFact::UNKNOWN,
    }
}
