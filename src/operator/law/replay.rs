//! A decision of the past, made again from the texts under which an epoch was sealed, and compared with what the log says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::audit::{Entry, Kind};
use crate::operator::law::in_force::{Named, Studies, named_in, stored};
use crate::operator::public::Public;
use crate::operator::query::vocabulary::naming;
use crate::operator::sandbox::EpochFile;
use crate::operator::shelf::inputs::sealed_by;
use crate::operator::{Adopted, OperatorError};
use crate::policy::{Decision, Explanation, Lang, Regime, Study, decide, with_opinion};
use crate::storage::Storage;
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
    /// Whether the log names the demand of a permitted use; a seal of an earlier version does not.
    pub names_demand: bool,
    recipient: RecipientId,
    law: Arc<Adopted>,
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
        let Public { storage, log, .. } = Public::open(dir)?;
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
        let Agreed { permitted, names_demand } = agreed(decision, (&id, recipient), (seal, &entry), &before)?;
        let (epoch, recipient) = (epoch.clone(), recipient.clone());
        Ok(Self { epoch, seal, at: entry.at, adopted, permitted, names_demand, recipient, law })
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
        let Adopted { study, regime, .. } = &*self.law;
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
type SealedUnder = (Studies, BTreeMap<StudyId, u64>);

fn sealed_under(
    storage: &dyn Storage,
    before: &[(u64, Entry)],
    seal: &Entry,
) -> Result<SealedUnder, OperatorError> {
    let (mut laws, mut adopted) = SealedUnder::default();
    let mut add = |what: &str, is_it: &dyn Fn(&Named) -> bool| {
        let found = before
            .iter()
            .rev()
            .find_map(|(index, entry)| named_in(entry).into_iter().find(is_it).map(|named| (*index, named)));
        let (index, named) =
            found.ok_or_else(|| OperatorError::damaged("log", format!("does not adopt the study {what}")))?;
        let law = stored(storage, &named)?;
        adopted.insert(law.study.id.clone(), index);
        laws.insert(law.study.id.clone(), Arc::new(law));
        Ok::<_, OperatorError>(())
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut found = BTreeSet::new();
    for study in seal.body.get("studies").and_then(Value::as_array).into_iter().flatten() {
        let hash = text(study.get("hash"));
        add(&format!("{hash}, which a seal names"), &|named| named.hash == hash)?;
        found.insert(text(study.get("id")));
    }
    // A study whose every recipient was refused is in no seal: its refusals name it.
    for (_, refusal) in refused_at(seal, before) {
        let id = text(refusal.body.get("study"));
        if !id.is_empty() && found.insert(id.clone()) {
            add(&format!("{id}, which a refusal names"), &|named| named.id == id)?;
        }
    }
    Ok((laws, adopted))
}

/// The refusals that were logged for the epoch of a seal before it.
fn refused_at<'a>(seal: &Entry, before: &'a [(u64, Entry)]) -> impl Iterator<Item = &'a (u64, Entry)> {
    let epoch = seal.body.get("epoch").cloned();
    before.iter().filter(move |(_, entry)| {
        entry.kind == Kind::Refuse
            && entry.body.get("act").and_then(Value::as_str) == Some("seal")
            && entry.body.get("epoch") == epoch.as_ref()
    })
}

/// What the log holds of a decision that it agrees with.
#[derive(Debug, PartialEq, Eq)]
struct Agreed {
    permitted: bool,
    /// Whether it names the demand of a permitted use.
    names_demand: bool,
}

/// Whether the use was permitted, if the log says the same.
fn agreed(
    decision: Decision,
    (study, recipient): (&StudyId, &RecipientId),
    (index, seal): (u64, &Entry),
    before: &[(u64, Entry)],
) -> Result<Agreed, OperatorError> {
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
                let names_demand = demand.is_some();
                return match demand.is_none_or(|demand| demand == flow.demand().hash()) {
                    true => Ok(Agreed { permitted: true, names_demand }),
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
    let refusal =
        refused_at(seal, before).filter(|(_, entry)| is_ours(&Value::Object(entry.body.clone()))).last();
    let Some((place, refusal)) = refusal else {
        return differs(index, "is not preceded by a refusal of this recipient, who is refused");
    };
    let rules: Value = reasons.iter().map(|reason| Value::from(reason.rule.as_str())).collect();
    if refusal.body.get("rules") == Some(&rules) {
        Ok(Agreed { permitted: false, names_demand: false })
    } else {
        differs(*place, "names other rules than those that refuse")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const STUDY: &str = include_str!("../../../policies/demo/study.toml");

    fn entry(kind: Kind, body: Value) -> Entry {
        let Value::Object(body) = body else { panic!("not an object") };
        Entry { kind, at: Timestamp::from_seconds(1_793_000_000), ledger_seq: None, body }
    }

    /// Whether the decision on a study text agrees with these cubes and these refusals.
    fn agrees(text: &str, cubes: &Value, refused: &[Value]) -> Result<Agreed, String> {
        let study = Study::parse("study.toml", text).unwrap();
        let regime = Regime::parse("cn-pipl", Regime::built_in_text("cn-pipl").unwrap()).unwrap();
        let recipient = study.recipients[0].id.clone();
        let seal = entry(Kind::Seal, json!({ "epoch": "e1", "cubes": cubes }));
        let refused = refused.iter().map(|rules| {
            let body =
                json!({ "act": "seal", "epoch": "e1", "study": study.id, "recipient": recipient, "rules": rules });
            entry(Kind::Refuse, body)
        });
        let before: Vec<(u64, Entry)> = (0..).zip(refused).collect();
        let decision = decide(&study, &regime, &study.recipients[0], seal.at);
        agreed(decision, (&study.id, &recipient), (9, &seal), &before).map_err(|error| error.to_string())
    }

    /// Promise: a log that holds another decision than the texts of then give is damage, wherever it differs.
    #[test]
    fn another_decision_than_the_one_that_was_logged_is_damage() {
        let study = Study::parse("study.toml", STUDY).unwrap();
        let regime = Regime::parse("cn-pipl", Regime::built_in_text("cn-pipl").unwrap()).unwrap();
        let at = Timestamp::from_seconds(1_793_000_000);
        let Decision::Permit(flow) = decide(&study, &regime, &study.recipients[0], at) else {
            panic!("the demo is permitted")
        };
        let named = json!({ "study": study.id, "recipient": study.recipients[0].id });
        let cube = |demand: &str| {
            let mut cube = named.clone();
            cube["demand"] = demand.into();
            json!([cube])
        };
        let permitted = |names_demand| Ok(Agreed { permitted: true, names_demand });
        assert_eq!(agrees(STUDY, &cube(&flow.demand().hash()), &[]), permitted(true));
        assert_eq!(agrees(STUDY, &json!([named]), &[]), permitted(false), "a seal of an earlier version");
        let wrong = agrees(STUDY, &cube("blake3:00"), &[]).unwrap_err();
        assert!(wrong.contains("log entry 9: names another demand"), "{wrong}");
        assert!(agrees(STUDY, &json!([]), &[json!(["R55"])]).is_err(), "permitted, and nothing sealed");

        // Without the assessment that the law asks for the use is refused.
        let denied: String =
            STUDY.lines().filter(|line| !line.starts_with("pipia")).collect::<Vec<_>>().join("\n");
        let parsed = Study::parse("study.toml", &denied).unwrap();
        let Decision::Deny(reasons) = decide(&parsed, &regime, &parsed.recipients[0], at) else {
            panic!("refused without documents")
        };
        let rules: Value = reasons.iter().map(|reason| json!(reason.rule)).collect();
        let refused = Ok(Agreed { permitted: false, names_demand: false });
        assert_eq!(agrees(&denied, &json!([]), &[json!([]), rules.clone()]), refused, "the newest counts");
        let other = agrees(&denied, &json!([]), &[json!(["R1"])]).unwrap_err();
        assert!(other.contains("log entry 0: names other rules"), "{other}");
        assert!(agrees(&denied, &json!([]), &[]).is_err(), "no refusal is logged");
        // Nor is one of another act or another epoch a refusal of this seal.
        let (mut refused, seal) = (BTreeMap::new(), entry(Kind::Seal, json!({ "epoch": "e1" })));
        for (act, epoch) in [("seal", "e1"), ("ask", "e1"), ("seal", "e0")] {
            let before = [(0, entry(Kind::Refuse, json!({ "act": act, "epoch": epoch })))];
            refused.insert((act, epoch), refused_at(&seal, &before).count());
        }
        assert_eq!(refused, [(("seal", "e1"), 1), (("ask", "e1"), 0), (("seal", "e0"), 0)].into());
        assert!(agrees(&denied, &cube("blake3:00"), &[rules]).is_err(), "a cube of a use that is refused");
    }
}
