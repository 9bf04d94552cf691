//! The evaluation book: what a platform evaluated for the other one under a key, and the limit over all of it.
//!
//! Magic, the key's public element and its MAC, then one record a session of 136 bytes: number and instant (seconds of Unix time) and points in eight
//! bytes each, session, digest of the request, hash of the study, MAC. Every MAC is BLAKE3 keyed with a secret of the platform's key over the MAC
//! before it and the record, so that a record that was changed, moved or taken out is found, with its place. Records that were cut off at the
//! end are found by a copy alone.

use super::evaluate::{CheckedRequest, Counted};
use super::{BlindTokenError, FilePlace, SessionId};
use crate::keys::BlindTokenKey;
use crate::oprf::Encoded;
use crate::storage::AnchorFile;
use crate::types::{Secret, Timestamp};

const MAGIC: &[u8] = b"hushtag-evaluations-1\n";
const KEY: &str = "hushtag 2026-12 v1 evaluation book";
const HEAD: usize = MAGIC.len() + 32 + MAC;
const MAC: usize = 32;
const BODY: usize = 8 + 8 + 8 + 16 + 32 + 32;
const RECORD: usize = BODY + MAC;

/// The book of a key.
pub struct EvaluationBook<'a> {
    place: FilePlace<'a>,
    key: Secret,
    element: Encoded,
}

/// One evaluated session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number, from 0.
    pub number: u64,
    /// When it was counted.
    pub at: Timestamp,
    /// Its points, padding included.
    pub ids: u64,
    /// The session.
    pub session: SessionId,
    /// The BLAKE3 hash of the signed part of the request.
    pub request: [u8; 32],
    /// BLAKE3 of the study's hash as the study says it.
    pub study: [u8; 32],
}

/// All that a book holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvaluationTotals {
    /// Every session, in order.
    pub sessions: Vec<Session>,
    /// Their points together.
    pub ids: u64,
}

/// How a request was counted.
pub struct Counting<'a> {
    /// The request, to be evaluated.
    pub counted: Counted<'a>,
    /// Whether it was in the book already.
    pub again: bool,
    /// The points of all sessions, this one included.
    pub ids: u64,
}

impl<'a> EvaluationBook<'a> {
    /// The book of a key at a place, there or not. One process at a time may use it: the caller holds a lock.
    #[must_use]
    pub fn new(place: FilePlace<'a>, key: &BlindTokenKey) -> Self {
        Self { place, key: key.derive(KEY), element: key.public().element }
    }

    /// Verifies every record.
    ///
    /// # Errors
    /// [`BlindTokenError::Book`] for a book that was changed or is another key's.
    pub fn read(&self) -> Result<EvaluationTotals, BlindTokenError> {
        match self.place.storage.read(self.place.name)? {
            None => Ok(EvaluationTotals::default()),
            Some(content) => self.verify(&content).map_err(|why| self.damaged(why)),
        }
    }

    /// Counts a request durably against `max_ids` of its study, over all sessions of the key, whatever their study. A request that is in
    /// the book already is counted once.
    ///
    /// The book is replaced as a whole, with one record more. If we stop before, nothing was counted and nothing evaluated; after, the
    /// request is counted and may be evaluated again.
    ///
    /// # Errors
    /// [`BlindTokenError::OverLimit`], with nothing counted; [`BlindTokenError::SessionUsed`] for another request under a session that was
    /// evaluated; [`BlindTokenError::Book`] or [`BlindTokenError::Storage`].
    pub fn count<'r>(
        &self,
        request: CheckedRequest<'r>,
        at: Timestamp,
    ) -> Result<Counting<'r>, BlindTokenError> {
        let content = self.place.storage.read(self.place.name)?;
        let totals = content.as_deref().map(|content| self.verify(content)).transpose();
        let totals = totals.map_err(|why| self.damaged(why))?.unwrap_or_default();
        let (session, asked) = (request.header.session, request.total());
        if let Some(known) = totals.sessions.iter().find(|known| known.session == session) {
            if known.request != request.digest {
                return Err(BlindTokenError::SessionUsed { file: request.name().to_owned() });
            }
            return Ok(Counting { counted: Counted(request), again: true, ids: totals.ids });
        }
        let (limit, counted) = (request.parties.terms.max_ids, totals.ids);
        let ids = counted.saturating_add(asked);
        if ids > limit {
            return Err(BlindTokenError::OverLimit { counted, asked, limit });
        }
        let next = Session {
            number: totals.sessions.len() as u64,
            at,
            ids: asked,
            session,
            request: request.digest,
            study: *blake3::hash(request.parties.study.hash.as_bytes()).as_bytes(),
        };
        let mut content = content.unwrap_or_else(|| self.head());
        let before = content.last_chunk::<MAC>().copied().unwrap_or_default();
        let body = next.encode();
        content.extend_from_slice(&body);
        content.extend_from_slice(&self.mac(&before, &body));
        self.place.storage.write(self.place.name, &content)?;
        Ok(Counting { counted: Counted(request), again: false, ids })
    }

    /// As [`EvaluationBook::count`], in the book that a file is, while no other process counts in it: two requests at a time could both be
    /// within the limit, and over it together.
    ///
    /// # Errors
    /// As [`EvaluationBook::count`]; [`BlindTokenError::Storage`] when another process holds the book for long.
    pub fn count_alone<'r>(
        file: &AnchorFile,
        key: &BlindTokenKey,
        request: CheckedRequest<'r>,
        at: Timestamp,
    ) -> Result<Counting<'r>, BlindTokenError> {
        let _held = file.lock()?;
        let (folder, name) = file.place();
        EvaluationBook::new(FilePlace { storage: folder, name }, key).count(request, at)
    }

    fn head(&self) -> Vec<u8> {
        let head = [MAGIC, &self.element].concat();
        let mac = self.mac(&[0; MAC], &head);
        [&head[..], &mac].concat()
    }

    fn mac(&self, before: &[u8; MAC], body: &[u8]) -> [u8; MAC] {
        *blake3::Hasher::new_keyed(self.key.expose()).update(before).update(body).finalize().as_bytes()
    }

    fn verify(&self, content: &[u8]) -> Result<EvaluationTotals, &'static str> {
        let (head, records) = content.split_at_checked(HEAD).ok_or("is no evaluation book, or cut off")?;
        let body = head.strip_prefix(MAGIC).ok_or("is no evaluation book")?;
        if !body.starts_with(&self.element) {
            return Err("is the evaluation book of another key");
        }
        if head != self.head() {
            return Err("has a changed head");
        }
        let mut before = head.last_chunk::<MAC>().copied().unwrap_or_default();
        let (records, rest) = records.as_chunks::<RECORD>();
        if !rest.is_empty() {
            return Err("is cut off inside a record");
        }
        let mut totals = EvaluationTotals::default();
        for record in records {
            let (body, mac) = record.split_at(BODY);
            // Equal to what only this platform can compute; who compares has the key, so time reveals nothing.
            if mac != self.mac(&before, body) {
                return Err("holds a record that was changed, moved or taken out");
            }
            before = record.last_chunk::<MAC>().copied().unwrap_or_default();
            let session = Session::decode(body).ok_or("holds a record that is none")?;
            if session.number != totals.sessions.len() as u64 {
                return Err("holds a record out of its order");
            }
            totals.ids = totals.ids.checked_add(session.ids).ok_or("counts more ids than there can be")?;
            totals.sessions.push(session);
        }
        Ok(totals)
    }

    fn damaged(&self, why: &'static str) -> BlindTokenError {
        BlindTokenError::Book { file: self.place.name.to_owned(), why }
    }
}

impl Session {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BODY);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.at.seconds().to_be_bytes());
        bytes.extend_from_slice(&self.ids.to_be_bytes());
        bytes.extend_from_slice(&self.session.0);
        bytes.extend_from_slice(&self.request);
        bytes.extend_from_slice(&self.study);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (ids, rest) = rest.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (request, study) = rest.split_first_chunk()?;
        Some(Self {
            number: u64::from_be_bytes(*number),
            at: Timestamp::from_seconds(i64::from_be_bytes(*at)),
            ids: u64::from_be_bytes(*ids),
            session: SessionId(*session),
            request: *request,
            study: study.try_into().ok()?,
        })
    }
}
