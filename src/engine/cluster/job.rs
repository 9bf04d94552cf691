//! What every executor of a cluster knows of a seal: study, demands, instants, files, and the keys of pseudonyms and truncation.

use std::path::{Path, PathBuf};

use bincode::{Decode, Encode};
use zeroize::Zeroizing;

use super::error::ClusterError;
use super::tag::{Id, TagKey};
use crate::consent::{Ages, Demand};
use crate::deidentify::{CutKey, PseudonymKey};
use crate::engine::read::Input;
use crate::engine::read::reading::{Elsewhere, Reading};
use crate::policy::{Dataset, Decision, Regime, Shape, Study, decide};
use crate::types::{RecipientId, Secret, Timestamp, codec};

/// A seal as its executors know it. No `Debug`: it holds keys of the epoch, which make pseudonyms and truncate lists and open no cube.
pub struct Job {
    pub(super) study: Study,
    pub(super) flows: Vec<(RecipientId, Demand)>,
    pub(super) as_of: Timestamp,
    pub(super) reading: Reading,
    pub(super) units: Vec<Unit>,
    pub(super) tags: TagKey,
    namespaces: Vec<(String, PseudonymKey)>,
    /// By relation.
    cuts: Vec<(usize, CutKey)>,
    written: Written,
    /// What executors show to have the same description.
    pub(super) commitment: Id,
}

/// A file that is read as a whole, by one task.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Unit {
    /// The position of the dataset in the study; `None` for consents.
    pub(super) dataset: Option<u16>,
    /// Of consents: the file or folder that was handed in.
    pub(super) position: u32,
    /// How reports call it.
    pub(super) name: String,
    pub(super) path: String,
}

/// What decides on the flows of a seal.
pub struct JobTerms {
    /// The text of the study.
    pub study: String,
    /// The text of its regime.
    pub regime: String,
    /// The instant at which the regime permitted the flows.
    pub now: Timestamp,
}

/// A job as it is sent. The keys in it are overwritten when it is dropped.
#[derive(Encode, Decode)]
struct Written {
    version: u32,
    study: String,
    regime: String,
    now: i64,
    as_of: i64,
    /// Each with the hash of what it demands.
    recipients: Vec<(String, String)>,
    other_namespaces: Vec<String>,
    other_recipients: Vec<String>,
    max_bad_rows: String,
    units: Vec<Unit>,
    namespaces: Vec<(String, [u8; 32])>,
    cuts: Vec<(u16, [u8; 32])>,
    tags: [u8; 32],
}

impl Drop for Written {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.namespaces.iter_mut().for_each(|(_, key)| key.zeroize());
        self.cuts.iter_mut().for_each(|(_, key)| key.zeroize());
        self.tags.zeroize();
    }
}

/// The version of what is sent between operator and executors, states included.
const VERSION: u32 = 1;

impl Job {
    /// Describes a seal of these files, with the keys that the epoch's key gives for it.
    pub(super) fn describe(
        terms: &JobTerms,
        flows: &[(RecipientId, Demand)],
        as_of: Timestamp,
        (epoch_key, tags): (&Secret, &Secret),
        (reading, units): (&Reading, Vec<Unit>),
    ) -> Result<Self, ClusterError> {
        let JobTerms { study: text, regime, now } = terms;
        let study = Study::parse("study", text).map_err(job)?;
        let namespaces = study.namespaces().into_iter();
        let namespaces = namespaces
            .map(|name| (name.to_owned(), *PseudonymKey::derive(epoch_key, name).secret().expose()));
        let relations = study.catalogue.relations().iter().enumerate();
        let cuts = relations.map(|(at, relation)| {
            Ok((number(at)?, *CutKey::derive(epoch_key, &relation.name()).secret().expose()))
        });
        let written = Written {
            version: VERSION,
            namespaces: namespaces.collect(),
            cuts: cuts.collect::<Result<_, ClusterError>>()?,
            study: text.clone(),
            regime: regime.clone(),
            now: now.seconds(),
            as_of: as_of.seconds(),
            recipients: flows.iter().map(|(id, demand)| (id.to_string(), demand.hash())).collect(),
            other_namespaces: reading.elsewhere.namespaces.iter().cloned().collect(),
            other_recipients: reading.elsewhere.recipients.iter().cloned().collect(),
            max_bad_rows: reading.max_bad_rows.to_string(),
            units,
            tags: *tags.expose(),
        };
        Self::of(written)
    }

    /// What an executor needs.
    ///
    /// # Errors
    /// [`ClusterError::Codec`] for a description of more than 64 MiB.
    ///
    /// # Privacy
    /// Holds keys of the epoch: for executors alone, over an encrypted and authenticated channel.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, ClusterError> {
        Ok(Zeroizing::new(codec::encode(&self.written)?))
    }

    /// The seal that an operator described.
    ///
    /// # Errors
    /// [`ClusterError::Job`] for a study, a regime or a flow that this build understands otherwise.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ClusterError> {
        Self::of(codec::decode(bytes)?)
    }

    /// The same seal under other keys.
    #[cfg(test)]
    pub(super) fn with_other_keys(&self) -> Result<Self, ClusterError> {
        let mut written: Written = codec::decode(&codec::encode(&self.written)?)?;
        written.namespaces.iter_mut().for_each(|(_, key)| key[0] ^= 1);
        Self::of(written)
    }

    /// How many files there are.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// Where a file was when the seal was described, if there is one of this number.
    #[must_use]
    pub fn path(&self, unit: usize) -> Option<&Path> {
        self.units.get(unit).map(|unit| Path::new(&unit.path))
    }

    fn of(written: Written) -> Result<Self, ClusterError> {
        if written.version != VERSION {
            return Err(ClusterError::Job(format!("version {} instead of {VERSION}", written.version)));
        }
        let study = Study::parse("study", &written.study).map_err(job)?;
        let regime = Regime::parse(&study.regime, &written.regime).map_err(job)?;
        let (now, as_of) = (Timestamp::from_seconds(written.now), Timestamp::from_seconds(written.as_of));
        let flows = written.recipients.iter().map(|(id, hash)| flow(&study, &regime, now, (id, hash)));
        let flows = flows.collect::<Result<Vec<_>, _>>()?;
        let elsewhere = Elsewhere {
            namespaces: written.other_namespaces.iter().cloned().collect(),
            recipients: written.other_recipients.iter().cloned().collect(),
        };
        let max_bad_rows = written.max_bad_rows.parse().map_err(job)?;
        let reading = Reading {
            max_bad_rows,
            elsewhere,
            threads: Some(std::num::NonZeroUsize::MIN),
            ..Reading::default()
        };
        let known = |unit: &Unit| unit.dataset.is_none_or(|at| study.datasets.len() > usize::from(at));
        if !written.units.iter().all(known) {
            return Err(ClusterError::Job("a file of an unknown dataset".to_owned()));
        }
        let tags = TagKey::new(Secret::new(written.tags));
        let described = Zeroizing::new(codec::encode(&written)?);
        let commitment = tags.commitment(&described);
        let namespaces = written.namespaces.iter();
        let cuts = written.cuts.iter();
        Ok(Self {
            namespaces: namespaces
                .map(|(name, key)| (name.clone(), PseudonymKey::from_secret(Secret::new(*key))))
                .collect(),
            cuts: cuts.map(|(at, key)| (usize::from(*at), CutKey::from_secret(Secret::new(*key)))).collect(),
            units: written.units.clone(),
            study,
            flows,
            as_of,
            reading,
            tags,
            written,
            commitment,
        })
    }

    /// The key of the pseudonyms of a namespace.
    pub(super) fn pseudonym_key(&self, namespace: &str) -> Option<&PseudonymKey> {
        self.namespaces.iter().find(|(known, _)| known == namespace).map(|(_, key)| key)
    }

    /// The key by which lists of a relation are truncated.
    pub(super) fn cut_key(&self, relation: usize) -> Option<&CutKey> {
        self.cuts.iter().find(|(known, _)| *known == relation).map(|(_, key)| key)
    }

    /// Whether anyone asks for ages.
    pub(super) fn reads_ages(&self) -> bool {
        self.flows.iter().any(|(_, demand)| demand.ages != Ages::DeclaredAdults)
    }

    /// The dataset at a position that a state names.
    pub(super) fn dataset(&self, at: u16) -> Result<&Dataset, ClusterError> {
        self.study.datasets.get(usize::from(at)).ok_or(ClusterError::Malformed)
    }

    /// The relations that datasets of lists are, each with the position of its dataset.
    pub(super) fn list_relations(&self) -> impl Iterator<Item = (usize, usize)> {
        self.study.datasets.iter().enumerate().filter_map(|(at, dataset)| match dataset.shape {
            Shape::Relation { relation, .. } => Some((at, relation)),
            Shape::People | Shape::Records => None,
        })
    }
}

impl Unit {
    /// Its rows, from its own place or from another one.
    pub(super) fn input(&self, elsewhere: Option<&Path>) -> Input {
        let path = elsewhere.map_or_else(|| PathBuf::from(&self.path), Path::to_owned);
        Input::Named(self.name.clone(), path)
    }
}

/// The demand of one recipient, if study and regime make the one that the operator names.
fn flow(
    study: &Study,
    regime: &Regime,
    now: Timestamp,
    (id, hash): (&str, &str),
) -> Result<(RecipientId, Demand), ClusterError> {
    let id = RecipientId::new(id).map_err(job)?;
    let recipient = study.recipient(&id).ok_or_else(|| job(format!("no recipient `{id}`")))?;
    let Decision::Permit(flow) = decide(study, regime, recipient, now) else {
        return Err(job(format!("recipient `{id}` is refused")));
    };
    let demand = flow.demand().clone();
    if demand.hash() == hash { Ok((id, demand)) } else { Err(job(format!("another demand of `{id}`"))) }
}

fn job(error: impl std::fmt::Display) -> ClusterError {
    ClusterError::Job(error.to_string())
}

/// A position as states hold it.
pub(super) fn number(at: usize) -> Result<u16, ClusterError> {
    u16::try_from(at).map_err(|_| ClusterError::Job("more than 65,535 measures, tags or datasets".to_owned()))
}
