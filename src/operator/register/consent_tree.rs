//! The consent trees of an epoch: written at seal from the register, found again when a person looks, checked by `verify`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::consent_tree::{Leaves, Path, TreeFile, TreePlace};
use crate::audit::{Commitment, Hash};
use crate::consent::{Demand, Fold};
use crate::operator::register::person::PersonEpoch;
use crate::operator::sandbox::EpochFile;
use crate::operator::seal::epoch::CubeEntry;
use crate::operator::seal::permitted::Flows;
use crate::operator::{Adopted, OperatorError, SandboxState};
use crate::register::{Group, RegisterError, Snapshot, Tombstones, Visitor};
use crate::storage::StorageError;
use crate::types::json::JsonError;
use crate::types::{Secret, StudyId, Timestamp};

/// The leaf of one person, as an epoch was sealed with it.
pub(in crate::operator) struct Found {
    pub(in crate::operator) inside: bool,
    pub(in crate::operator) salt: Secret,
    pub(in crate::operator) path: Path,
}

/// The consent trees of an epoch, while the register is walked for its cubes: nothing is read for them alone.
pub(in crate::operator) struct Trees {
    all: Vec<Growing>,
    sandbox: String,
    epoch: String,
    key: Secret,
    as_of: Timestamp,
    tombstones: Tombstones,
    ended: AtomicBool,
}

/// The tree of one study and recipient, while it grows.
struct Growing {
    study: StudyId,
    study_hash: String,
    namespaces: BTreeSet<String>,
    recipient: String,
    demand: Demand,
    hashes: Mutex<Vec<Hash>>,
}

impl Trees {
    fn leaves<'a>(&'a self, tree: &'a Growing) -> Result<Leaves<'a>, JsonError> {
        let (study, recipient) = (tree.study_hash.as_str(), tree.recipient.as_str());
        Leaves::new(TreePlace { sandbox: &self.sandbox, epoch: &self.epoch, study, recipient }, &self.key)
    }

    /// Adds those of some people whose ids a study reads, as [`judged`](super::person::judged) says of each.
    fn grow(&self, tree: &Growing, group: &Group) -> Result<(), JsonError> {
        let mut fold = Fold::new(tree.demand.clone(), self.as_of);
        let readings: Vec<_> =
            group.statements().iter().map(|statement| fold.read(&statement.row())).collect();
        let mut people = Vec::new();
        for (who, events) in group.people().filter(|((ids, _), _)| tree.namespaces.contains(*ids)) {
            let number = u32::try_from(people.len()).unwrap_or(u32::MAX);
            for (statement, times) in events {
                let reading = readings.get(statement).into_iter();
                reading.for_each(|reading| fold.observe_reading(number, reading, &times));
            }
            self.tombstones.of(who.0, who.1).iter().for_each(|left| fold.apply(number, left));
            people.push(who);
        }
        let (leaves, inside) = (self.leaves(tree)?, fold.inside_whatever_age(people.len()));
        let hashes = people.into_iter().zip(inside).map(|(who, inside)| leaves.leaf(who, inside));
        let hashes = hashes.collect::<Result<Vec<_>, _>>()?;
        tree.hashes.lock().unwrap_or_else(PoisonError::into_inner).extend(hashes);
        Ok(())
    }
}

impl Visitor for Trees {
    fn visit(&self, people: &Group) -> Result<(), RegisterError> {
        // No text can cause it.
        let grown = self.all.iter().try_for_each(|tree| self.grow(tree, people));
        grown.map_err(|_| RegisterError::TooLarge)
    }

    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

impl SandboxState {
    /// A tree for every study and recipient over the people of the register, which grow while it is walked.
    pub(in crate::operator) fn consent_trees(
        &self,
        register: &Snapshot,
        flows: &[(&Arc<Adopted>, Flows)],
        (file, key): (&EpochFile, &Secret),
    ) -> Result<Arc<Trees>, OperatorError> {
        let growing = flows.iter().flat_map(|(adopted, flows)| {
            let study = &adopted.study;
            flows.iter().map(|(recipient, demand)| Growing {
                study: study.id.clone(),
                study_hash: study.hash.clone(),
                namespaces: study.namespaces().into_iter().map(str::to_owned).collect(),
                recipient: recipient.to_string(),
                demand: demand.clone(),
                hashes: Mutex::default(),
            })
        });
        Ok(Arc::new(Trees {
            all: growing.collect(),
            sandbox: self.id.clone(),
            epoch: file.epoch.to_string(),
            key: Secret::new(*key.expose()),
            as_of: file.as_of(),
            tombstones: self.tombstones(register)?,
            ended: AtomicBool::new(false),
        }))
    }

    /// Writes the trees, and puts the root of each beside the hash of its cube. 32 bytes a person and tree were held.
    pub(in crate::operator) fn write_consent_trees(
        &self,
        trees: &Trees,
        folder: &str,
        cubes: &mut [CubeEntry],
    ) -> Result<(), OperatorError> {
        if !trees.ended.load(Ordering::SeqCst) {
            return Err(OperatorError::Bug("a seal reads its register to the end"));
        }
        for tree in &trees.all {
            let hashes = std::mem::take(&mut *tree.hashes.lock().unwrap_or_else(PoisonError::into_inner));
            let (content, root) = trees.leaves(tree).map_err(no_text)?.file(hashes);
            self.storage.write(&tree_path(folder, tree.study.as_str(), &tree.recipient), &content)?;
            let own = cubes
                .iter_mut()
                .filter(|cube| cube.study == tree.study && cube.recipient.as_str() == tree.recipient);
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
