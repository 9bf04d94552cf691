//! The hash by which a log names a demand.

use serde_json::{Value, json};

use super::{Ages, Check, ConsentKind, Demand, Requirement};
use crate::types::Days;
use crate::types::json::to_canonical;

impl Demand {
    /// `blake3:` and the BLAKE3 hash of what the demand asks of every person, as canonical JSON (RFC 8785): `ages`, and for each
    /// requirement trigger, purpose, recipients, categories, methods, notice and its versions, retention in days, handlers, kinds,
    /// checks, and days of waiting after a refusal.
    ///
    /// # Privacy
    /// Public: it follows from study, regime, recipient and day.
    #[must_use]
    pub fn hash(&self) -> String {
        let ages = match &self.ages {
            Ages::DeclaredAdults => json!("declared-adults"),
            Ages::Read { child_below, adult_from, admits } => json!({
                "child_below": child_below,
                "adult_from": adult_from,
                "children": admits.children,
                "minors": admits.minors,
            }),
        };
        let requirements: Value = self.requirements.iter().map(requirement).collect();
        let text = to_canonical(&json!({ "ages": ages, "requirements": requirements }));
        // Texts, flags and small numbers under plain names have a canonical form.
        format!("blake3:{}", blake3::hash(text.unwrap_or_default().as_bytes()).to_hex())
    }
}

fn requirement(asked: &Requirement) -> Value {
    json!({
        "trigger": asked.trigger,
        "purpose": asked.purpose,
        "recipients": asked.recipients,
        "categories": asked.categories,
        "methods": asked.methods,
        "notice": asked.notice,
        "notice_versions": [asked.notice_versions.start(), asked.notice_versions.end()],
        "retention": asked.retention.days(),
        "handlers": asked.handlers,
        "kinds": asked.kinds.iter().map(|kind: &ConsentKind| kind.as_str()).collect::<Vec<_>>(),
        "checks": asked.checks.iter().map(|check: &Check| check.as_str()).collect::<Vec<_>>(),
        "cool_down": asked.cool_down.map(Days::days),
    })
}
