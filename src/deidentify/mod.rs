//! Layer 1: raw ids become keyed pseudonyms and tokens; only declared columns are ever read, as coarse as declared.

mod blind_token;
mod fields;
mod form;
mod id_forms;
mod id_shape;
mod name;
mod pseudonym;
mod risk;
mod shape;
mod suspicious_id;
#[cfg(test)]
mod tests;
mod token;

pub use blind_token::{InvalidTokenKey, TokenPublicKey, blind_context, blind_token, hashed_id};
pub use fields::{Span, Treatment};
pub use form::{Form, MISFIT, of_every_form};
pub use id_forms::IdForms;
pub use id_shape::{IdShape, IdShapes, Unlike};
pub use name::direct_identifier;
pub use pseudonym::{CutKey, Pseudonym, PseudonymKey};
pub use risk::{CLASS_SIZES, Risk, Sharing, TagRisk};
pub use shape::{Looked, Looks, Shape, is_cn_mobile, is_id_card, looks};
pub use suspicious_id::{is_missing_word, suspicious_id};
pub use token::{TOKEN_BYTES, Token, TokenKey, TokenKeyId, Tokens};
