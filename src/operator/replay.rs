//! A decision of the past, made again from the texts under which an epoch was sealed, and compared with what the log says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::inputs::sealed_by;
use super::law::{Named, named_in, stored};
use super::rotate::log_key;
use super::sandbox::{EpochFile, SANDBOX, SandboxFile};
use super::view::naming;
use super::{Adopted, OperatorError};
use crate::audit::{Entry, Kind, Log};
use crate::policy::{Decision, Explanation, Lang, Regime, Study, decide, with_opinion};
use crate::storage::{Folder, Storage};
use crate::types::{EpochId, RecipientId, StudyId, Timestamp};

/// The decision on one recipient at one seal, which is the one that the log holds.
pub struct Replay {
    /// The epoch.
    pub epoch: EpochId,
    /// The entry of the log by which it was sealed.
    pub seal: u64,
    /// The instant of the decision.
    pub at: Timestamp,
    /// The entry by which the study had been adopted.
    pub adopted: u64,
    /// Whether the use was permitted.
    pub permitted: bool,
    recipient: RecipientId,
    law: Adopted,
}

impl Replay {
    /// Decides again on `recipient` in `epoch`, from the texts of the study and of its regime that lie in the sandbox under the hashes
    /// of then. Needs no key.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`] for an epoch, a study or a recipient that there was not, [`OperatorError::Invalid`] where several
    /// studies named the recipient and `study` is `None`, and [`OperatorError::Damaged`] for a text that is not the one of then, and
    /// where the decision is not the one that the log holds: permission, demand, or the rules of the refusal.
    ///
    /// # Privacy
    /// None: it reads public texts, the log and the instant of the seal.
    pub fn of(
        dir: &Path,
        epoch: &EpochId,
        recipient: &RecipientId,
        study: Option<&StudyId>,
    ) -> Result<Self, OperatorError> {
        let folder = Folder::open(dir)?;
        if folder.read(SANDBOX)?.is_none() {
            return Err(OperatorError::NotASandbox(dir.display().to_string()));
        }
        let storage: Arc<dyn Storage> = Arc::new(folder);
        let file = SandboxFile::read(&*storage)?;
        let log = Log::open(Arc::clone(&storage), &log_key(&*storage, &file)?)?;
        let entries: Vec<Entry> = log.entries().collect::<Result<_, _>>()?;
        let (seal, entry) = match sealed_by(&log, epoch) {
            Ok(found) => found,
            Err(error) => return Err(unknown_epoch(&*storage, epoch).unwrap_or(error)),
        };
        let before: Vec<(u64, Entry)> = (0..seal).zip(entries).collect();
        let (mut laws, adopted) = sealed_under(&*storage, &before, &entry)?;
        let id = naming(&laws, recipient, study)?.study.id.clone();
        let missing = || OperatorError::Bug("a study that was found is there");
        let law = laws.remove(&id).ok_or_else(missing)?;
        let adopted = adopted.get(&id).copied().ok_or_else(missing)?;
        let decision = {
            let known = law.study.recipient(recipient).ok_or_else(missing)?;
            decide(&law.study, &law.regime, known, entry.at)
        };
        let permitted = agreed(decision, (&id, recipient), (seal, &entry), &before)?;
        let (epoch, recipient) = (epoch.clone(), recipient.clone());
        Ok(Self { epoch, seal, at: entry.at, adopted, permitted, recipient, law })
    }

    /// The study of then.
    #[must_use]
    pub fn study(&self) -> &Study {
        &self.law.study
    }

    /// The regime of then.
    #[must_use]
    pub fn regime(&self) -> &Regime {
        &self.law.regime
    }

    /// The decision in words.
    ///
    /// # Errors
    /// [`OperatorError::Bug`] if the recipient is not in the study, which was checked.
    pub fn explain(&self, lang: Lang) -> Result<Explanation, OperatorError> {
        let known = self.law.study.recipient(&self.recipient);
        let known = known.ok_or(OperatorError::Bug("a recipient that was found is there"))?;
        let Adopted { study, regime } = &self.law;
        Ok(with_opinion(study, regime, known, self.at, |opinion| opinion.explain(lang)))
    }
}

/// Which epochs there are, if the log and the folder agree that this one is not among them.
fn unknown_epoch(storage: &dyn Storage, epoch: &EpochId) -> Option<OperatorError> {
    let known = EpochFile::all(storage).ok()?;
    let known: Vec<String> = known.into_iter().map(|known| known.epoch.to_string()).collect();
    let is_there = known.iter().any(|known| known == epoch.as_str());
    (!is_there).then(|| OperatorError::Unknown { kind: "epoch", name: epoch.to_string(), known })
}

/// The studies of a seal with their regimes, and for each the entry that adopted it.
type SealedUnder = (BTreeMap<StudyId, Adopted>, BTreeMap<StudyId, u64>);

fn sealed_under(
    storage: &dyn Storage,
    before: &[(u64, Entry)],
    seal: &Entry,
) -> Result<SealedUnder, OperatorError> {
    let (mut laws, mut adopted) = SealedUnder::default();
    for study in seal.body.get("studies").and_then(Value::as_array).into_iter().flatten() {
        let hash = study.get("hash").and_then(Value::as_str).unwrap_or_default();
        let adopts = |named: &Named| named.hash == hash;
        let found = before
            .iter()
            .rev()
            .find_map(|(index, entry)| named_in(entry).into_iter().find(adopts).map(|named| (*index, named)));
        let (index, named) = found.ok_or_else(|| {
            OperatorError::damaged("log", format!("does not adopt the study {hash}, which a seal names"))
        })?;
        let law = stored(storage, &named)?;
        adopted.insert(law.study.id.clone(), index);
        laws.insert(law.study.id.clone(), law);
    }
    Ok((laws, adopted))
}

/// Whether the use was permitted, if the log says the same.
fn agreed(
    decision: Decision,
    (study, recipient): (&StudyId, &RecipientId),
    (index, seal): (u64, &Entry),
    before: &[(u64, Entry)],
) -> Result<bool, OperatorError> {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let is_ours = |value: &Value| {
        text(value, "study").as_deref() == Some(study.as_str())
            && text(value, "recipient").as_deref() == Some(recipient.as_str())
    };
    let mut cubes = seal.body.get("cubes").and_then(Value::as_array).into_iter().flatten();
    let cube = cubes.find(|cube| is_ours(cube));
    let differs = |place: u64, why: &str| {
        Err(OperatorError::damaged(format!("log entry {place}"), format!("{why} by the texts of then")))
    };
    let reasons = match decision {
        Decision::Permit(flow) => match flow.no_consent() {
            None => {
                let Some(cube) = cube else {
                    return differs(index, "seals nothing for this recipient, who is permitted");
                };
                // A seal of an earlier version names no demand.
                let demand = text(cube, "demand");
                return match demand.is_none_or(|demand| demand == flow.demand().hash()) {
                    true => Ok(true),
                    false => differs(index, "names another demand than the one that follows"),
                };
            }
            Some(reason) => vec![reason],
        },
        Decision::Deny(reasons) => reasons,
    };
    if cube.is_some() {
        return differs(index, "seals a cube for this recipient, who is refused");
    }
    let refusal = before.iter().rev().find(|(_, entry)| {
        let body = Value::Object(entry.body.clone());
        entry.kind == Kind::Refuse
            && text(&body, "act").as_deref() == Some("seal")
            && body.get("epoch") == seal.body.get("epoch")
            && is_ours(&body)
    });
    let Some((place, refusal)) = refusal else {
        return differs(index, "is not preceded by a refusal of this recipient, who is refused");
    };
    let rules: Value = reasons.iter().map(|reason| Value::from(reason.rule.as_str())).collect();
    if refusal.body.get("rules") == Some(&rules) {
        Ok(false)
    } else {
        differs(*place, "names other rules than those that refuse")
    }
}
