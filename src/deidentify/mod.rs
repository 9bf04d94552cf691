//! Layer 1: raw ids become keyed pseudonyms and tokens; only declared columns are ever read.

mod pseudonym;
mod token;

pub use pseudonym::{CutKey, Pseudonym, PseudonymKey};
pub use token::{TOKEN_BYTES, Token, TokenKey, TokenKeyId, Tokens};
