//! Who makes blind tokens with whom, by the study and the key at hand.

use super::BlindTokenError;
use crate::deidentify::{TokenKeyId, TokenPublicKey};
use crate::keys::BlindTokenKey;
use crate::policy::{Handler, Study, TokenTerms};

/// The two handlers of a study that have token keys, seen from the one whose key is at hand.
#[derive(Clone, Copy)]
pub struct Parties<'a> {
    /// The study that both signed.
    pub study: &'a Study,
    /// The handler of the key.
    pub own: &'a Handler,
    /// The other one.
    pub peer: &'a Handler,
    /// What the study pins of the own key.
    pub own_key: &'a TokenPublicKey,
    /// What the study pins of the other one.
    pub peer_key: &'a TokenPublicKey,
    /// How many ids may be asked for.
    pub terms: TokenTerms,
}

impl<'a> Parties<'a> {
    /// Finds the handler whose key this is.
    ///
    /// # Errors
    /// [`BlindTokenError::NoTokenKeys`] or [`BlindTokenError::ForeignKey`].
    pub fn new(study: &'a Study, key: &BlindTokenKey) -> Result<Self, BlindTokenError> {
        let public = key.public();
        let keyed = study.handlers.iter().filter_map(|handler| Some((handler, handler.token_key.as_ref()?)));
        let (own, peers): (Vec<_>, Vec<_>) = keyed.partition(|(_, pinned)| **pinned == public);
        match (study.tokens, &own[..], &peers[..]) {
            (None, ..) => Err(BlindTokenError::NoTokenKeys),
            (Some(terms), [(own, own_key)], [(peer, peer_key)]) => {
                Ok(Self { study, own, peer, own_key, peer_key, terms })
            }
            _ => Err(BlindTokenError::ForeignKey),
        }
    }

    /// Refuses a table that the other handler hands in.
    ///
    /// # Errors
    /// [`BlindTokenError::Table`]
    pub fn check_table(&self, table: &str) -> Result<(), BlindTokenError> {
        let datasets = self.study.datasets.iter().map(|dataset| (&dataset.name, &dataset.handler));
        let links = self.study.links.iter().map(|links| (&links.name, &links.handler));
        let found = datasets.chain(links).find(|(name, _)| name.as_str() == table);
        match found {
            Some((name, handler)) if *handler != self.own.id => Err(BlindTokenError::Table {
                table: name.to_string(),
                handler: handler.to_string(),
                own: self.own.id.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// The name of the two keys together, the same for both handlers.
    #[must_use]
    pub fn key_id(&self) -> TokenKeyId {
        TokenKeyId::of_both(self.own_key, self.peer_key)
    }
}
