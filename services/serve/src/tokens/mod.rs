//! Who may come in: tokens of 256 random bits, of which only a hash is at rest, each with a role, a recipient and an end.

mod error;
mod file;
mod role;
mod store;
mod token;

pub use error::TokenError;
pub use file::{Record, TokenFile};
pub use role::Role;
pub use store::{Caller, TokenStore};
pub use token::{Token, TokenHash};
