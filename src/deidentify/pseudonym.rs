//! Keyed pseudonyms of ids, and the keyed order in which an owner's list is cut.

use crate::types::Secret;

/// The pseudonym of one id under one epoch key: 128 bits of keyed BLAKE3.
///
/// Still personal information (PIPL art. 73(3)): no `Debug`, no `Serialize`, gone at the end of the seal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pseudonym([u8; 16]);

impl Pseudonym {
    /// None is larger.
    pub const LARGEST: Self = Self([u8::MAX; 16]);

    /// From the bytes of [`Pseudonym::to_bytes`].
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// By which executors of a cluster group what they know of one person.
    pub(crate) const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    #[cfg(test)]
    pub(super) const fn reveal_in_test(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The key under which the ids of one namespace become pseudonyms in one epoch.
///
/// Pseudonyms of two epochs, two namespaces or two sandboxes cannot be linked without it.
pub struct PseudonymKey(Secret);

impl PseudonymKey {
    /// The key that another process derived.
    pub(crate) const fn from_secret(secret: Secret) -> Self {
        Self(secret)
    }

    /// What another process needs to have this key.
    pub(crate) const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The key for `namespace` in the epoch of `epoch_key`. All datasets and parties of the namespace share it, since
    /// they must join.
    #[must_use]
    pub fn derive(epoch_key: &Secret, namespace: &str) -> Self {
        Self(epoch_key.derive_for("hushtag 2026-11 v1 pseudonym of an id", namespace.as_bytes()))
    }

    /// The pseudonym of a raw id in its canonical text form.
    #[must_use]
    pub fn pseudonym(&self, id: &[u8]) -> Pseudonym {
        let mut short = [0; 16];
        let hash = blake3::keyed_hash(self.0.expose(), id);
        short.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        Pseudonym(short)
    }
}

impl AsRef<Self> for PseudonymKey {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// The key of the cut of one relation in one epoch.
pub struct CutKey(Secret);

impl CutKey {
    /// The key that another process derived.
    pub(crate) const fn from_secret(secret: Secret) -> Self {
        Self(secret)
    }

    /// What another process needs to have this key.
    pub(crate) const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The key for the relation named `relation`.
    #[must_use]
    pub fn derive(epoch_key: &Secret, relation: &str) -> Self {
        Self(epoch_key.derive_for("hushtag 2026-11 v1 cut of a list", relation.as_bytes()))
    }

    /// The rank of `target` in the list of `owner`; a list that is too long keeps its smallest ranks.
    ///
    /// # Privacy
    /// A function of the owner's own row and a key; whether the target is in is never looked up.
    #[must_use]
    pub fn rank(&self, owner: &Pseudonym, target: &Pseudonym) -> [u8; 16] {
        let mut pair = [0; 32];
        let both = owner.0.iter().chain(&target.0);
        pair.iter_mut().zip(both).for_each(|(to, from)| *to = *from);
        let mut rank = [0; 16];
        let hash = blake3::keyed_hash(self.0.expose(), &pair);
        rank.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_epochs_and_relations_are_unlinkable() {
        let (one, two) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let phone = PseudonymKey::derive(&one, "phone").pseudonym(b"13800000000");
        assert!(phone == PseudonymKey::derive(&one, "phone").pseudonym(b"13800000000"));
        assert!(phone != PseudonymKey::derive(&one, "card").pseudonym(b"13800000000"));
        assert!(phone != PseudonymKey::derive(&two, "phone").pseudonym(b"13800000000"));
        let other = PseudonymKey::derive(&one, "phone").pseudonym(b"13800000001");
        let rank = CutKey::derive(&one, "follows").rank(&phone, &other);
        assert_ne!(rank, CutKey::derive(&one, "follows").rank(&other, &phone));
        assert_ne!(rank, CutKey::derive(&one, "shares").rank(&phone, &other));
    }
}
