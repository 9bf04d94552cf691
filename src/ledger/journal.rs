//! The journal of the ledger: the rows of every group of steps, durable before the store has them.
//!
//! The store is a tree of pages, and making it durable takes several waits for the disk. So a group of steps is one frame
//! of `ledger.journal`, written behind the one before it and synced: its commit point. The store takes the same rows in
//! memory, and makes them durable once for many groups; the next frame is then written from the beginning of the file again.
//!
//! A frame is `magic || length || HMAC(key, "journal" || body) || body`. The body holds the rows, the MACs of the totals
//! before and after them, and how many steps the ledger has then taken, which only ever grows: by it, frames that the
//! store has, and what is left of older ones behind the newest, are distinguished from those that it lacks.
//!
//! If we stop while a frame is written, it does not verify, none of its steps was acknowledged, and the next one takes its place.
//! A frame is written only after the one before it is durable: behind a frame that does not verify a newer one means damage.

use super::LedgerError;
use super::rows::{Macs, Tag, fault};
use crate::storage::Blocks;
use bincode::{Decode, Encode};
use std::io;
use std::time::SystemTime;

/// The file of the journal in the folder of a sandbox: of no length, or with frames that the store has, while no process has
/// the ledger open.
pub const JOURNAL: &str = "ledger.journal";
/// How a frame begins.
const MAGIC: &[u8; 8] = b"htjrnl\x00\x01";
/// From this length on the store is made durable and the journal begins again.
const LONG: u64 = 1 << 20;
/// Up to this length that waits for readers, which need the pages of the store as they are.
const LONGEST: u64 = 64 << 20;

/// A row of the store that a step wrote, or an entry of an index that it removed.
#[derive(Encode, Decode)]
pub(super) enum Change {
    Record(u64, Vec<u8>),
    State(u64, Vec<u8>),
    Answer(u64, Vec<u8>),
    Renewal(u64, Vec<u8>),
    Key([u8; 32], u64),
    Open(u64),
    Closed(u64),
    Totals(Vec<u8>),
}

/// The rows of one group of steps.
#[derive(Encode, Decode)]
pub(super) struct Frame {
    /// The MACs of the totals before and after it.
    pub(super) before: Tag,
    pub(super) after: Tag,
    /// How many steps the ledger has taken with it.
    pub(super) steps: u64,
    pub(super) changes: Vec<Change>,
}

/// The journal of the one writer.
pub(super) struct Journal {
    blocks: Box<dyn Blocks>,
    /// Where the next frame goes.
    end: u64,
}

impl Journal {
    /// The journal in `blocks`, and its frames.
    pub(super) fn open(
        blocks: Box<dyn Blocks>,
        macs: &Macs,
        steps: u64,
    ) -> Result<(Self, Vec<Frame>), LedgerError> {
        let (frames, end) = frames(macs, &content(&*blocks)?, steps)?;
        Ok((Self { blocks, end }, frames))
    }

    /// Adds a frame; durable on return.
    pub(super) fn append(&mut self, macs: &Macs, frame: &Frame, at: SystemTime) -> Result<(), LedgerError> {
        let row = macs.write_frame(frame)?;
        let length = u32::try_from(row.len()).map_err(|_| LedgerError::TooLarge)?;
        let bytes = [&MAGIC[..], &length.to_le_bytes(), &row].concat();
        // If we stop before the sync is over, the group of steps is there as a whole or not at all.
        self.blocks.write_at(self.end, &bytes).and_then(|()| self.blocks.sync()).map_err(failed)?;
        self.end = self.end.saturating_add(u64::try_from(bytes.len()).map_err(|_| LedgerError::TooLarge)?);
        self.date(at);
        Ok(())
    }

    /// Whether the store is to be made durable now.
    pub(super) const fn is_long(&self) -> bool {
        self.end >= LONG
    }

    /// Whether the file holds anything.
    pub(super) fn is_there(&self) -> bool {
        self.blocks.len().map_or(true, |length| length > 0)
    }

    /// Keeps new readers from the store, unless one reads it and the journal may still grow.
    pub(super) fn claim(&self) -> bool {
        self.blocks.try_claim().unwrap_or(true) || self.end >= LONGEST
    }

    /// Lets readers go on.
    pub(super) fn unclaim(&self) {
        let _ = self.blocks.unclaim();
    }

    /// Begins again, now that the store has every frame and is durable. Nothing is written: what is left is recognised by its steps.
    pub(super) const fn begin_again(&mut self) {
        self.end = 0;
    }

    /// Leaves no frame behind, after the store has all of them. If we stop before that is durable, or it fails, the next open finds
    /// frames that the store has.
    pub(super) fn clear(&mut self, at: SystemTime) {
        self.end = 0;
        let _ = self.blocks.set_len(0).and_then(|()| self.blocks.sync());
        self.date(at);
    }

    /// The file has the time of the last record, whenever it was written.
    fn date(&self, at: SystemTime) {
        let _ = self.blocks.set_times(at);
    }
}

fn failed(source: io::Error) -> LedgerError {
    fault(redb::Error::Io(source))
}

/// Everything that is in the file.
pub(super) fn content(blocks: &dyn Blocks) -> Result<Vec<u8>, LedgerError> {
    let length = blocks.len().map_err(failed)?;
    let mut content = vec![0; usize::try_from(length).map_err(|_| LedgerError::TooLarge)?];
    blocks.read_at(0, &mut content).map_err(failed)?;
    Ok(content)
}

fn damaged() -> LedgerError {
    LedgerError::damaged("the journal")
}

/// The frame that `bytes` begin with, and what follows it.
fn first<'b>(macs: &Macs, bytes: &'b [u8]) -> Option<(Frame, &'b [u8])> {
    let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let (row, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some((macs.read_frame(row)?, rest))
}

/// The frames from the beginning of a journal, and where they end; `steps` are those that the store has taken.
pub(super) fn frames(macs: &Macs, bytes: &[u8], steps: u64) -> Result<(Vec<Frame>, u64), LedgerError> {
    let (mut frames, mut rest, mut newest) = (Vec::new(), bytes, steps);
    while let Some((frame, after)) = first(macs, rest) {
        // What is left of an older journal behind the newest frame.
        if frames.last().is_some_and(|before: &Frame| frame.steps <= before.steps) {
            break;
        }
        newest = newest.max(frame.steps);
        frames.push(frame);
        rest = after;
    }
    let places = rest.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
    for (place, _) in places {
        let frame = rest.get(place..).and_then(|bytes| first(macs, bytes));
        if frame.is_some_and(|(frame, _)| frame.steps > newest) {
            return Err(damaged());
        }
    }
    let end = u64::try_from(bytes.len().saturating_sub(rest.len())).map_err(|_| LedgerError::TooLarge)?;
    Ok((frames, end))
}

/// Those of the frames that a store lacks whose totals have the MAC `tag` and that has taken so many steps.
pub(super) fn missing(frames: Vec<Frame>, tag: &Tag, steps: u64) -> Result<Vec<Frame>, LedgerError> {
    let missing: Vec<Frame> = frames.into_iter().filter(|frame| frame.steps > steps).collect();
    let mut at = *tag;
    for frame in &missing {
        if frame.before != at {
            return Err(damaged());
        }
        at = frame.after;
    }
    Ok(missing)
}

impl Macs {
    fn write_frame(&self, frame: &Frame) -> Result<Vec<u8>, LedgerError> {
        self.write("journal", &[&self.book], frame).map(|(_, row)| row)
    }

    fn read_frame(&self, row: &[u8]) -> Option<Frame> {
        self.read("journal", &[&self.book], row).map(|(_, frame)| frame)
    }
}
