//! What a question will cost and how wide its answers will be; free, and exact.

use serde::{Serialize, Serializer};

use super::{Confidence, Plan};
use crate::dp::{self, Accounting, Mechanism, epsilon_of};
use crate::types::{NanoEpsilon, NanoRho};

/// What of one part may be known before it is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartForecast {
    /// `COUNT(*)` or `SUM(measure)`.
    pub name: String,
    /// Whether it was not asked for and is paid only to apply the study's `min_people`.
    pub hidden: bool,
    /// Every cell is within this of the exact number, with the forecast's confidence.
    pub half_width: u64,
    /// The charge of the part, in units of the pool.
    pub cost: u128,
    /// `discrete-gaussian` or `discrete-laplace`.
    pub mechanism: &'static str,
    /// Sigma squared or the scale, exactly.
    pub parameter: String,
    /// The L2 sensitivity squared of Gaussian noise, the L1 sensitivity of Laplace noise.
    pub sensitivity: String,
}

/// What of a question may be known before it is paid; the later charge is the same claim and so the same cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The canonical question with its price.
    pub question: String,
    /// The charge, in `unit`.
    pub cost: u128,
    /// `nano_rho` or, in a pure pool, `nano_epsilon`.
    pub unit: &'static str,
    /// The epsilon of this question alone, rounded up; in a zCDP pool such epsilons do not simply add up.
    #[serde(serialize_with = "as_number")]
    pub epsilon: NanoEpsilon,
    /// The probability of the half-widths.
    pub confidence: Confidence,
    /// What is released in every cell.
    pub parts: Vec<PartForecast>,
    /// How many cells are released.
    pub cells: usize,
    /// How many people one person can move.
    pub reach: u32,
    /// Why: through which relations.
    pub reach_because: String,
}

#[expect(clippy::cast_precision_loss, reason = "shown, never charged")]
fn as_number<S: Serializer>(epsilon: &NanoEpsilon, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(epsilon.get() as f64 / 1e9)
}

impl Forecast {
    pub(super) fn of(plan: &Plan) -> Self {
        let shown = dp::Confidence::from(plan.confidence());
        let part = |(planned, part): (&super::PlannedPart, &dp::Part)| {
            let (mechanism, parameter, sensitivity) = match part.mechanism {
                Mechanism::DiscreteGaussian(noise) => {
                    ("discrete-gaussian", noise.sigma_squared(), part.norms.l2_squared)
                }
                Mechanism::DiscreteLaplace(noise) => ("discrete-laplace", noise.scale(), part.norms.l1),
            };
            PartForecast {
                name: planned.name.clone(),
                hidden: planned.hidden,
                half_width: part.mechanism.half_width(shown),
                // The plan exists, so every part has a cost.
                cost: part.mechanism.cost_units(part.norms, plan.accounting).unwrap_or(u128::MAX),
                mechanism,
                parameter: parameter.to_string(),
                sensitivity: sensitivity.to_string(),
            }
        };
        let (unit, epsilon) = match plan.accounting {
            Accounting::Pure => ("nano_epsilon", NanoEpsilon::new(plan.cost())),
            Accounting::Zcdp { delta } => ("nano_rho", epsilon_of(NanoRho::new(plan.cost()), delta)),
        };
        Self {
            question: plan.question().to_owned(),
            cost: plan.cost(),
            unit,
            epsilon,
            confidence: plan.confidence(),
            parts: plan.parts().iter().zip(&plan.claim().parts).map(part).collect(),
            cells: plan.cells(),
            reach: plan.reach().people,
            reach_because: plan.reach().to_string(),
        }
    }
}
