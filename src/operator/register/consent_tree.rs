//! The consent trees of an epoch: written at seal from the register, found again when a person looks, checked by `verify`.

use std::sync::Arc;

use crate::audit::consent_tree::{Leaves, Path, TreeFile, TreePlace};
use crate::audit::{Commitment, Hash};
use crate::consent::Demand;
use crate::operator::register::person::{PersonEpoch, judged};
use crate::operator::sandbox::EpochFile;
use crate::operator::seal::epoch::CubeEntry;
use crate::operator::seal::permitted::Flows;
use crate::operator::{Adopted, OperatorError, SandboxState};
use crate::policy::Study;
use crate::register::{Event, Snapshot, Tombstones};
use crate::storage::StorageError;
use crate::types::json::JsonError;
use crate::types::{Secret, Timestamp};

/// The leaf of one person, as an epoch was sealed with it.
pub(in crate::operator) struct Found {
    pub(in crate::operator) inside: bool,
    pub(in crate::operator) salt: Secret,
    pub(in crate::operator) path: Path,
}

/// The tree of one study and recipient, while the register is walked.
struct Growing<'a> {
    study: &'a Study,
    recipient: &'a str,
    demand: &'a Demand,
    leaves: Leaves<'a>,
    hashes: Vec<Hash>,
}

impl Growing<'_> {
    /// Adds the person whose events these are, if the study reads ids of her namespace.
    fn add(
        &mut self,
        events: &[Event],
        tombstones: &Tombstones,
        as_of: Timestamp,
    ) -> Result<(), OperatorError> {
        let Some(who) = events.first().map(Event::person) else { return Ok(()) };
        if self.study.namespaces().contains(who.0) {
            let tombstone = tombstones.of(who.0, who.1);
            let (_, inside) = judged(self.demand, (events, tombstone.as_ref()), as_of);
            self.hashes.push(self.leaves.leaf(who, inside).map_err(no_text)?);
        }
        Ok(())
    }
}

impl SandboxState {
    /// Writes a tree for every study and recipient over the people of the register, and puts its root beside the hash of the
    /// cube. One walk for all; 32 bytes a person and tree are held.
    pub(in crate::operator) fn write_consent_trees(
        &self,
        register: &Snapshot,
        flows: &[(&Arc<Adopted>, Flows)],
        (file, key): (&EpochFile, &Secret),
        folder: &str,
        cubes: &mut [CubeEntry],
    ) -> Result<(), OperatorError> {
        let mut trees = Vec::new();
        for (adopted, flows) in flows {
            let study = &adopted.study;
            for (recipient, demand) in flows {
                let recipient = recipient.as_str();
                let leaves = Leaves::new(self.tree_place(file.epoch.as_str(), &study.hash, recipient), key);
                let leaves = leaves.map_err(no_text)?;
                trees.push(Growing { study, recipient, demand, leaves, hashes: Vec::new() });
            }
        }
        let tombstones = self.tombstones(register)?;
        register.each_person(|events| {
            trees.iter_mut().try_for_each(|tree| tree.add(events, &tombstones, file.as_of()))
        })?;
        for Growing { study, recipient, leaves, hashes, .. } in trees {
            let (content, root) = leaves.file(hashes);
            self.storage.write(&tree_path(folder, study.id.as_str(), recipient), &content)?;
            let own = cubes
                .iter_mut()
                .filter(|cube| cube.study == study.id && cube.recipient.as_str() == recipient);
            own.for_each(|cube| cube.consents = Some(Commitment::from(root).to_string()));
        }
        Ok(())
    }

    /// The leaf of a person in the tree of an epoch, if there is one.
    pub(in crate::operator) fn sealed_leaf(
        &self,
        epoch: &PersonEpoch,
        who: (&str, &str),
    ) -> Result<Option<Found>, OperatorError> {
        let Some((study, root)) = epoch.tree() else { return Ok(None) };
        // Retired since the person looked: nothing of it opens.
        if self.shelf.epochs()?.iter().any(|known| known.epoch == epoch.epoch && known.retired.is_some()) {
            return Ok(None);
        }
        let folder = format!("epochs/{}", epoch.epoch);
        let place = tree_path(&folder, epoch.study.as_str(), epoch.recipient.as_str());
        let read = |source| OperatorError::from(StorageError::new("read", &place, source));
        let blocks = self.storage.read_blocks(&place)?;
        let blocks = blocks.ok_or_else(|| OperatorError::damaged(place.clone(), "is missing"))?;
        let file = TreeFile::open(&*blocks).map_err(read)?;
        let file = file.ok_or_else(|| OperatorError::damaged(place.clone(), "is cut off"))?;
        let key = self.shelf.keyring.epoch(&*self.storage, &epoch.epoch)?;
        let tree = self.tree_place(epoch.epoch.as_str(), study, epoch.recipient.as_str());
        let leaves = Leaves::new(tree, &key).map_err(no_text)?;
        let mut found = Vec::new();
        for inside in [true, false] {
            let leaf = leaves.leaf(who, inside).map_err(no_text)?;
            let other = || OperatorError::damaged(place.clone(), "is not the tree whose root the log names");
            match file.find(&leaf).map_err(read)? {
                Ok(index) => {
                    let path = file.path(index, &root).map_err(read)?.ok_or_else(other)?;
                    found.push(Found { inside, salt: leaves.salt(who).map_err(no_text)?, path });
                }
                Err(at) if file.lacks(at, &root).map_err(read)? => {}
                Err(_) => return Err(other()),
            }
        }
        match found.len() {
            2 => Err(OperatorError::damaged(place, "says two things of one person")),
            _ => Ok(found.pop()),
        }
    }

    fn tree_place<'a>(&'a self, epoch: &'a str, study: &'a str, recipient: &'a str) -> TreePlace<'a> {
        TreePlace { sandbox: &self.id, epoch, study, recipient }
    }
}

fn no_text(_: JsonError) -> OperatorError {
    OperatorError::Bug("a list of texts has a canonical form")
}

/// Where the consent tree of one study and recipient lies.
pub(in crate::operator) fn tree_path(folder: &str, study: &str, recipient: &str) -> String {
    format!("{folder}/{study}.{recipient}.consents")
}
