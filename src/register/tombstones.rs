//! What is left of all removed events, found by id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use redb::ReadOnlyTable;

use super::RegisterError;
use super::error::fault;
use super::rows::{Keys, Mark};
use crate::consent::Tombstone;

/// The tombstones of a register at one moment, held in memory.
///
/// # Privacy
/// It belongs to people: no `Debug`. It holds no id: one is found by an id alone.
#[derive(Clone)]
pub struct Tombstones {
    keys: Arc<Keys>,
    all: Arc<BTreeMap<Mark, Tombstone>>,
    former: Arc<BTreeSet<String>>,
}

impl Tombstones {
    pub(super) fn read(
        table: Option<&ReadOnlyTable<&'static Mark, &'static [u8]>>,
        keys: &Arc<Keys>,
    ) -> Result<Self, RegisterError> {
        let mut all = BTreeMap::new();
        if let Some(table) = table {
            for row in table.range::<&Mark>(..).map_err(fault)? {
                let (mark, sealed) = row.map_err(fault)?;
                all.insert(*mark.value(), keys.open_tombstone(mark.value(), sealed.value())?);
            }
        }
        Ok(Self { keys: Arc::clone(keys), all: Arc::new(all), former: Arc::default() })
    }

    /// The same tombstones, of which those in these namespaces count in every namespace: no study gives ids in them any more, so
    /// a study may have given the namespace another name, and an erased person stays erased.
    #[must_use]
    pub fn with_former(self, former: Arc<BTreeSet<String>>) -> Self {
        Self { former, ..self }
    }

    /// Whether nothing was ever removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is left of the removed events of this id.
    #[must_use]
    pub fn of(&self, ids: &str, person: &str) -> Option<Tombstone> {
        let names = std::iter::once(ids).chain(self.former.iter().map(String::as_str));
        let found = names.filter_map(|ids| self.all.get(&self.keys.tombstone_mark(ids, person)));
        found.cloned().reduce(Tombstone::and)
    }
}
