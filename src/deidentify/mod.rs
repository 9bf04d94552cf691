//! Layer 1: raw ids become keyed pseudonyms; only declared columns are ever read.

mod pseudonym;

pub use pseudonym::{CutKey, Pseudonym, PseudonymKey};
