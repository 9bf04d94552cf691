//! The state file: what the requesting platform keeps to take the blinds off. Encrypted under its own key, and never handed over.
//!
//! Magic, length of the encrypted header (four bytes), encrypted header (session secret, header of the request), then for every namespace
//! encrypted chunks of 4,096 records: number of the id, its name, blinded point.

use zeroize::Zeroizing;

use super::draft::Draft;
use super::header::Header;
use super::session::{IdName, SessionSecret};
use super::source::Source;
use super::{BlindTokenError, FilePlace, FormatFault};
use crate::keys::{BlindTokenKey, KeyError, SealError, open, seal};
use crate::oprf::Encoded;
use crate::types::Secret;

const MAGIC: &[u8] = b"hushtag-blind-state-1\n";
const KEY: &str = "hushtag 2026-12 v1 blind token state";
/// Records that are encrypted together.
const CHUNK: usize = 1 << 12;
const RECORD: usize = 8 + 16 + 32;
/// What encryption adds: magic, salt, length and tag.
const OVERHEAD: u64 = 9 + 32 + 8 + 16;
/// The number of a point that is of no id.
const PADDING: u64 = u64::MAX;

/// One point of a request.
pub(super) struct Record {
    /// Whose id it is, in the order in which ids came, and its name; `None` for a random point.
    pub(super) id: Option<(u64, IdName)>,
    pub(super) point: Encoded,
}

/// A state file under way.
pub(super) struct StateDraft<'a> {
    draft: Draft<'a>,
    key: Secret,
    session: [u8; 16],
    chunk: Zeroizing<Vec<u8>>,
    chunks: u64,
}

/// A state file being read.
pub(super) struct State {
    pub(super) header: Header,
    pub(super) secret: SessionSecret,
    source: Source,
    key: Secret,
    chunks: u64,
    /// Records of the last chunk that were not taken yet.
    left: Vec<Record>,
}

impl<'a> StateDraft<'a> {
    pub(super) fn create(
        place: FilePlace<'a>,
        key: &BlindTokenKey,
        secret: &SessionSecret,
        header: &Header,
    ) -> Result<Self, BlindTokenError> {
        let mut draft = Draft::create(place)?;
        let key = key.derive(KEY);
        let plain = Zeroizing::new([secret.expose().as_slice(), &header.encode()].concat());
        let sealed = seal(&key, &[MAGIC, b"header"], &plain).map_err(unsealed)?;
        draft.write(MAGIC)?;
        draft.write(&u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_be_bytes())?;
        draft.write(&sealed)?;
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK * RECORD));
        Ok(Self { draft, key, session: header.session.0, chunk, chunks: 0 })
    }

    /// Appends the record of a point.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), BlindTokenError> {
        let (number, name) = record.id.unwrap_or((PADDING, IdName::default()));
        self.chunk.extend_from_slice(&number.to_be_bytes());
        self.chunk.extend_from_slice(&name);
        self.chunk.extend_from_slice(&record.point);
        if self.chunk.len() == CHUNK * RECORD { self.end_chunk() } else { Ok(()) }
    }

    /// Ends a chunk: at the end of a namespace, however full it is.
    pub(super) fn end_chunk(&mut self) -> Result<(), BlindTokenError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let sealed = seal(&self.key, &chunk(&self.session, &self.chunks.to_be_bytes()), &self.chunk)
            .map_err(unsealed)?;
        self.draft.write(&sealed)?;
        self.chunks = self.chunks.saturating_add(1);
        self.chunk.clear();
        Ok(())
    }

    /// Makes the file durable and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), BlindTokenError> {
        self.end_chunk()?;
        self.draft.finish()
    }
}

impl State {
    /// Opens a state file.
    ///
    /// # Errors
    /// [`BlindTokenError::State`] under another key; [`BlindTokenError::Format`] for one that is cut off.
    pub(super) fn open(place: FilePlace<'_>, key: &BlindTokenKey) -> Result<Self, BlindTokenError> {
        let mut source = Source::open(place, MAGIC, "a state of blind tokens")?;
        let key = key.derive(KEY);
        let length = u32::from_be_bytes(source.array()?);
        let sealed = source.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let plain = open(&key, &[MAGIC, b"header"], &sealed);
        let plain = plain.map_err(|fault| BlindTokenError::State { file: source.name(), source: fault })?;
        let Some((secret, rest)) = plain.split_first_chunk::<32>() else {
            return Err(source.fault(FormatFault::Header));
        };
        let header = Header::of(rest).ok_or_else(|| source.fault(FormatFault::Header))?;
        source.ends_after(
            header.sections.iter().fold(0, |sum, section| sum.saturating_add(sealed_size(section.count))),
        )?;
        let secret = SessionSecret::new(Secret::new(*secret));
        Ok(Self { header, secret, source, key, chunks: 0, left: Vec::new() })
    }

    /// The next records of a namespace of which `left` records are not taken yet: `count` of them.
    pub(super) fn take(&mut self, count: usize, mut left: u64) -> Result<Vec<Record>, BlindTokenError> {
        left = left.saturating_sub(self.left.len() as u64);
        while self.left.len() < count {
            let records = left.min(CHUNK as u64);
            let size = records.saturating_mul(RECORD as u64).saturating_add(OVERHEAD);
            let sealed = self.source.take(usize::try_from(size).unwrap_or(usize::MAX))?;
            let plain = open(&self.key, &chunk(&self.header.session.0, &self.chunks.to_be_bytes()), &sealed);
            let plain =
                plain.map_err(|fault| BlindTokenError::State { file: self.source.name(), source: fault })?;
            if records == 0 || plain.len() as u64 != records.saturating_mul(RECORD as u64) {
                return Err(self.source.fault(FormatFault::Header));
            }
            self.chunks = self.chunks.saturating_add(1);
            left = left.saturating_sub(records);
            self.left.extend(plain.chunks_exact(RECORD).map(record));
        }
        let rest = self.left.split_off(count);
        Ok(std::mem::replace(&mut self.left, rest))
    }
}

fn record(bytes: &[u8]) -> Record {
    let (mut number, mut name, mut point) = ([0; 8], IdName::default(), Encoded::default());
    number.iter_mut().chain(&mut name).chain(&mut point).zip(bytes).for_each(|(to, from)| *to = *from);
    let number = u64::from_be_bytes(number);
    Record { id: (number != PADDING).then_some((number, name)), point }
}

/// What binds a chunk to its session and place.
fn chunk<'a>(session: &'a [u8; 16], number: &'a [u8; 8]) -> [&'a [u8]; 3] {
    [MAGIC, session, number]
}

/// The bytes of the encrypted records of a namespace.
fn sealed_size(count: u64) -> u64 {
    let chunks = count.div_ceil(CHUNK as u64);
    count.saturating_mul(RECORD as u64).saturating_add(chunks.saturating_mul(OVERHEAD))
}

fn unsealed(_: SealError) -> BlindTokenError {
    BlindTokenError::Key(KeyError::NoRandomness)
}
