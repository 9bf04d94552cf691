//! How the people of one party's consent files would stand, by these files alone: for the party that writes them.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::events::Consents;
use crate::consent::{Ages, ConsentStatus, Demand, Fold};
use crate::engine::error::EngineError;
use crate::engine::ids::intern::Interner;
use crate::engine::read::ingest_report::{FileReport, IngestReport};
use crate::engine::read::reading::Reading;
use crate::engine::read::{Input, handed_in};
use crate::policy::Study;
use crate::types::{RecipientId, Timestamp};

/// How many people of the files would be in, and out by their first failing reason, for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentCheck {
    /// The recipient.
    pub recipient: RecipientId,
    /// People by how they stand, in the order of [`ConsentStatus::ALL`], those without anybody left out; [`ConsentStatus::Live`] is in.
    pub people: Vec<(ConsentStatus, u64)>,
}

/// Folds consent files for every permitted recipient of a study. No age is known here, so all count as adults.
///
/// # Errors
/// [`EngineError`] for a file that cannot be read.
///
/// # Privacy
/// The counts are exact, and a function of the files alone: they are for the party that holds the files, and never leave a sandbox.
pub fn check_consents(
    study: &Study,
    flows: &[(RecipientId, Demand)],
    files: Vec<Input>,
    as_of: Timestamp,
    reading: &Reading,
) -> Result<(Vec<ConsentCheck>, IngestReport), EngineError> {
    let mut folds: Vec<Fold> = Vec::new();
    for (_, demand) in flows {
        let demand = Demand { ages: Ages::DeclaredAdults, ..demand.clone() };
        folds.push(Fold::new(demand, as_of));
    }
    let namespaces = study.namespaces().into_iter();
    let namespaces: BTreeMap<_, _> = namespaces.map(|name| (name, study.form(name))).collect();
    let interner = RwLock::new(Interner::within(&reading.memory));
    let mut consents = Consents::new(folds, reading);
    let mut reports: Vec<FileReport> = Vec::new();
    for (position, _, file) in handed_in(files.into_iter().map(|file| (None, file)).collect())? {
        reports.push(consents.read((position, file), (&study.consents, &namespaces), &interner)?);
    }
    let interner = interner.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (folds, _held) = consents.finish(&interner)?;
    let checks = flows.iter().zip(folds).map(|((recipient, _), fold)| {
        let covered = fold.finish(interner.len(), &[]);
        let people = covered.statuses().filter(|(_, people)| *people > 0).collect();
        ConsentCheck { recipient: recipient.clone(), people }
    });
    Ok((checks.collect(), IngestReport { files: reports }))
}
