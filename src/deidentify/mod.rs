//! Layer 1: raw ids become keyed pseudonyms and tokens; only declared columns are ever read, as coarse as declared.

mod fields;
mod pseudonym;
mod risk;
mod token;

pub use fields::{Span, Treatment};
pub use pseudonym::{CutKey, Pseudonym, PseudonymKey};
pub use risk::{CLASS_SIZES, Risk, Sharing, TagRisk};
pub use token::{TOKEN_BYTES, Token, TokenKey, TokenKeyId, Tokens};
