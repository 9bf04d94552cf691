//! The body of an answer: what is stored, sealed, committed to and later opened, as one canonical JSON text.

use serde::{Deserialize, Serialize};

use crate::dp::{Mechanism, Part, Sensitivity};
use crate::types::json::{from_canonical, to_canonical};

use super::{ReleaseError, Value};

/// One noisy vector and how it was made. Amounts are texts, so that every reader keeps them exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BodyPart {
    /// `discrete-gaussian` or `discrete-laplace`.
    pub(super) mechanism: String,
    /// Sigma squared, or the scale.
    pub(super) parameter: String,
    pub(super) l1: String,
    pub(super) l2_squared: String,
    /// The noisy numbers, group by group in vocabulary order.
    pub(super) values: Vec<String>,
}

/// Everything that a released answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) v: u8,
    pub(super) sandbox: String,
    pub(super) ledger_seq: u64,
    pub(super) study: String,
    pub(super) policy: String,
    pub(super) recipient: String,
    pub(super) epoch: String,
    /// The canonical question.
    pub(super) question: String,
    pub(super) reach: u32,
    pub(super) units: String,
    pub(super) parts: Vec<BodyPart>,
}

impl BodyPart {
    pub(super) fn new(part: &Part, values: Vec<i128>) -> Self {
        Self {
            mechanism: part.mechanism.name().to_owned(),
            parameter: part.mechanism.parameter().to_string(),
            l1: part.sensitivity.l1.to_string(),
            l2_squared: part.sensitivity.l2_squared.to_string(),
            values: values.iter().map(i128::to_string).collect(),
        }
    }

    /// How it was made.
    pub(super) fn noise(&self) -> Result<(Mechanism, Sensitivity), ReleaseError> {
        let parameter = self.parameter.parse().ok();
        let mechanism = parameter.and_then(|parameter| Mechanism::named(&self.mechanism, parameter));
        let norms = self.l1.parse().ok().zip(self.l2_squared.parse().ok());
        let sensitivity = norms.map(|(l1, l2_squared)| Sensitivity { l1, l2_squared });
        mechanism.zip(sensitivity).ok_or(ReleaseError::Damaged)
    }

    /// The noisy numbers, group by group.
    pub(super) fn numbers(&self) -> Vec<i128> {
        self.values.iter().map(|text| text.parse().unwrap_or(0)).collect()
    }
}

impl Body {
    /// A body with these parts, and nothing else that matters.
    #[cfg(test)]
    pub(super) fn of_parts(parts: Vec<BodyPart>) -> Self {
        let text = || "test".to_owned();
        Self {
            v: 1,
            sandbox: text(),
            ledger_seq: 7,
            study: text(),
            policy: text(),
            recipient: text(),
            epoch: text(),
            question: text(),
            reach: 1,
            units: "1".into(),
            parts,
        }
    }

    /// The one text of the body.
    pub(super) fn to_text(&self) -> Result<String, ReleaseError> {
        let value = serde_json::to_value(self).map_err(|_| ReleaseError::Bug("a body is plain JSON"))?;
        to_canonical(&value).map_err(|_| ReleaseError::Bug("a body has a canonical form"))
    }

    /// How long the text of this body would be if each of its numbers were the longest that there can be: a function of the
    /// question alone, however small the numbers are. `text` is the body's own, and `values` are what its parts add up.
    pub(super) fn longest(&self, text: &str, values: &[Value]) -> usize {
        let parts = self.parts.iter().zip(values);
        let missing = parts.map(|(part, value)| {
            part.values.iter().map(|number| value.digits().saturating_sub(number.len())).sum::<usize>()
        });
        missing.fold(text.len(), usize::saturating_add)
    }

    /// Reads a stored body; its seal was verified before.
    pub(super) fn parse(text: &str) -> Result<Self, ReleaseError> {
        let value = from_canonical(text).map_err(|_| ReleaseError::Damaged)?;
        serde_json::from_value(value).map_err(|_| ReleaseError::Damaged)
    }
}
