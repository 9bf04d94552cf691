//! Layer 1: raw ids become keyed pseudonyms and tokens; only declared columns are ever read, as coarse as declared.

mod fields;
mod pseudonym;
mod token;

pub use fields::{Span, Treatment};
pub use pseudonym::{CutKey, Pseudonym, PseudonymKey};
pub use token::{TOKEN_BYTES, Token, TokenKey, TokenKeyId, Tokens};
