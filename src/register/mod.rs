//! Layer 2: the register of consent events, `consents.redb`: what people stated, durable, for services without a store of
//! their own.
//!
//! An [`Event`] is one row of the consent table as it was written. [`Register`] keeps events under keyed pseudonyms, each
//! sealed; nothing in the file can be read without the root key. [`Snapshot`] walks all of them as of one moment. What was erased, or is
//! past its retention, leaves a [`Tombstone`](crate::consent::Tombstone). Beside events it keeps the book of [`Request`]s.

mod batches;
mod blocks;
mod cell;
mod checked;
mod error;
mod event;
mod json;
mod load;
mod merge;
mod namespaces;
mod people;
mod request;
mod rows;
mod runs;
mod snapshot;
mod statement;
mod store;
mod tombstones;
mod verify;
mod walk;

pub use batches::{Batches, Group, Visitor};
pub use checked::{EventFault, EventTerms};
pub use error::{RegisterError, RegisterFault};
pub use event::{Event, EventError};
pub use json::JsonEventError;
pub use load::{Packer, Packers, Part, Time};
pub use namespaces::Namespaces;
pub use request::{LONGEST_REASON, NewRequest, Request, RequestKind};
pub use rows::SealMark;
pub use snapshot::{Held, Snapshot, State};
pub use statement::Statement;
pub use store::{FILE, Left, Register, Removal, Writer};
pub use tombstones::Tombstones;
pub use walk::Walk;
