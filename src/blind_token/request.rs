//! The requesting platform: distinct ids of each namespace, blinded and in a random order, padded, signed.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::draft::Draft;
use super::header::{Header, Section};
use super::in_parts::in_parts;
use super::session::{IdName, NamespaceSecrets, SessionSecret};
use super::spool::Spool;
use super::state::{Record, StateDraft};
use super::{BlindTokenError, FilePlace, Parties, SessionId, Work};
use crate::deidentify::{blind_context, hashed_id};
use crate::keys::{BlindTokenKey, KeyError};
use crate::oprf::{Context, Element, Encoded, blind};

/// The first bytes of a request, and what it is called.
pub(super) const MAGIC: &[u8] = b"hushtag-blind-request-1\n";
pub(super) const KIND: &str = "a request for blind tokens";
/// What the signature is over, before the digest of all bytes before it.
pub(super) const SIGNED: &[u8] = b"hushtag 2026-12 v1 blind token request\n";

/// Ids that are blinded together.
const TOGETHER: usize = 1 << 12;

/// A request under way: takes ids one by one.
///
/// # Privacy
/// Holds the ids that came last, and of all others a keyed name of 16 bytes each.
pub struct Request<'a> {
    parties: Parties<'a>,
    key: &'a BlindTokenKey,
    state: FilePlace<'a>,
    work: Work<'a>,
    context: Context,
    secret: SessionSecret,
    namespaces: Vec<Distinct<'a>>,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The session.
    pub session: SessionId,
    /// The points of each namespace, as padded: what the other platform sees.
    pub sections: Vec<Section>,
    /// The distinct ids of each namespace, which it does not see.
    pub ids: Vec<u64>,
}

/// The distinct ids of one namespace.
struct Distinct<'a> {
    namespace: String,
    secrets: NamespaceSecrets,
    seen: BTreeSet<IdName>,
    waiting: Vec<(IdName, Box<[u8]>)>,
    spool: Spool<'a>,
    blinded: u64,
}

impl<'a> Request<'a> {
    /// Starts a request for ids of some namespaces of the study.
    ///
    /// # Errors
    /// [`BlindTokenError::Namespace`]; [`BlindTokenError::Key`] where the system gives no randomness.
    pub fn new(
        parties: Parties<'a>,
        key: &'a BlindTokenKey,
        state: FilePlace<'a>,
        namespaces: BTreeSet<&str>,
        work: Work<'a>,
    ) -> Result<Self, BlindTokenError> {
        let secret = SessionSecret::generate()?;
        let known = parties.study.namespaces();
        let mut all = Vec::new();
        for (number, namespace) in namespaces.into_iter().enumerate() {
            if !known.contains(namespace)
                || namespace.len() > usize::from(u8::MAX)
                || number > usize::from(u8::MAX)
            {
                return Err(BlindTokenError::Namespace(namespace.chars().take(80).collect()));
            }
            all.push(Distinct {
                namespace: namespace.to_owned(),
                secrets: secret.namespace(namespace),
                seen: BTreeSet::new(),
                waiting: Vec::with_capacity(TOGETHER),
                spool: Spool::create(state, number)?,
                blinded: 0,
            });
        }
        Ok(Self { parties, key, state, work, context: blind_context(), secret, namespaces: all })
    }

    /// Takes an id in its canonical form; one that came before in this namespace changes nothing.
    ///
    /// # Errors
    /// [`BlindTokenError::Namespace`] for one that the request was not started with; [`BlindTokenError::Storage`];
    /// [`BlindTokenError::OverLimit`] as soon as there are more ids than the study allows in all.
    pub fn add(&mut self, namespace: &str, id: &[u8]) -> Result<(), BlindTokenError> {
        let found = self.namespaces.iter_mut().find(|known| known.namespace == namespace);
        let found = found.ok_or_else(|| BlindTokenError::Namespace(namespace.to_owned()))?;
        let name = found.secrets.name(id);
        if !found.seen.insert(name) {
            return Ok(());
        }
        found.waiting.push((name, id.into()));
        if found.waiting.len() < TOGETHER {
            return Ok(());
        }
        let limit = self.parties.terms.max_ids;
        if found.seen.len() as u64 > limit {
            return Err(BlindTokenError::OverLimit { counted: 0, asked: found.seen.len() as u64, limit });
        }
        found.blind_waiting(&self.context, self.work)
    }

    /// Writes the state, and then the request.
    ///
    /// If we stop between the two, the state is there and the request is not: remove the state and begin anew. Nothing was counted.
    ///
    /// # Errors
    /// [`BlindTokenError::OverLimit`] for more ids than the study allows in all, padding included; [`BlindTokenError::Exists`],
    /// [`BlindTokenError::Unfinished`] or [`BlindTokenError::Storage`], with nothing left under either name.
    pub fn finish(mut self, request: FilePlace<'a>) -> Result<Requested, BlindTokenError> {
        for namespace in &mut self.namespaces {
            namespace.blind_waiting(&self.context, self.work)?;
            // Each id has a name in the spool from here on.
            namespace.seen = BTreeSet::new();
        }
        let padding = u64::from(self.parties.terms.padding);
        let section = |own: &Distinct<'_>| Section {
            namespace: own.namespace.clone(),
            count: own.blinded.div_ceil(padding).max(1).saturating_mul(padding),
        };
        let sections: Vec<Section> = self.namespaces.iter().map(section).collect();
        let header = Header {
            study: self.parties.study.hash.clone(),
            from: self.parties.own.id.to_string(),
            to: self.parties.peer.id.to_string(),
            session: self.secret.id(),
            sections: sections.clone(),
        };
        let (asked, limit) = (header.total(), self.parties.terms.max_ids);
        if asked > limit {
            return Err(BlindTokenError::OverLimit { counted: 0, asked, limit });
        }
        let mut draft = Draft::create(request)?;
        let mut state = StateDraft::create(self.state, self.key, &self.secret, &header)?;
        draft.write(MAGIC)?;
        draft.write(&header.encode())?;
        for (own, section) in self.namespaces.iter().zip(&sections) {
            own.write_shuffled(section.count, &mut draft, &mut state)?;
            state.end_chunk()?;
        }
        let signature = self.key.sign(&[SIGNED, &draft.digest()].concat());
        draft.write(&signature)?;
        draft.sync()?;
        state.finish()?;
        // If we stop here, the state has its name and the request does not.
        draft.finish()?;
        let ids = self.namespaces.iter().map(|own| own.blinded).collect();
        Ok(Requested { session: header.session, sections, ids })
    }
}

impl Distinct<'_> {
    /// Blinds the ids that wait, and forgets them.
    fn blind_waiting(&mut self, context: &Context, work: Work<'_>) -> Result<(), BlindTokenError> {
        let (first, namespace, secrets) = (self.blinded, &self.namespace, &self.secrets);
        let points: Vec<Encoded> = in_parts(work, &self.waiting, |offset, part| {
            let none = || BlindTokenError::Key(KeyError::NoRandomness);
            let hashed = part.iter().map(|(_, id)| hashed_id(context, namespace, id).ok_or_else(none));
            let hashed: Vec<Element> = hashed.collect::<Result<_, _>>()?;
            let numbers =
                (0..part.len() as u64).map(|at| first.saturating_add(offset as u64).saturating_add(at));
            let blinds = numbers.map(|number| secrets.blind(number)).collect::<Result<Vec<_>, _>>()?;
            Ok(blind(blinds.iter().zip(&hashed)))
        })?;
        let names: Vec<IdName> = self.waiting.iter().map(|(name, _)| *name).collect();
        self.spool.append(&names, &points)?;
        self.blinded = self.blinded.saturating_add(points.len() as u64);
        self.waiting.clear();
        (work.progress)(points.len() as u64);
        Ok(())
    }

    /// Writes `count` points in a random order: those of the ids, and random ones.
    fn write_shuffled(
        &self,
        count: u64,
        request: &mut Draft<'_>,
        state: &mut StateDraft<'_>,
    ) -> Result<(), BlindTokenError> {
        // More than four thousand million points are over every limit.
        let last = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..=last).collect();
        order.shuffle(&mut StdRng::from_seed(self.secrets.order()));
        for number in order.into_iter().map(u64::from) {
            let record = if number < self.blinded {
                let (name, point) = self.spool.read(number)?;
                Record { id: Some((number, name)), point }
            } else {
                Record { id: None, point: self.secrets.random_point(number)?.encode() }
            };
            request.write(&record.point)?;
            state.write(&record)?;
        }
        Ok(())
    }
}
