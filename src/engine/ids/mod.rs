//! Ids as files spell them in; one dense number for each distinct id, and one for each person, out.
//!
//! Raw ids live in the interner alone and are gone when the seal ends. Links make several ids one person's. Limits on the rows of one
//! owner, and checks that ids of two files can be equal at all, are here, too; each depends on files and never on consents.

pub(super) mod disjoint;
pub(super) mod intern;
pub(super) mod links;
pub(super) mod multiply_shift;
pub(super) mod numbers;
pub(super) mod one_key;
pub(super) mod owner_rows;
