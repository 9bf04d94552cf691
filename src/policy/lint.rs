//! What is odd about a study or a regime although it parses: tags that can never be, rules that never decide.

use std::collections::BTreeSet;

use super::decide::with_opinion;
use super::logic::{Cube, Words, uncovered};
use super::regime::{Coarse, Lang, Regime, UNKNOWN, cell};
use super::study::{FieldKind, Recipient, Study};
use super::{Finding, Level, RuleResult};
use crate::consent::ConsentStatus;
use crate::deidentify::Treatment;
use crate::tags::{Aggregate, Source, TagSource, Window};
use crate::types::Timestamp;

impl Study {
    /// Findings about a study under its regime, on the day of `now`: the decision for every recipient, and what is odd besides.
    ///
    /// # Privacy
    /// None: studies and regimes are public texts.
    #[must_use]
    pub fn lint(&self, regime: &Regime, now: Timestamp) -> Vec<Finding> {
        let mut all = Vec::new();
        for recipient in &self.recipients {
            all.extend(decision(self, regime, recipient, now));
        }
        all.extend(useless_tags(self));
        all.extend(inferences(self, regime));
        all.extend(fine_fields(self, regime));
        all.extend(long_windows(self));
        all.extend(no_max_age(self, regime));
        all.extend(people_and_delta(self));
        all
    }
}

fn decision(study: &Study, regime: &Regime, recipient: &Recipient, now: Timestamp) -> Vec<Finding> {
    with_opinion(study, regime, recipient, now, |opinion| {
        let unsealable = match opinion.decision() {
            super::Decision::Permit(flow) => flow.no_consent(),
            super::Decision::Deny(_) => None,
        };
        let unsealable = unsealable.map(|reason| {
            let message = format!("recipient {}: {}", recipient.id, reason.because);
            Finding::new(Level::Warning, &reason.rule, message, &reason.fix).under(&reason.article)
        });
        let denied = opinion.reasons(Lang::En).into_iter().map(|reason| {
            let message = format!("recipient {}: {}", recipient.id, reason.because);
            let finding = Finding::new(Level::Error, &reason.rule, message, &reason.fix);
            finding.under(&reason.article).with_result(RuleResult::Denied)
        });
        let open = opinion.rules(Lang::En).into_iter();
        let open = open.filter(|rule| rule.result == RuleResult::NotDeclared).map(|rule| {
            let left_out = rule.undeclared.join(", ");
            let message = format!("recipient {}: the study does not declare: {left_out}", recipient.id);
            let fix = "declare it: until then the rule is shown as not declared";
            Finding::new(Level::Note, &rule.rule, message, fix).under(&rule.article).with_result(rule.result)
        });
        denied.chain(unsealable).chain(open).collect()
    })
}

/// Tags that no query can name, and labels that no person can have.
fn useless_tags(study: &Study) -> Vec<Finding> {
    let catalogue = &study.catalogue;
    let mut all = Vec::new();
    for (index, tag) in catalogue.tags().iter().enumerate() {
        if !catalogue.sets().iter().any(|set| set.tags.contains(&index)) {
            let message = format!("no tag set holds `{}`, so no query can name it", tag.name());
            all.push(Finding::new(
                Level::Warning,
                "TAG",
                message,
                "add it to a set under [tag_sets], or remove it",
            ));
        }
        let TagSource::Banded { measure, bands, .. } = tag.source() else { continue };
        let Some(measure) = catalogue.measures().get(*measure) else { continue };
        let reached = measure.clamp.map_or(usize::MAX - 1, |clamp| bands.code(clamp.high()));
        for label in bands.labels().iter().skip(reached + 1) {
            let message =
                format!("no person can be `{label}` of `{}`: the band starts above the clamp", tag.name());
            all.push(Finding::new(Level::Warning, "TAG", message, "lower the band, or raise the clamp"));
        }
    }
    all
}

/// Tags whose names suggest that they infer a sensitive category that the study does not declare.
fn inferences(study: &Study, regime: &Regime) -> Vec<Finding> {
    let mut all = Vec::new();
    let declared: BTreeSet<&str> = study.categories().collect();
    for tag in study.catalogue.tags() {
        let texts = || tag.labels().iter().map(ToString::to_string).chain([tag.name().to_owned()]);
        for (name, category) in &regime.file.categories {
            let suspicious =
                category.words.iter().find(|word| texts().any(|text| text.to_lowercase().contains(*word)));
            let Some(word) = suspicious.filter(|_| !declared.contains(name.as_str())) else { continue };
            if study.infers.get(tag.name()) == Some(name) {
                continue;
            }
            let message = format!(
                "`{}` looks as if it inferred {} (`{word}`) from other data, and does not say so",
                tag.name(),
                category.title.of(Lang::En)
            );
            let fix = format!(
                "write `infers = \"{name}\"` in the tag, which asks for the consents of that category, or rename it"
            );
            all.push(Finding::new(Level::Warning, "INFERS", message, &fix));
        }
    }
    for (tag, category) in &study.infers {
        if regime.file.categories.contains_key(category) && !declared.contains(category.as_str()) {
            let message = format!(
                "`{tag}` infers {category} from data of other categories: consents must list {category} too"
            );
            all.push(Finding::new(Level::Note, "INFERS", message, ""));
        }
    }
    all
}

/// Fields that a duty of their data category asks to be coarsened, and that are read as they are.
fn fine_fields(study: &Study, regime: &Regime) -> Vec<Finding> {
    let mut all = Vec::new();
    for dataset in &study.datasets {
        let cell = cell(&regime.file, &dataset.category, study.action);
        let duties = cell.into_iter().flat_map(|cell| &cell.duties);
        for duty in duties.filter_map(|duty| regime.file.duties.get(duty.get_ref())) {
            let is_asked = |kind: FieldKind| match kind {
                FieldKind::Amount { .. } | FieldKind::Integer => duty.coarse.contains(&Coarse::Amount),
                FieldKind::Text => duty.coarse.contains(&Coarse::Text),
                FieldKind::Time => duty.coarse.contains(&Coarse::Time),
                FieldKind::Age { .. }
                | FieldKind::AgeBand
                | FieldKind::BirthYear
                | FieldKind::Flag
                | FieldKind::Person { .. } => false,
            };
            let fine = dataset.fields.iter().filter(|field| field.treatment == Treatment::AsIs);
            for field in fine.filter(|field| is_asked(field.kind)) {
                let message = format!(
                    "`{}.{}` is read as it is, and data of category {} is to be coarsened: {}",
                    dataset.name,
                    field.column,
                    dataset.category,
                    duty.says.of(Lang::En)
                );
                let fix = match field.kind {
                    FieldKind::Text => "declare a `prefix` or a closed list of `values`, or \"drop\"",
                    FieldKind::Time => "declare `truncate` = \"hour\", \"day\" or \"week\", or \"drop\"",
                    _ => "declare a unit to `round` to, or \"drop\"",
                };
                let finding = Finding::new(Level::Error, "FIELDS", message, fix);
                all.push(finding.under(duty.article.get_ref()));
            }
        }
    }
    all
}

/// Records older than the declared retention must not be read (PIPL art. 19; NDSR art. 22).
fn long_windows(study: &Study) -> Vec<Finding> {
    let mut all = Vec::new();
    for measure in study.catalogue.measures() {
        let name = measure.name.as_deref().unwrap_or("(unnamed)");
        let Some(rows) = measure.source.rows() else { continue };
        let dataset = &rows.dataset;
        let since = matches!(
            measure.source,
            Source::Own { what: Aggregate::DaysSinceFirst { .. } | Aggregate::DaysSinceLast { .. }, .. }
        );
        match &rows.window {
            None => {
                let message = format!(
                    "dataset `{dataset}` declares no time field, so measure `{name}` reads every row of its files: nothing is cut at as-of, and nothing is too old"
                );
                all.push(Finding::new(
                    Level::Note,
                    "RETENTION",
                    message,
                    "declare its time, such as `fields = { at = \"time\" }`, and give the measure a `window`",
                ));
            }
            Some(Window { span: None, .. }) if !since => {
                let message =
                    format!("measure `{name}` has no window: it reads all before as-of, however old");
                all.push(Finding::new(Level::Note, "RETENTION", message, "give it a `window`"));
            }
            Some(Window { span: Some(span), .. }) if *span > study.retention => {
                let message = format!(
                    "measure `{name}` reads {span} back, longer than the declared retention of {}",
                    study.retention
                );
                all.push(Finding::new(
                    Level::Warning,
                    "RETENTION",
                    message,
                    "shorten the window, or declare the longer retention in study and notice",
                ));
            }
            _ => {}
        }
    }
    all
}

/// A person who withdraws stays in what was sealed before, so an epoch must stop answering some day before its retention is over.
fn no_max_age(study: &Study, regime: &Regime) -> Option<Finding> {
    if study.release.max_age.is_some() {
        return None;
    }
    let message = format!(
        "an epoch answers until its retention of {} is over, including people who withdrew since it was sealed",
        study.retention
    );
    let fix = "write `max_age = \"72h\"` under `[release]`: after so many hours a new epoch must be sealed";
    let article = regime.rule_of(ConsentStatus::Withdrawn).map_or("", |(_, article)| article);
    Some(Finding::new(Level::Warning, "MAX-AGE", message, fix).under(article))
}

/// Delta is a chance for each person: times the people it must stay far below one.
fn people_and_delta(study: &Study) -> Option<Finding> {
    /// One over the default delta, times a thousandth.
    const MOST: u64 = 1_000_000_000;
    let people = study.figures.get("people").filter(|people| **people > MOST)?;
    let message = format!("{people} people times the default delta of 1e-12 is above 1e-3");
    Some(Finding::new(Level::Warning, "DELTA", message, "give `init` a smaller --delta"))
}

impl Regime {
    /// Findings about a regime: rules that nothing asks for, demands that can never fail or never decide alone.
    ///
    /// # Privacy
    /// None: a regime is a public text.
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        let (file, vocabulary) = (&self.file, &self.vocabulary);
        let demands = &self.compiled.demands;
        let mut all = Vec::new();
        let asked: BTreeSet<&str> = (demands.iter().map(|demand| demand.rule.as_str()))
            .chain(file.triggers.values().map(|trigger| trigger.rule.get_ref().as_str()))
            .chain(
                file.person
                    .values()
                    .filter_map(|reason| reason.rule.as_ref())
                    .map(|rule| rule.get_ref().as_str()),
            )
            .collect();
        for (id, rule) in &file.rules {
            if !asked.contains(id.as_str()) && rule.met_by.is_none() {
                let message = format!("nothing asks for rule {id}, and it does not say where it is met");
                all.push(Finding::new(Level::Warning, "RULE", message, "write a demand, or `met_by`"));
            }
        }
        let refused: Vec<Cube> = demands.iter().map(|demand| demand.refused(vocabulary)).collect();
        for (index, (demand, own)) in demands.iter().zip(&refused).enumerate() {
            let about = format!("{} on `{}`", demand.rule, vocabulary.name(demand.fact));
            if own.is_empty() {
                let message = format!("the demand of {about} can never fail");
                all.push(Finding::new(
                    Level::Warning,
                    "VACUOUS",
                    message,
                    "remove it, or the words that make it always true",
                ));
                continue;
            }
            let others: Vec<&Cube> = (refused.iter().zip(demands).enumerate())
                .filter(|(other, (_, known))| *other != index && known.rule == demand.rule)
                .map(|(_, (cube, _))| cube)
                .collect();
            // A demand of the file may repeat what the mechanism adds for unknown words.
            let unknown =
                vocabulary.position(demand.fact, UNKNOWN).map_or(Words::NONE, |word| Words::NONE.with(word));
            let is_added = demand.when == Cube::default() && own.words(demand.fact) == Some(unknown);
            if !is_added && uncovered(vocabulary, own, &others).is_none() {
                let message = format!(
                    "the demand of {about} never decides: others of {} refuse all that it refuses",
                    demand.rule
                );
                all.push(Finding::new(Level::Warning, "SHADOWED", message, "remove it"));
            }
        }
        all
    }
}
