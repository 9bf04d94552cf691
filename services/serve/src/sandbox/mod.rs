//! The sandbox behind the doors: the one module of the service that touches a sandbox.
//!
//! # Privacy
//! An answer leaves by `Analyst` alone; everything else here is public: vocabulary, forecasts, budget, epochs, the log.

mod answered;
mod commands;
pub mod demo;
mod error;

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use hushtag::dp::Accounting;
use hushtag::sandbox::{Folder, Storage};
use hushtag::{Analyst, Keys, Operator, RecipientId, RootKey, StudyId};
use serde::Serialize;
use serde_json::{Value, json};

pub use answered::Answered;
pub use commands::{COMMANDS_PATH, Done, Line, SendProgress, Sent};
pub use error::SandboxError;
pub use hushtag::answer::{Cell, Decimal, MeasureView, QueryError, Row, TagView, Vocabulary};
pub use hushtag::input::Denomination;
pub use hushtag::sandbox::{Folder as StateFolder, LockError, Storage as StateStorage, StorageError};
pub use hushtag::{
    Answer, CancelToken, Clock, EpochId, ErrorKind, Forecast, Reason, Released, SystemClock, Timestamp,
};

/// Where a sandbox is and how it is opened.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder.
    pub folder: PathBuf,
    /// The file of the root key, if it is not in the folder.
    pub root_key: Option<PathBuf>,
    /// How long to wait for another writer.
    pub wait: Duration,
}

/// Who asks: a recipient under a study, which may be left out where only one study names the recipient.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Who {
    recipient: RecipientId,
    study: Option<StudyId>,
}

impl Who {
    /// The recipient of this name.
    ///
    /// # Errors
    /// [`SandboxError::Name`] for what is no name.
    pub fn new(recipient: &str, study: Option<&str>) -> Result<Self, SandboxError> {
        let recipient =
            RecipientId::new(recipient).map_err(|_| SandboxError::name("recipient", recipient))?;
        let study = study
            .map(|study| StudyId::new(study).map_err(|_| SandboxError::name("study", study)))
            .transpose()?;
        Ok(Self { recipient, study })
    }

    /// The name of the recipient.
    #[must_use]
    pub fn recipient(&self) -> &str {
        self.recipient.as_str()
    }
}

/// What is left for one recipient, in units of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLine {
    /// `pool`, `study` or `recipient`.
    pub scope: &'static str,
    /// What it is counted in: `nano_rho` or `nano_epsilon`.
    pub unit: &'static str,
    /// What may be spent.
    pub limit: u128,
    /// What was spent.
    pub spent: u128,
}

/// A sealed epoch as an analyst sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochLine {
    /// Its id.
    pub id: String,
    /// Consents and windows as of.
    pub as_of: Timestamp,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// When it stops answering under the study of the client.
    pub answers_until: Option<Timestamp>,
    /// Whether it answers now.
    pub answers: bool,
}

/// A query with its price, before anything is charged.
#[derive(Debug, Clone)]
pub struct Priced {
    /// The forecast.
    pub forecast: Forecast,
    /// Whether the answer was given before, so that asking is free.
    pub is_stored: bool,
    /// What the client may still spend.
    pub left: u128,
}

/// Numbers for monitoring; none of them is about people.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// What each scope has left, as a share of its limit.
    pub budget_left: Vec<(String, f64)>,
    /// Hours until an epoch stops answering, by its id.
    pub epoch_hours: Vec<(String, i64)>,
    /// Entries in the log.
    pub log_size: u64,
}

/// A sandbox of which this process is the one writer.
pub struct Sandbox {
    operator: Arc<Operator>,
    folder: Folder,
    path: PathBuf,
    root_key: Option<PathBuf>,
    accounting: Accounting,
    answered: Arc<RwLock<Answered>>,
    clock: Box<dyn Clock>,
}

impl Sandbox {
    /// Opens the sandbox as its one writer.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn open(place: &Place) -> Result<Self, SandboxError> {
        let keys = match &place.root_key {
            Some(path) => Keys::Given(RootKey::load_file(path).map_err(hushtag::OperatorError::from)?),
            None => Keys::InFolder,
        };
        let operator = Operator::open(&place.folder, keys, Box::new(SystemClock), place.wait)?;
        let sandbox = Self::over(operator, &place.folder, Box::new(SystemClock))?;
        Ok(Self { root_key: place.root_key.clone(), ..sandbox })
    }

    /// Serves a sandbox that is open already; `folder` is its folder.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn over(operator: Operator, folder: &Path, clock: Box<dyn Clock>) -> Result<Self, SandboxError> {
        let accounting = operator.status()?.accounting;
        let answered = Arc::new(RwLock::new(Answered::read(folder)?));
        let path = folder.to_owned();
        let folder = Folder::open(folder).map_err(hushtag::OperatorError::from)?;
        Ok(Self { operator: Arc::new(operator), folder, path, root_key: None, accounting, answered, clock })
    }

    /// Whether the sandbox knows the recipient.
    ///
    /// # Errors
    /// [`SandboxError::Operator`] of kind `unknown`, with the names that there are.
    pub fn check(&self, who: &Who) -> Result<(), SandboxError> {
        self.analyst(who).map(drop)
    }

    /// The clock that everything here goes by.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn analyst(&self, who: &Who) -> Result<Analyst, SandboxError> {
        Ok(self.operator.analyst(&who.recipient, who.study.as_ref())?)
    }

    /// Asks a query in SQL of `epoch`, or of the newest one. Blocks, until the end of a response slot.
    ///
    /// # Errors
    /// [`SandboxError`]
    ///
    /// # Privacy
    /// That of `Analyst::ask`: charged before anything is drawn, a repeated query gives the stored answer.
    pub fn ask(&self, who: &Who, text: &str, epoch: Option<&str>) -> Result<Answer, SandboxError> {
        let epoch = epoch.map(epoch_id).transpose()?;
        let answer = self.analyst(who)?.ask(text, epoch.as_ref())?;
        if let Answer::Released(released) = &answer {
            remember(&self.answered, released);
        }
        Ok(answer)
    }

    /// What a query would cost and how wide its answer would be; free, and no data is touched.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn price(&self, who: &Who, text: &str, epoch: Option<&str>) -> Result<Priced, SandboxError> {
        let analyst = self.analyst(who)?;
        let forecast = analyst.forecast(text)?;
        let left = analyst.remaining()?.left();
        let is_stored = match (self.study(who)?, self.answering(who, epoch)?, self.answered.read()) {
            (Some(study), Some(epoch), Ok(answered)) => {
                answered.has(study.as_str(), who.recipient(), &epoch, &forecast.question)
            }
            _ => false,
        };
        Ok(Priced { forecast, is_stored, left })
    }

    /// Everything a query may name.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn vocabulary(&self, who: &Who) -> Result<Vocabulary, SandboxError> {
        Ok(self.analyst(who)?.vocabulary()?)
    }

    /// Whether a query of a sum alone is paid together with the number of people, by which the study's `min_people` is applied: then the
    /// setting `error` prices a part of it.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn sums_are_counted(&self, who: &Who) -> Result<bool, SandboxError> {
        let analyst = self.analyst(who)?;
        let measures = analyst.vocabulary()?.measures;
        let is_counted = |name: &str| {
            let text = format!("SELECT SUM({name}) FROM tags WITH (error = 1000, error({name}) = 100000)");
            analyst.forecast(&text).is_ok()
        };
        Ok(measures.iter().any(|measure| is_counted(&measure.name)))
    }

    /// The named metrics of the study: name, unit and meaning.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn named_metrics(&self, who: &Who) -> Result<Vec<(String, String, String)>, SandboxError> {
        Ok(self.analyst(who)?.forecast_metrics()?.metrics)
    }

    /// What the recipient may still spend, the pool first.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn budget(&self, who: &Who) -> Result<Vec<BudgetLine>, SandboxError> {
        let remaining = self.analyst(who)?.remaining()?;
        let unit = remaining.accounting.unit();
        let line = |scope, (limit, spent)| BudgetLine { scope, unit, limit, spent };
        let scopes = [
            ("pool", Some((remaining.limit, remaining.spent))),
            ("study", remaining.study),
            ("recipient", remaining.recipient),
        ];
        Ok(scopes.into_iter().filter_map(|(scope, held)| Some(line(scope, held?))).collect())
    }

    /// The epochs that answer, or answered, under the study of the client, oldest seal first.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn epochs(&self, who: &Who) -> Result<Vec<EpochLine>, SandboxError> {
        let study = self.study(who)?;
        let now = self.clock.now();
        let lines = self.operator.status()?.epochs.into_iter().map(|epoch| {
            let until = study.as_ref().and_then(|study| epoch.answers_until.get(study)).copied();
            EpochLine {
                id: epoch.id.as_str().to_owned(),
                as_of: epoch.as_of,
                sealed_at: epoch.sealed_at,
                answers_until: until,
                answers: epoch.retired.is_none() && until.is_some_and(|until| now < until),
            }
        });
        Ok(lines.collect())
    }

    /// A released answer as JSON, as `hushtag ask --format json` prints it.
    #[must_use]
    pub fn answer_json<'a>(&self, released: &'a Released) -> impl Serialize + use<'a> {
        released.as_json(self.accounting)
    }

    /// A forecast as JSON, and whether the answer is stored.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn forecast_json(&self, who: &Who, text: &str, epoch: Option<&str>) -> Result<Value, SandboxError> {
        let priced = self.price(who, text, epoch)?;
        let mut all = priced.forecast.to_json(&self.analyst(who)?.remaining()?, None);
        if let Value::Object(all) = &mut all {
            all.insert("epoch".into(), json!(self.answering(who, epoch)?));
            all.insert("stored".into(), json!(priced.is_stored));
        }
        Ok(all)
    }

    /// The named metrics with their values, as JSON: each query of them is charged once. Blocks as [`Sandbox::ask`].
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn metrics_json(&self, who: &Who, epoch: Option<&str>) -> Result<Value, SandboxError> {
        let epoch = epoch.map(epoch_id).transpose()?;
        let metrics = self.analyst(who)?.metrics(epoch.as_ref())?;
        metrics.answers.iter().for_each(|answer| remember(&self.answered, answer));
        Ok(metrics.to_json(self.accounting))
    }

    /// What the named metrics would cost, as JSON; free.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn metrics_forecast_json(&self, who: &Who) -> Result<Value, SandboxError> {
        let analyst = self.analyst(who)?;
        Ok(analyst.forecast_metrics()?.to_json(&analyst.remaining()?, None))
    }

    /// The vocabulary as JSON, as `hushtag vocabulary --format json` prints it.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn vocabulary_json(&self, who: &Who) -> Result<Value, SandboxError> {
        Ok(self.vocabulary(who)?.to_json())
    }

    /// A file of the log: `checkpoint`, or a tile; `None` where there is none. The path was checked by the door.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn log_file(&self, path: &str) -> Result<Option<Vec<u8>>, SandboxError> {
        let read = self.folder.read(&format!("log/{path}"));
        Ok(read.map_err(hushtag::OperatorError::from)?)
    }

    /// The key with which the log is verified.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub fn log_key(&self) -> Result<String, SandboxError> {
        Ok(self.operator.status()?.vkey.to_string())
    }

    /// What monitoring shows of the sandbox.
    ///
    /// # Errors
    /// [`SandboxError`]; then the sandbox is not ready.
    pub fn gauges(&self) -> Result<Gauges, SandboxError> {
        let status = self.operator.status()?;
        let now = self.clock.now();
        let mut gauges = Gauges { log_size: status.log_size, ..Gauges::default() };
        gauges.budget_left.push(("pool".into(), share(status.pool.limit, status.totals.pool)));
        for (recipient, study) in &status.recipients {
            let remaining = self.operator.analyst(recipient, Some(study))?.remaining()?;
            let held = remaining.recipient.unwrap_or((remaining.limit, remaining.spent));
            gauges.budget_left.push((recipient.as_str().to_owned(), share(held.0, held.1)));
        }
        for epoch in status.epochs.iter().filter(|epoch| epoch.retired.is_none()) {
            if let Some(until) = epoch.answers_until.values().max() {
                let hours = until.seconds().saturating_sub(now.seconds()).div_euclid(3600);
                gauges.epoch_hours.push((epoch.id.as_str().to_owned(), hours));
            }
        }
        Ok(gauges)
    }

    /// The study under which `who` asks.
    fn study(&self, who: &Who) -> Result<Option<StudyId>, SandboxError> {
        if who.study.is_some() {
            return Ok(who.study.clone());
        }
        let recipients = self.operator.status()?.recipients;
        Ok(recipients.into_iter().find(|(id, _)| *id == who.recipient).map(|(_, study)| study))
    }

    /// The epoch that would answer: of those that answer the wanted one, or the one of greatest as-of, sealed last.
    fn answering(&self, who: &Who, wanted: Option<&str>) -> Result<Option<String>, SandboxError> {
        let epochs = self.epochs(who)?.into_iter();
        let answering =
            epochs.filter(|epoch| epoch.answers && wanted.is_none_or(|wanted| epoch.id == wanted));
        Ok(answering.max_by_key(|epoch| (epoch.as_of, epoch.sealed_at)).map(|epoch| epoch.id))
    }
}

/// Asking this again is free.
fn remember(answered: &RwLock<Answered>, released: &Released) {
    if let Ok(mut answered) = answered.write() {
        let Released { study, recipient, epoch, question, .. } = released;
        answered.add(study.as_str(), recipient.as_str(), epoch.as_str(), question);
    }
}

fn epoch_id(name: &str) -> Result<EpochId, SandboxError> {
    EpochId::new(name).map_err(|_| SandboxError::name("epoch", name))
}

/// What is left of `limit`, as a share of it; shown, never charged.
#[expect(clippy::cast_precision_loss, reason = "a gauge for monitoring")]
fn share(limit: u128, spent: u128) -> f64 {
    if limit == 0 { 0.0 } else { limit.saturating_sub(spent) as f64 / limit as f64 }
}
