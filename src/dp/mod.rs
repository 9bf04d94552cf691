//! Layer 1: noise, what it costs and how wide it is. No data, no files, no clock, no randomness of its own.
//!
//! The samplers work alone, with any generator of `rand`; for released numbers use one seeded by the system.
//!
//! ```
//! use hushtag::dp::{Confidence, DiscreteGaussian, Mechanism};
//! use hushtag::types::Ratio;
//! use rand::{SeedableRng, rngs::StdRng};
//! use rand_distr::Distribution;
//!
//! let noise = DiscreteGaussian::new(Ratio::new(2629, 1).ok_or("a part is zero")?)?;
//! let drawn: Vec<i64> = noise.sample_iter(StdRng::seed_from_u64(7)).take(3).collect();
//! assert_eq!(drawn.len(), 3);
//! assert_eq!(Mechanism::DiscreteGaussian(noise).half_width(Confidence::DEFAULT), 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From a query to its price: [`Contribution`], reach and [`Shape`] give [`Sensitivity`]; an error or a cost gives a
//! [`Mechanism`]; both together, once for each part, are a [`PrivacyClaim`], whose cost under an [`Accounting`] is the charge.
//! Amounts that are charged are integers; floats appear only in what is shown and in conversions with directed rounding.

mod bernoulli;
mod claim;
mod derived;
mod gaussian;
mod interval;
mod laplace;
mod mechanism;
mod sensitivity;
mod zcdp;

pub use claim::PrivacyClaim;
#[doc(hidden)]
pub use claim::{Part, QueryHash};
pub(crate) use derived::float;
pub use derived::{Noisy, quantile, ratio_interval};
#[doc(hidden)]
pub use derived::{Quantile, Spread, combined_half_width, rank_half_width};
pub use gaussian::DiscreteGaussian;
pub use interval::Confidence;
#[doc(hidden)]
pub use interval::InvalidConfidence;
pub use laplace::DiscreteLaplace;
pub use mechanism::{Accounting, CostError, Mechanism, NoiseError};
pub use sensitivity::{Contribution, Sensitivity, SensitivityError, Shape};
#[doc(hidden)]
pub use zcdp::InvalidDelta;
pub use zcdp::{Delta, epsilon_of, rho_of, rho_of_pure};
