//! What a request says of itself, and its reply and state after it. All of it is public.

use super::source::Source;
use super::{BlindTokenError, FormatFault, Parties, SessionId};

/// The points of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The namespace.
    pub namespace: String,
    /// How many points there are, random ones included.
    pub count: u64,
}

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The hash of the study, as the study says it.
    pub(super) study: String,
    /// The handler that requests.
    pub(super) from: String,
    /// The handler that evaluates.
    pub(super) to: String,
    pub(super) session: SessionId,
    /// In the order of their names.
    pub(super) sections: Vec<Section>,
}

impl Header {
    /// Its one encoding: length in four bytes, every text with its length in one byte before it, the session, the number of namespaces,
    /// and each with its count in eight bytes, greatest bytes first.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [&self.study, &self.from, &self.to] {
            push_text(&mut bytes, part);
        }
        bytes.extend_from_slice(&self.session.0);
        bytes.push(u8::try_from(self.sections.len()).unwrap_or(u8::MAX));
        for section in &self.sections {
            push_text(&mut bytes, &section.namespace);
            bytes.extend_from_slice(&section.count.to_be_bytes());
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&length[..], &bytes].concat()
    }

    /// Reads the header of a file.
    ///
    /// # Errors
    /// [`BlindTokenError::Format`] for one that is cut off, without namespaces, or with namespaces out of order or without points.
    pub(super) fn read(source: &mut Source) -> Result<Self, BlindTokenError> {
        let length = u32::from_be_bytes(source.array()?);
        if u64::from(length) > LONGEST {
            return Err(source.fault(FormatFault::Header));
        }
        let bytes = source.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        Self::decode(&bytes).ok_or_else(|| source.fault(FormatFault::Header))
    }

    /// The header of these bytes, without the length before them.
    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        let (study, by, to) = (take_text(from)?, take_text(from)?, take_text(from)?);
        let session = SessionId(take(from)?);
        let [count] = take(from)?;
        let mut sections: Vec<Section> = Vec::new();
        for _ in 0..count {
            let namespace = take_text(from)?;
            let count = u64::from_be_bytes(take(from)?);
            let follows = sections.last().is_none_or(|last| last.namespace < namespace);
            sections.push(
                Some(Section { namespace, count })
                    .filter(|_| follows && (1..=MOST_POINTS).contains(&count))?,
            );
        }
        let is_whole = bytes.is_empty() && !sections.is_empty();
        is_whole.then_some(Self { study, from: by, to, session, sections })
    }

    /// The header of encoded bytes.
    pub(super) fn of(encoded: &[u8]) -> Option<Self> {
        let (length, bytes) = encoded.split_first_chunk::<4>()?;
        (u32::from_be_bytes(*length) as usize == bytes.len()).then(|| Self::decode(bytes))?
    }

    /// All points.
    pub(super) fn total(&self) -> u64 {
        self.sections.iter().fold(0, |sum, section| sum.saturating_add(section.count))
    }

    /// Refuses a header of another study, between other handlers, of namespaces that the study does not have, or of counts that were not
    /// padded.
    pub(super) fn check(
        &self,
        file: &str,
        parties: &Parties<'_>,
        from_own: bool,
    ) -> Result<(), BlindTokenError> {
        let file = || file.to_owned();
        if self.study != parties.study.hash {
            return Err(BlindTokenError::OtherStudy { file: file() });
        }
        let (own, peer) = (parties.own.id.to_string(), parties.peer.id.to_string());
        let (from, to) = if from_own { (own, peer) } else { (peer, own) };
        if self.from != from || self.to != to {
            return Err(BlindTokenError::Parties { file: file(), from, to });
        }
        let known = parties.study.namespaces();
        for Section { namespace, count } in &self.sections {
            if !known.contains(namespace.as_str()) {
                return Err(BlindTokenError::Namespace(namespace.clone()));
            }
            let padding = parties.terms.padding;
            if !count.is_multiple_of(u64::from(padding)) {
                let namespace = namespace.clone();
                return Err(BlindTokenError::Count { file: file(), namespace, count: *count, padding });
            }
        }
        Ok(())
    }
}

/// The most bytes of a header: its length, three texts, the session, and 255 namespaces of one byte for their number.
pub(super) const LONGEST: u64 = 4 + 3 * 256 + 16 + 1 + 255 * (256 + 8);

/// More points than any study allows; their lengths in bytes cannot overflow.
const MOST_POINTS: u64 = 1 << 33;

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    // Ids and hashes are shorter; a name of a namespace that is not is refused before.
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    bytes.push(length);
    bytes.extend(text.bytes().take(usize::from(length)));
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*first)
}

fn take_text(from: &mut &[u8]) -> Option<String> {
    let [length] = take(from)?;
    let (first, rest) = from.split_at_checked(usize::from(length))?;
    *from = rest;
    String::from_utf8(first.to_vec()).ok()
}
