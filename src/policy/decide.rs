//! The decision on the flow: is this use permitted at all, for this recipient, today? Unknown is denied.

use std::collections::BTreeSet;

use super::regime::{Regime, Scope};
use super::study::{Recipient, Study};
use crate::consent::Requirement;
use crate::dp::QuestionHash;
use crate::types::{RecipientId, StudyId, Timestamp};

/// Why something was refused: a rule, its article, what failed and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// The rule, such as `R23`.
    pub rule: String,
    /// Its article, such as `PIPL 23`.
    pub article: String,
    /// What failed.
    pub because: String,
    /// What would mend it.
    pub fix: String,
}

/// The outcome of a decision: it cannot fail, and it explains itself.
#[derive(Debug)]
pub enum Decision {
    /// Permitted; the flow says under which consents.
    Permit(Flow),
    /// Denied for all of these reasons.
    Deny(Vec<Reason>),
}

/// A permitted flow: one study, one recipient, one day.
#[derive(Debug)]
pub struct Flow {
    study: StudyId,
    study_hash: String,
    recipient: RecipientId,
    requirements: Vec<Requirement>,
}

impl Flow {
    /// What every person's consents must say; never empty.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The token that lets one question of this flow through the door.
    pub fn permit(&self, question: QuestionHash) -> Permit {
        Permit {
            study: self.study.clone(),
            study_hash: self.study_hash.clone(),
            recipient: self.recipient.clone(),
            question,
        }
    }
}

/// Proof that policy permits one question: made by [`Flow::permit`] only, used up by the door.
#[must_use = "a permit that the door does not take permits nothing"]
pub struct Permit {
    study: StudyId,
    study_hash: String,
    recipient: RecipientId,
    question: QuestionHash,
}

impl Permit {
    /// The study.
    #[must_use]
    pub fn study(&self) -> &StudyId {
        &self.study
    }

    /// The hash of the study's text that was decided on.
    #[must_use]
    pub fn study_hash(&self) -> &str {
        &self.study_hash
    }

    /// The recipient.
    #[must_use]
    pub fn recipient(&self) -> &RecipientId {
        &self.recipient
    }

    /// The question that it is bound to.
    #[must_use]
    pub fn question(&self) -> QuestionHash {
        self.question
    }
}

/// Decides whether `study` may be used for `recipient` on the day of `now`.
///
/// # Privacy
/// Reads the study, the regime and the date; never the population. Source: PIPL art. 6, 10, 13, 14, 23, 28, 29, 55.
#[must_use]
pub fn decide(study: &Study, regime: &Regime, recipient: &Recipient, now: Timestamp) -> Decision {
    let mut reasons = Reasons { regime, found: Vec::new() };
    if regime.prohibits(&study.purpose) {
        reasons.add("R10", &study.purpose);
    }
    if !regime.allows_basis(&study.basis) {
        reasons.add("R13", &study.basis);
    }
    if !study.declared_adults {
        reasons.add("R28", "no `[population]`");
    }
    let categories: BTreeSet<&str> = study.datasets.iter().map(|dataset| dataset.category.as_str()).collect();
    for category in categories.iter().filter(|category| regime.is_sensitive(category).is_none()) {
        reasons.add("R06", category);
    }
    if recipient.name.trim().is_empty()
        || recipient.contact.trim().is_empty()
        || recipient.legal_id.trim().is_empty()
    {
        reasons.add("R23", recipient.id.as_str());
    }
    let Some(action) = regime.action(study.action.as_str()) else {
        reasons.add("R14", study.action.as_str());
        return Decision::Deny(reasons.found);
    };
    for kind in &action.documents {
        let valid = study.documents.get(kind).is_some_and(|doc| doc.approved <= now && now < doc.expires);
        if !valid {
            reasons.add("R55", kind);
        }
    }
    let requirements = requirements(study, regime, recipient, &action.triggers);
    // INVARIANT: a flow that demands nothing of people would let everybody in; there is no such flow.
    if requirements.is_empty() {
        reasons.add("R14", study.action.as_str());
    }
    if !reasons.found.is_empty() {
        return Decision::Deny(reasons.found);
    }
    Decision::Permit(Flow {
        study: study.id.clone(),
        study_hash: study.hash.clone(),
        recipient: recipient.id.clone(),
        requirements,
    })
}

struct Reasons<'a> {
    regime: &'a Regime,
    found: Vec<Reason>,
}

impl Reasons<'_> {
    /// The regime defines every rule asked for here (checked when it is parsed); were one missing, the use is denied all the same.
    fn add(&mut self, id: &str, what: &str) {
        let (article, because, fix) = match self.regime.rule(id) {
            Some(rule) => (rule.article.clone(), rule.because.replace("{}", what), rule.fix.clone()),
            None => (String::new(), format!("rule {id} fails for `{what}`"), String::new()),
        };
        self.found.push(Reason { rule: id.to_owned(), article, because, fix });
    }
}

fn requirements(
    study: &Study,
    regime: &Regime,
    recipient: &Recipient,
    demanded: &BTreeSet<String>,
) -> Vec<Requirement> {
    let handlers = study.handlers.iter().flat_map(|h| [h.id.to_string(), h.legal_id.clone()]);
    let handlers: BTreeSet<String> = handlers.collect();
    let known_triggers: BTreeSet<String> = regime.triggers().keys().cloned().collect();
    let in_scope = |scope: &Scope| -> BTreeSet<String> {
        let all = study.datasets.iter().map(|dataset| dataset.category.clone());
        // A category that the regime does not know counts as sensitive (and is denied besides).
        all.filter(|c| *scope == Scope::All || regime.is_sensitive(c).unwrap_or(true)).collect()
    };
    let mut all = Vec::new();
    for (name, trigger) in regime.triggers() {
        let categories = in_scope(&trigger.of);
        if categories.is_empty() || !(trigger.always || demanded.contains(name)) {
            continue;
        }
        all.push(Requirement {
            trigger: name.clone(),
            purpose: study.purpose.clone(),
            recipient: recipient.legal_id.clone(),
            categories,
            methods: study.methods.clone(),
            notice: study.notice.id.clone(),
            notice_version: study.notice.version,
            retention: study.retention,
            handlers: handlers.clone(),
            known_triggers: known_triggers.clone(),
        });
    }
    all
}
