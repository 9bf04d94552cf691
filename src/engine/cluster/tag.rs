//! Keyed tags of states and parts, which show what is missing and what is there twice.

use bincode::{Decode, Encode};

use crate::types::Secret;

/// Bytes by which a person is known on the cluster: their pseudonym of the epoch.
pub(super) type Id = [u8; 16];

/// A sum of tags modulo 2^128, and how many there were. Two sets of states have one sum but for a chance of one in 2^128.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Tags {
    sum: u128,
    count: u64,
}

impl Tags {
    /// One tag.
    pub(super) const fn one(tag: u128) -> Self {
        Self { sum: tag, count: 1 }
    }

    /// Adds others, in any order.
    pub(super) fn add(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.count = self.count.wrapping_add(other.count);
    }
}

/// The key of the tags of one seal.
pub(super) struct TagKey(Secret);

impl TagKey {
    pub(super) const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    fn hash(&self, kind: u8, parts: &[&[u8]]) -> Id {
        let mut hasher = blake3::Hasher::new_keyed(self.0.expose());
        hasher.update(&[kind]);
        // All parts but the last one have a fixed length.
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        let mut short = Id::default();
        hasher.finalize_xof().fill(&mut short);
        short
    }

    /// Of what one file says of a person.
    pub(super) fn of_state(&self, unit: u32, person: &Id) -> u128 {
        u128::from_le_bytes(self.hash(0, &[&unit.to_le_bytes(), person]))
    }

    /// Of a contribution.
    pub(super) fn of_contribution(&self, relation: u16, from: &Id, to: &Id) -> u128 {
        u128::from_le_bytes(self.hash(1, &[&relation.to_le_bytes(), from, to]))
    }

    /// The key under which the report of a file travels: that of no person but for a chance of one in 2^128.
    pub(super) fn of_report(&self, unit: u32) -> Id {
        self.hash(2, &[&unit.to_le_bytes()])
    }

    /// What shows that two processes have the same description of a seal.
    pub(super) fn commitment(&self, described: &[u8]) -> Id {
        self.hash(3, &[described])
    }
}
