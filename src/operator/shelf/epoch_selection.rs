//! Which epoch answers a question, and why one answers nothing: it is retired, its retention is over, or it is too old.
//!
//! All of it follows from public constants and the clock, and is the same for everybody.

use crate::consent::ConsentStatus;
use crate::operator::sandbox::EpochFile;
use crate::operator::{Adopted, OperatorError, View};
use crate::policy::Reason;
use crate::types::{EpochId, MaxAge, Timestamp};

/// The epoch that a question would be asked of now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ResolvedEpoch {
    /// Its id.
    pub id: EpochId,
    /// When it stops answering under the study.
    pub answers_until: Timestamp,
    /// Why it answers nothing now, if it does not.
    pub closed: Vec<Reason>,
}

impl View<'_> {
    /// The epoch that `wanted` names, or that answers when a question names none; `None` before the first seal.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`] and [`OperatorError::OtherText`], for an epoch that was named
    pub fn asked_epoch(&self, wanted: Option<&EpochId>) -> Result<Option<ResolvedEpoch>, OperatorError> {
        let found = match find(&self.epochs, wanted, &self.adopted, self.now) {
            Err(OperatorError::NothingSealed { .. } | OperatorError::OtherText { .. })
                if wanted.is_none() =>
            {
                return Ok(None);
            }
            found => found?,
        };
        let answers_until = until(&found, &self.adopted);
        let closed = closed(&found, &self.adopted, self.now);
        Ok(Some(ResolvedEpoch { id: found.epoch, answers_until, closed }))
    }
}

/// When an epoch stops answering under a study that it was sealed under.
pub(in crate::operator) fn until(epoch: &EpochFile, adopted: &Adopted) -> Timestamp {
    fresh_until(epoch, adopted).map_or(epoch.ends(), |fresh| fresh.min(epoch.ends()))
}

fn fresh_until(epoch: &EpochFile, adopted: &Adopted) -> Option<Timestamp> {
    let age = adopted.study.release.max_age.map(MaxAge::seconds)?;
    Some(Timestamp::from_seconds(epoch.sealed_at().seconds().saturating_add(age)))
}

/// An adopted study answers only from epochs sealed under its own text.
pub(in crate::operator) fn is_under(epoch: &EpochFile, adopted: &Adopted) -> bool {
    let study = &adopted.study;
    epoch.studies.iter().any(|entry| entry.id == study.id && entry.hash == study.hash)
}

/// The epoch that `wanted` names; else the one of greatest as-of, then last sealed, of those that still answer, or of all where
/// none does.
pub(in crate::operator) fn find(
    all: &[EpochFile],
    wanted: Option<&EpochId>,
    adopted: &Adopted,
    now: Timestamp,
) -> Result<EpochFile, OperatorError> {
    let id = &adopted.study.id;
    let named = |epoch: &&EpochFile| epoch.studies.iter().any(|entry| entry.id == *id);
    let (own, others): (Vec<&EpochFile>, Vec<&EpochFile>) =
        all.iter().filter(named).partition(|epoch| is_under(epoch, adopted));
    let answers = |epoch: &EpochFile| epoch.retired.is_none() && now < until(epoch, adopted);
    let pick = |epochs: &[&EpochFile]| match wanted {
        Some(id) => epochs.iter().find(|epoch| epoch.epoch == *id).map(|epoch| (*epoch).clone()),
        None => {
            let newest = epochs.iter().max_by_key(|epoch| (answers(epoch), epoch.as_of(), epoch.sealed_at()));
            newest.map(|epoch| (*epoch).clone())
        }
    };
    if let Some(found) = pick(&own) {
        return Ok(found);
    }
    if let Some(old) = pick(&others) {
        return Err(OperatorError::OtherText { epoch: old.epoch.to_string(), study: id.to_string() });
    }
    Err(match wanted {
        None => OperatorError::NothingSealed { study: id.to_string() },
        Some(wanted) => OperatorError::Unknown {
            kind: "epoch",
            name: wanted.to_string(),
            known: own.iter().map(|epoch| epoch.epoch.to_string()).collect(),
        },
    })
}

/// Every reason why an epoch answers nothing under a study, if it does not: by the rules that keep a person out whose consent is
/// over, or withdrawn.
pub(in crate::operator) fn closed(epoch: &EpochFile, adopted: &Adopted, now: Timestamp) -> Vec<Reason> {
    let id = &epoch.epoch;
    let reason = |standing, own: &str, because: String, fix: &str| {
        let (rule, article) = adopted.regime.rule_of(standing).unwrap_or((own, ""));
        Reason { rule: rule.into(), article: article.into(), because, fix: fix.into() }
    };
    let over = match epoch.retired {
        Some(entry) => Some(format!("epoch `{id}` is retired (log entry {entry}): its key is destroyed")),
        None if epoch.is_over(now) => {
            Some(format!("the retention of epoch `{id}` was over at {}", epoch.ends()))
        }
        None => None,
    };
    let stale = fresh_until(epoch, adopted).filter(|fresh| now >= *fresh).map(|fresh| {
        format!(
            "epoch `{id}` is older than the study lets an epoch answer, at the latest until {fresh}: \
             withdrawals since its seal are not in it"
        )
    });
    let fix = "seal a new epoch; an answer that was given before is opened by `audit prove`";
    let over = over.map(|because| reason(ConsentStatus::Expired, "RETENTION", because, fix));
    let stale = stale.map(|because| reason(ConsentStatus::Withdrawn, "MAX-AGE", because, fix));
    over.into_iter().chain(stale).collect()
}
