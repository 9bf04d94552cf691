//! The secret of a session, and all that is derived from it: blinds, names of ids, the order of points, random points.

use std::fmt;

use zeroize::Zeroizing;

use super::BlindTokenError;
use crate::keys::{KeyError, random_secret};
use crate::oprf::{Element, SecretScalar};
use crate::types::Secret;

const ID: &str = "hushtag 2026-12 v1 blind token session";
const BLIND: &str = "hushtag 2026-12 v1 blind token blind";
const NAME: &str = "hushtag 2026-12 v1 blind token name of an id";
const ORDER: &str = "hushtag 2026-12 v1 blind token order";
const PADDING: &str = "hushtag 2026-12 v1 blind token padding";

/// The public name of a session: 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub(super) [u8; 16]);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// By what an id is found again in a session: 128 bits that say nothing of it without the session's secret.
pub(super) type IdName = [u8; 16];

/// The secret of a session.
pub(super) struct SessionSecret(Secret);

/// The secrets of one namespace in a session.
pub(super) struct NamespaceSecrets {
    blind: Secret,
    name: Secret,
    order: Secret,
    padding: Secret,
}

impl SessionSecret {
    /// A fresh secret.
    ///
    /// # Errors
    /// [`BlindTokenError::Key`] where the system gives no randomness.
    pub(super) fn generate() -> Result<Self, BlindTokenError> {
        Ok(Self(random_secret()?))
    }

    pub(super) const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The bytes, for the state file.
    pub(super) const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The public name.
    pub(super) fn id(&self) -> SessionId {
        let mut id = [0; 16];
        id.iter_mut().zip(self.0.derive(ID).expose()).for_each(|(to, from)| *to = *from);
        SessionId(id)
    }

    /// The secrets of a namespace.
    pub(super) fn namespace(&self, namespace: &str) -> NamespaceSecrets {
        let derive = |context| self.0.derive_for(context, namespace.as_bytes());
        NamespaceSecrets {
            blind: derive(BLIND),
            name: derive(NAME),
            order: derive(ORDER),
            padding: derive(PADDING),
        }
    }
}

impl NamespaceSecrets {
    /// `r_i`, the blind of the id that came as the `number`th, used for nothing else.
    ///
    /// # Errors
    /// [`BlindTokenError::Key`] for a blind that is zero, which never happens.
    pub(super) fn blind(&self, number: u64) -> Result<SecretScalar, BlindTokenError> {
        SecretScalar::from_uniform(&uniform(&self.blind, number)).ok_or_else(never)
    }

    /// A random point that is of no id.
    ///
    /// # Errors
    /// [`BlindTokenError::Key`] for the identity, which never comes.
    pub(super) fn random_point(&self, number: u64) -> Result<Element, BlindTokenError> {
        Element::from_uniform(&uniform(&self.padding, number)).ok_or_else(never)
    }

    /// The name of an id.
    pub(super) fn name(&self, id: &[u8]) -> IdName {
        let mut name = IdName::default();
        let hash = blake3::keyed_hash(self.name.expose(), id);
        name.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        name
    }

    /// The seed of the order of points.
    pub(super) fn order(&self) -> [u8; 32] {
        *self.order.expose()
    }
}

fn never() -> BlindTokenError {
    BlindTokenError::Key(KeyError::NoRandomness)
}

/// 64 bytes that look uniform to everybody without the secret.
fn uniform(secret: &Secret, number: u64) -> Zeroizing<[u8; 64]> {
    let mut bytes = Zeroizing::new([0; 64]);
    let mut hasher = blake3::Hasher::new_keyed(secret.expose());
    hasher.update(&number.to_le_bytes()).finalize_xof().fill(&mut *bytes);
    bytes
}
