//! Facts about the join: people by consent as charged, noised counts at seal, everything else sealed to the auditor.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use crate::audit::{Kind, Log};
use crate::consent::ConsentStatus;
use crate::keys::{AuditorKey, AuditorPublicKey};
use crate::operator::query::vocabulary::units_of;
use crate::operator::sandbox::EpochFile;
use crate::operator::seal::permitted::{consent_counts, unpaid};
use crate::operator::shelf::sealed::check_folder;
use crate::operator::{Adopted, Operator, OperatorError, SandboxState};
use crate::policy::{Decision, decide};
use crate::release::{
    AnswerLayout, ChargedQuery, ColumnSpec, Cube, CubeShape, Exact, JoinDiagnostics, Outcome, OutputColumn,
    Released, Selection, Value, open_figures, seal_figures,
};
use crate::types::{EpochId, Feasible, RecipientId, Secret};

/// Where the figures of an epoch lie in its folder.
pub(in crate::operator) fn figures_path(folder: &str) -> String {
    format!("{folder}/joined.sealed")
}

/// What binds figures to their epoch.
fn binding(sandbox: &str, epoch: &EpochFile) -> Vec<u8> {
    format!("{sandbox}\n{}\n{}\n{}", epoch.epoch, epoch.as_of(), epoch.sealed_at()).into_bytes()
}

fn figures_key(epoch: &Secret) -> Secret {
    epoch.derive("hushtag 2026-11 v1 joined figures")
}

/// The auditor's key that the log's first entry names; `None` where there is no auditor.
pub(in crate::operator) fn auditor(log: &Log) -> Result<Option<AuditorPublicKey>, OperatorError> {
    let init = log.proven_entry(0)?;
    let text = init.body.get("auditor").and_then(serde_json::Value::as_str);
    let parse = |text: &str| {
        text.parse().map_err(|_| OperatorError::damaged("log entry 0", "names an auditor's key that is none"))
    };
    text.map(parse).transpose()
}

impl Operator {
    /// Opens the joined figures of an epoch with the auditor's key, one for each recipient; logged before they are returned.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`]; [`OperatorError::Figures`] where none were kept, or the epoch is retired, or for a key that they are not sealed to;
    /// [`OperatorError::Damaged`].
    ///
    /// # Privacy
    /// Exact facts about people, for the auditor alone: not differentially private. The auditor decides what is kept of them.
    pub fn inspect(&self, epoch: &EpochId, key: &AuditorKey) -> Result<Vec<JoinDiagnostics>, OperatorError> {
        let inner = &*self.inner;
        let auditor = inner.law.auditor.as_ref().ok_or_else(|| {
            OperatorError::Figures("the sandbox was made without an auditor, so no figures were kept".into())
        })?;
        if key.public() != *auditor {
            let why =
                format!("the figures are sealed to {auditor}, and this key is that of {}", key.public());
            return Err(OperatorError::Figures(why));
        }
        inner.retire_ended()?;
        let _unretired = inner.shelf.unretired()?;
        let epochs = inner.shelf.epochs()?;
        let file = epochs.iter().find(|file| file.epoch == *epoch).ok_or_else(|| OperatorError::Unknown {
            kind: "epoch",
            name: epoch.to_string(),
            known: epochs.iter().map(|file| file.epoch.to_string()).collect(),
        })?;
        if let Some(entry) = file.retired {
            let why = format!("epoch `{epoch}` is retired (log entry {entry}), and its figures with it");
            return Err(OperatorError::Figures(why));
        }
        check_folder(&*inner.storage, file)?;
        let place = figures_path(&format!("epochs/{epoch}"));
        let damaged = |why: &str| OperatorError::damaged(place.clone(), why);
        let sealed = inner.storage.read(&place)?.ok_or_else(|| damaged("is missing"))?;
        let epoch_key = inner.shelf.keyring.epoch(&*inner.storage, epoch)?;
        let figures = open_figures(&sealed, key, &figures_key(&epoch_key), &binding(&inner.id, file))
            .map_err(|_| damaged("does not open: changed bytes, another key, or another place"))?;
        let mut body = Map::new();
        body.insert("epoch".into(), json!(epoch));
        inner.books.append(Kind::Inspect, inner.clock.now(), body)?;
        Ok(figures)
    }
}

impl SandboxState {
    /// Writes the figures of all recipients into a staged epoch; the hash of the ciphertext, which may be public.
    pub(in crate::operator) fn write_figures(
        &self,
        all: &[Exact<JoinDiagnostics>],
        file: &EpochFile,
        key: &Secret,
        folder: &str,
    ) -> Result<Option<String>, OperatorError> {
        let Some(auditor) = &self.law.auditor else { return Ok(None) };
        let sealed = seal_figures(all, auditor, &figures_key(key), &binding(&self.id, file))
            .map_err(crate::release::ReleaseError::Seal)?;
        self.storage.write(&figures_path(folder), &sealed)?;
        Ok(Some(blake3::hash(&sealed).to_hex().to_string()))
    }

    /// Lets the counts of people by consent out through the door, if the study pays for them.
    pub(in crate::operator) fn release_consents(
        &self,
        adopted: &Adopted,
        recipient: &RecipientId,
        epoch: &EpochFile,
        standings: &Exact<Cube>,
    ) -> Result<Option<Released>, OperatorError> {
        let Some(counts) = consent_counts(adopted, epoch.sealed_at(), self.law.accounting)? else {
            return Ok(None);
        };
        let study = &adopted.study;
        let declared = study.recipient(recipient);
        let declared = declared.ok_or(OperatorError::Bug("a flow's recipient is in its study"))?;
        let permit = match decide(study, &adopted.regime, declared, epoch.sealed_at()) {
            Decision::Permit(flow) => flow.permit(counts.claim().question),
            Decision::Deny(reasons) => return Err(OperatorError::Refused(reasons)),
        };
        let shape = CubeShape::new(vec![ConsentStatus::ALL.len()], 1, 0)
            .ok_or(OperatorError::Bug("a few counts fit memory"))?;
        let question = ChargedQuery {
            study_cap: units_of(study.cap, self.law.accounting),
            recipient_cap: units_of(declared.share, self.law.accounting),
            epoch: &epoch.epoch,
            text: counts.question(),
            claim: counts.claim(),
            units: counts.cost(),
            selection: &Selection {
                of: shape.cells(),
                cells: (0..).map(|standing| (standing, standing)).take(shape.cells()).collect(),
                values: vec![Value::Counts(0..1)],
            },
            shape: &shape,
            layout: &layout(study.release.min_people),
            began: Some(epoch.sealed_at()),
        };
        match self.with_door(|door| door.release(permit, &question, standings))? {
            Outcome::Released(released) => Ok(Some(*released)),
            Outcome::OverBudget(limits) => {
                let reason = |limit: &crate::ledger::OverBudget| {
                    unpaid(limit.limit.saturating_sub(limit.spent), counts.cost(), recipient)
                };
                Err(OperatorError::Refused(limits.iter().map(reason).collect()))
            }
        }
    }
}

/// People by standing, as the reader sees it.
pub(in crate::operator) fn layout(min_people: u64) -> AnswerLayout {
    AnswerLayout {
        tags: vec!["consent".into()],
        groups: ConsentStatus::ALL.iter().map(|standing| vec![standing.as_str().to_owned()]).collect(),
        columns: vec![(
            "people".into(),
            ColumnSpec::Number { part: 0, offset: 0, feasible: Feasible::NotNegative },
        )],
        order: vec![OutputColumn::Tag(0), OutputColumn::Number(0)],
        denominations: BTreeMap::new(),
        counted: Some(0),
        min_people,
        confidence: crate::dp::Confidence::DEFAULT,
    }
}
