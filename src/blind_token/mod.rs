//! Layer 2: tokens that neither platform can reverse. Each platform computes the tokens of its own ids with the other's help, through
//! three files that hold no id, and the sandbox joins tokens.
//!
//! A platform blinds its ids ([`Request`]), the other one multiplies the blinded points ([`CheckedRequest`], [`EvaluationBook`],
//! [`Counted`]) and proves that it did so with the key that the study pins, and the first one takes the blinds off ([`unblind`]). It is
//! the VOPRF of RFC 9497 in both directions, with a token that both keys go into.
//!
//! - `request`: magic, header, points of every namespace, signature.
//! - `state`: magic, encrypted header with the session's secret, encrypted records; stays where it was made.
//! - `reply`: magic, the request's header and digest, and for every 65,536 points of a namespace their multiples and one proof.
//! - evaluation book: magic, the key's public element, one record a session, each with a MAC over it and all before it.

mod book;
mod draft;
mod error;
mod evaluate;
mod header;
mod in_parts;
mod parties;
mod request;
mod session;
mod source;
mod spool;
mod state;
#[cfg(test)]
mod tests;
mod unblind;

pub use book::{Counting, EvaluationBook, EvaluationTotals, Session as EvaluatedSession};
pub use error::{BlindTokenError, FormatFault};
pub use evaluate::{CheckedRequest, Counted, Evaluated};
pub use header::Section;
pub use parties::Parties;
pub use request::{Request, Requested};
pub use session::SessionId;
pub use unblind::{BlindTokens, NamespaceTokens, unblind};

use crate::storage::Storage;

/// A file by its name in a storage.
#[derive(Clone, Copy)]
pub struct FilePlace<'a> {
    /// Where it lies.
    pub storage: &'a dyn Storage,
    /// Its name there.
    pub name: &'a str,
}

/// How the work is done.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// How many threads multiply.
    pub threads: usize,
    /// Is called with the number of points that were done since the last call.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Points that one proof is about, and that are in memory at a time.
const BATCH: usize = crate::oprf::MOST;
