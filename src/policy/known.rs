//! The words of a study and its regime in which consents are written.

use std::collections::{BTreeMap, BTreeSet};

use super::{Regime, Study};
use crate::consent::KnownWords;

impl Study {
    /// The words that consents under this study can name: triggers, purposes and categories of its regime and its own, and the
    /// legal ids of its recipients, of whom they succeed, and of its handlers.
    #[must_use]
    pub fn known_words(&self, regime: &Regime) -> KnownWords {
        let mut recipients: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let own = self.recipients.iter().map(|known| (&known.legal_id, known.id.to_string(), &known.name));
        let handlers = self.handlers.iter().map(|known| (&known.legal_id, known.id.to_string(), &known.name));
        for (legal_id, id, name) in own.chain(handlers) {
            recipients.entry(legal_id.clone()).or_default().extend([id, name.clone()]);
        }
        for succeeded in self.recipients.iter().flat_map(|recipient| &recipient.succeeds) {
            recipients.entry(succeeded.clone()).or_default();
        }
        let categories = regime.file.categories.keys().cloned();
        KnownWords {
            triggers: regime.trigger_words(),
            purposes: regime.purpose_words(self),
            categories: categories.chain(self.categories().map(str::to_owned)).collect(),
            recipients,
        }
    }
}

impl Regime {
    /// All triggers that it knows.
    pub(super) fn trigger_words(&self) -> BTreeSet<String> {
        self.file.triggers.keys().cloned().collect()
    }

    /// All purposes that it or the study knows.
    pub(super) fn purpose_words(&self, study: &Study) -> BTreeSet<String> {
        self.file.purposes.keys().map(ToString::to_string).chain([study.purpose.clone()]).collect()
    }
}
