//! Layer 1: raw ids become keyed pseudonyms; only declared columns are ever read.

mod pseudonym;
mod risk;

pub use pseudonym::{CutKey, Pseudonym, PseudonymKey};
pub use risk::{CLASS_SIZES, Risk, Sharing, TagRisk};
