//! Everything that the page is made of, read once: public constants, books, released values. Memory does not grow with the answers.

use hushtag::audit::{Entry, Kind};
use hushtag::dp::Accounting;
use hushtag::ledger::Renewal;
use hushtag::operator::{Given, GivenMetrics, Reader, Status, Verification};
use hushtag::policy::{Lang, Regime, Study};
use hushtag::release::JoinDiagnostics;
use hushtag::types::{EpochId, Timestamp, Zone};

use super::budget::Spending;
use super::older::{Annexes, Newest, Older, Writing};
use super::texts::Texts;
use super::{PageError, Report};

/// What the sections read.
pub(super) struct Facts<'a> {
    pub(super) t: Texts,
    pub(super) lang: Lang,
    /// On whose clocks instants are shown; UTC without one.
    pub(super) zone: Option<Zone>,
    pub(super) reader: &'a Reader,
    pub(super) verified: &'a Verification,
    /// How the folder is called in commands.
    pub(super) place: &'a str,
    pub(super) now: Timestamp,
    pub(super) status: Status,
    pub(super) studies: Vec<(&'a Study, &'a Regime)>,
    /// The entries that seal an epoch, with their indexes.
    pub(super) seals: Vec<(u64, Entry)>,
    /// When the sandbox was made.
    pub(super) began: Timestamp,
    pub(super) spending: Spending,
    pub(super) renewals: Vec<Renewal>,
    /// The newest answers.
    pub(super) given: Vec<Given>,
    /// All others.
    pub(super) older: Older,
    /// Metrics of which every number was released.
    pub(super) metrics: Vec<GivenMetrics>,
    /// What the auditor's key opened, in the internal edition.
    pub(super) figures: Option<&'a [(EpochId, Vec<JoinDiagnostics>)]>,
}

impl<'a> Facts<'a> {
    /// Everything; what the page has no room for goes to `annexes` while it is read.
    pub(super) fn read(report: &Report<'a>, annexes: &mut Annexes) -> Result<Self, PageError> {
        let reader = report.reader;
        let texts = Texts::of(report.lang).map_err(PageError::Texts)?;
        let zone = match report.lang {
            Lang::En => None,
            Lang::Zh => Zone::parse("Asia/Shanghai").ok(),
        };
        let (status, renewals) = (reader.status()?, reader.renewals()?);
        let seals = reader.entries_of(&[Kind::Seal]).collect::<Result<_, _>>()?;
        let first = reader.entries().next().transpose()?;
        let mut facts = Self {
            t: texts,
            lang: report.lang,
            zone,
            reader,
            verified: report.verified,
            place: report.place,
            now: reader.now(),
            began: first.map_or(status.pool.opened_at, |entry| entry.at),
            spending: Spending::default(),
            status,
            studies: reader.studies().collect(),
            seals,
            renewals,
            given: Vec::new(),
            older: Older::default(),
            metrics: Vec::new(),
            figures: report.figures,
        };
        facts.spending = Spending::read(&facts, annexes)?;
        let (mut newest, mut metrics) = (Newest::default(), reader.metrics_of_given()?);
        let mut writing = Writing::new(&facts, annexes);
        for given in reader.given()? {
            let given = given?;
            metrics.take(&given);
            for older in newest.push(given) {
                writing.answer(older)?;
            }
        }
        let older = writing.end()?;
        (facts.given, facts.older, facts.metrics) = (newest.into_answers(), older, metrics.known());
        Ok(facts)
    }

    pub(super) fn accounting(&self) -> Accounting {
        self.status.accounting
    }

    /// How many entries of a kind the log has.
    pub(super) fn count(&self, kind: Kind) -> u64 {
        self.verified.log.kinds.get(&kind).copied().unwrap_or(0)
    }
}
