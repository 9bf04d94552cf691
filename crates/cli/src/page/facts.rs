//! Everything that the page is made of, read once: public constants, books, released values.

use hushtag::audit::{Entry, Kind};
use hushtag::dp::Accounting;
use hushtag::ledger::{Record, Renewal};
use hushtag::operator::{Given, GivenMetrics, OperatorError, Reader, Status, Verification};
use hushtag::policy::{Lang, Regime, Study};
use hushtag::release::JoinDiagnostics;
use hushtag::types::{EpochId, Timestamp, Zone};

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
    pub(super) entries: Vec<Entry>,
    pub(super) charges: Vec<Record>,
    pub(super) renewals: Vec<Renewal>,
    pub(super) given: Vec<Given>,
    /// Metrics of which every number was released.
    pub(super) metrics: Vec<GivenMetrics>,
    /// What the auditor's key opened, in the internal edition.
    pub(super) figures: Option<&'a [(EpochId, Vec<JoinDiagnostics>)]>,
}

impl<'a> Facts<'a> {
    pub(super) fn read(report: &Report<'a>) -> Result<Self, PageError> {
        let reader = report.reader;
        let texts = Texts::of(report.lang).map_err(PageError::Texts)?;
        let zone = match report.lang {
            Lang::En => None,
            Lang::Zh => Zone::parse("Asia/Shanghai").ok(),
        };
        let books = || -> Result<_, OperatorError> {
            let given = reader.given()?;
            let metrics = reader.given_metrics(&given)?;
            let (charges, renewals) = (reader.charges()?, reader.renewals()?);
            Ok((reader.status()?, reader.entries()?, charges, renewals, given, metrics))
        };
        let (status, entries, charges, renewals, given, metrics) = books()?;
        Ok(Self {
            t: texts,
            lang: report.lang,
            zone,
            reader,
            verified: report.verified,
            place: report.place,
            now: reader.now(),
            status,
            studies: reader.studies().collect(),
            entries,
            charges,
            renewals,
            given,
            metrics,
            figures: report.figures,
        })
    }

    pub(super) fn accounting(&self) -> Accounting {
        self.status.accounting
    }

    /// How many entries of a kind the log has.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.of_kind(kind).count()
    }

    /// The entries of a kind with their indexes.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (u64, &Entry)> {
        (0..).zip(&self.entries).filter(move |(_, entry)| entry.kind == kind)
    }
}
