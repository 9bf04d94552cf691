//! `policy check`: everything that can be checked of a policy file before a sandbox exists, and about a sandbox's studies.

use std::path::Path;
use std::sync::Arc;

use crate::audit::Log;
use crate::consent::ConsentStatus;
use crate::dp::{Accounting, Delta, rho_of};
use crate::operator::keys::rotate::log_key;
use crate::operator::law::in_force::{in_force, text};
use crate::operator::query::metrics::check_metrics;
use crate::operator::query::prepared::plan;
use crate::operator::sandbox::{SANDBOX, SandboxFile, study_path};
use crate::operator::{Adopted, Operator, OperatorError, StudySource};
use crate::policy::{Finding, Level, Regime, RegimeError, unknown_words};
use crate::query::{ConsentCounts, Probability, Query};
use crate::storage::{Folder, Storage};
use crate::types::{AsOf, StudyId, Timestamp};

/// A default question may cost a twentieth of the study's cap.
const LARGEST_SHARE: u128 = 20;

/// So many percent of it an average or a quantile may cost, which pay several numbers, before a check warns: two of them spend the
/// cap. `init` says what costs more than a twentieth.
const LARGEST_OF_MEASURES: u128 = 50;

/// All findings of one study file: its syntax, the decision for every recipient on the day of `now` in the study's time zone, what is odd about it,
/// and its prices.
///
/// # Privacy
/// None: a study is a public text.
#[must_use]
pub fn check_study(source: &StudySource, now: impl Into<AsOf>) -> Vec<Finding> {
    let file = source.name.as_str();
    match source.parse_alone() {
        Ok((study, regime)) => check_adopted(file, &source.text, &Adopted::new(study, regime), now.into()),
        Err(OperatorError::Study(error)) => {
            in_file(file, &source.text, vec![Finding::of_error("SYNTAX", &error, "")])
        }
        Err(OperatorError::Regime(error)) => in_file(file, &source.text, vec![regime_error(&error)]),
        Err(error) => {
            let fix = "name a regime that is built in, or a file beside the study";
            in_file(file, &source.text, vec![Finding::new(Level::Error, "REGIME", error.to_string(), fix)])
        }
    }
}

/// All findings of one regime file.
///
/// # Privacy
/// None: a regime is a public text.
#[must_use]
pub fn check_regime(file: &str, text: &str) -> Vec<Finding> {
    let found = match Regime::parse(file, text) {
        Ok(regime) => regime.lint(),
        Err(error) => vec![regime_error(&error)],
    };
    in_file(file, text, found)
}

/// All findings of the studies in force of the sandbox in `dir`, under the regimes that are stored with them. Reads beside a
/// writer.
///
/// # Errors
/// [`OperatorError`]
pub fn check_sandbox(dir: &Path, now: impl Into<AsOf>) -> Result<Vec<Finding>, OperatorError> {
    let now = now.into();
    let storage: Arc<dyn Storage> = Arc::new(Folder::open(dir)?);
    let file = SandboxFile::read(&*storage)?;
    let mut all = Vec::new();
    if file.pinned()?.is_none() {
        let why = "studies take effect without the handlers' signatures (`approval = \"none\"`)";
        let fix = "make a sandbox without `--approval none`, with a key pinned for each handler";
        let found = vec![Finding::new(Level::Warning, "APPROVAL", why, fix)];
        all.extend(in_file(&dir.join(SANDBOX).display().to_string(), "", found));
    }
    for (entry, adopted) in file.studies.iter().zip(in_force_of(&storage, &file)?) {
        let place = study_path(&entry.hash);
        let text = text(&*storage, &place, &entry.hash)?;
        let shown = dir.join(place).display().to_string();
        all.extend(check_adopted(&shown, &text, &adopted, now));
    }
    Ok(all)
}

/// The studies in force in the order of the file, as the log says.
pub(in crate::operator) fn in_force_of(
    storage: &Arc<dyn Storage>,
    file: &SandboxFile,
) -> Result<Vec<Arc<Adopted>>, OperatorError> {
    let key = log_key(&**storage, file)?;
    let mut all = in_force(&**storage, file, &Log::open(Arc::clone(storage), &key)?)?;
    Ok(file.studies.iter().filter_map(|study| all.remove(&study.id)).collect())
}

fn check_adopted(file: &str, text: &str, adopted: &Adopted, now: AsOf) -> Vec<Finding> {
    let strange = unknown_words(file, text, &adopted.regime);
    let fix = "use one of the words of the regime, which `hushtag policy explain` shows";
    let mut all: Vec<Finding> = strange.iter().map(|error| Finding::of_error("WORD", error, fix)).collect();
    all.extend(adopted.study.lint(&adopted.regime, adopted.study.instant(now)));
    let accounting = Accounting::Zcdp { delta: Delta::DEFAULT };
    if let Err(error) = check_metrics(adopted, file, text, accounting) {
        let fix = "correct the formula; names and labels are those of this study";
        all.push(Finding::of_error("METRIC", &error, fix));
    }
    // A study without a cap has no measure for its prices.
    let limit = adopted.study.cap.map_or(u128::MAX, |cap| rho_of(cap, Delta::DEFAULT).get());
    for (name, share) in expensive(adopted, accounting, limit) {
        let message = format!("{name} costs {share} % of the study's cap, more than 5 %");
        let fix = "raise default_error or consent_error, lower max_reach, or coarsen the tag";
        all.push(Finding::new(Level::Warning, "PRICE", message, fix));
    }
    let mut measures = expensive_measures(adopted, accounting, limit);
    measures.retain(|(_, share)| *share > LARGEST_OF_MEASURES);
    if !measures.is_empty() {
        let message = format!(
            "at the default errors these cost more than {LARGEST_OF_MEASURES} % of the study's cap: {}",
            measures_listed(&measures)
        );
        let fix = "raise default_error_of, narrow the clamp, lower max_reach, or let queries say WITH (error(measure) = n)";
        all.push(Finding::new(Level::Warning, "PRICE", message, fix));
    }
    in_file(file, text, all)
}

fn regime_error(error: &RegimeError) -> Finding {
    match error {
        RegimeError::Broken(error) => Finding::of_error("SYNTAX", error, ""),
        other => {
            let fix = "name a built-in regime, or the path of a file";
            Finding::new(Level::Error, "REGIME", other.to_string(), fix)
        }
    }
}

/// The findings about a file, each with its place in it.
fn in_file(file: &str, text: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let placed = findings.into_iter().map(|finding| finding.placed_in(text));
    placed.map(|finding| Finding { file: file.to_owned(), ..finding }).collect()
}

/// Default questions of every kind, and what a seal counts by itself, that cost more than a twentieth of `limit`, with the percentage.
fn expensive(adopted: &Adopted, accounting: Accounting, limit: u128) -> Vec<(String, u128)> {
    let tags = adopted.study.catalogue.tags().iter();
    let questions = tags.filter_map(|tag| {
        let cost = plan(&Query::count().by(tag.name()), adopted, accounting).ok()?.cost();
        Some((format!("the default query by `{}`", tag.name()), cost))
    });
    // What it costs does not depend on when it is sealed.
    let error = adopted.study.release.consent_error;
    let counts = error.and_then(|error| {
        let counts =
            ConsentCounts::new(error, ConsentStatus::ALL.len(), Timestamp::from_seconds(0), accounting);
        Some(("counting people by consent at every seal".to_owned(), counts.ok()?.cost()))
    });
    questions.chain(counts).filter_map(|(name, cost)| Some((name, dear(cost, limit)?))).collect()
}

/// The percentage of `limit` that a cost is, if it is more than a twentieth.
fn dear(cost: u128, limit: u128) -> Option<u128> {
    (cost.saturating_mul(LARGEST_SHARE) > limit).then(|| cost.saturating_mul(100) / limit.max(1))
}

/// Averages and medians at the default errors that cost more than a twentieth of `limit`: of each measure the one by the most expensive
/// tag, the most expensive first, with the percentage. A measure without a default error has no default price, and a sum costs less than
/// an average, which pays it and the people.
fn expensive_measures(adopted: &Adopted, accounting: Accounting, limit: u128) -> Vec<(String, u128)> {
    let catalogue = &adopted.study.catalogue;
    let most_expensive = |(name, ask): (String, Query)| {
        let by =
            |tag: &str| Some((plan(&ask.clone().by(tag), adopted, accounting).ok()?.cost(), tag.to_owned()));
        let (cost, tag) = catalogue.tags().iter().filter_map(|tag| by(tag.name())).max()?;
        Some((format!("`{name}` by `{tag}`"), dear(cost, limit)?))
    };
    let measures = catalogue.summable().filter_map(|(_, measure)| measure.name.as_deref());
    let asks = measures.flat_map(|measure| {
        let average = (format!("AVG({measure})"), Query::average(measure));
        [average, (format!("MEDIAN({measure})"), Query::quantile(measure, Probability::HALF))]
    });
    let mut all: Vec<_> = asks.filter_map(most_expensive).collect();
    all.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    all
}

/// The most expensive of them, and how many more there are.
fn measures_listed(all: &[(String, u128)]) -> String {
    const SHOWN: usize = 5;
    let mut each: Vec<String> =
        all.iter().take(SHOWN).map(|(name, share)| format!("{name} {share} %")).collect();
    each.extend(all.len().checked_sub(SHOWN).filter(|more| *more > 0).map(|more| format!("and {more} more")));
    each.join(", ")
}

impl Operator {
    /// What should be known of the prices of `study`, or of all studies: default questions that cost more than 5 % of the pool.
    ///
    /// # Errors
    /// [`OperatorError::Ledger`]
    pub fn price_notes(&self, study: Option<&StudyId>) -> Result<Vec<String>, OperatorError> {
        let inner = &*self.inner;
        let limit = inner.books.ledger.pool()?.limit;
        let law = inner.law.in_force();
        let studies = law.studies.values().filter(|one| study.is_none_or(|id| one.study.id == *id));
        let notes = studies.flat_map(|adopted| {
            expensive(adopted, inner.law.accounting, limit).into_iter().map(|(name, share)| {
                let id = &adopted.study.id;
                format!("study `{id}`: {name} costs {share} % of the pool, more than 5 %")
            })
        });
        let studies = law.studies.values().filter(|one| study.is_none_or(|id| one.study.id == *id));
        let of_measures = studies.filter_map(|adopted| {
            let all = expensive_measures(adopted, inner.law.accounting, limit);
            let (id, costs) = (&adopted.study.id, measures_listed(&all));
            (!all.is_empty()).then(|| {
                format!("study `{id}`: at the default errors these cost more than 5 % of the pool: {costs}")
            })
        });
        let notes = notes.chain(of_measures);
        Ok(notes.collect())
    }
}
