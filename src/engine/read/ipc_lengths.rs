//! Lengths that compressed Arrow IPC declares, checked before memory is asked for them.
//!
//! A compressed buffer begins with its decompressed length in 8 bytes, for which the decoder of `arrow-ipc` reserves memory at once:
//! a forged length would end the process. Nothing else of a message is decoded here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::read_footer_length;
use arrow_ipc::{Message, RecordBatch, root_as_footer, root_as_message};
use arrow_schema::Schema;

/// The longest decompressed buffer: what 32-bit offsets of texts can address.
const LONGEST: i64 = i32::MAX as i64;
/// Bytes of a declared length, and of the two numbers before a message.
const LENGTH: usize = 8;
/// Bytes at the end of a file: the length of the footer and the magic.
const TRAILER: usize = 10;
/// What precedes the length of a message; very old writers leave it out.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// A declared length that no buffer has.
fn forged() -> Error {
    Error::new(ErrorKind::InvalidData, "a compressed buffer declares an impossible length")
}

/// Checks the length that begins a compressed buffer; -1 says that this one is not compressed.
fn check(length: [u8; LENGTH]) -> Result<()> {
    if (-1..=LONGEST).contains(&i64::from_le_bytes(length)) { Ok(()) } else { Err(forged()) }
}

/// Where in the body of a message the buffers begin that have a length to check, in ascending order.
fn compressed_buffers(message: &Message<'_>) -> Result<VecDeque<u64>> {
    let batch: Option<RecordBatch<'_>> = message
        .header_as_record_batch()
        .or_else(|| message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data()));
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else { return Ok(VecDeque::new()) };
    let buffers = batch.buffers().into_iter().flatten();
    let buffers =
        buffers.filter(|buffer| usize::try_from(buffer.length()).is_ok_and(|length| length >= LENGTH));
    let begins: std::result::Result<Vec<u64>, _> =
        buffers.map(|buffer| u64::try_from(buffer.offset())).collect();
    let mut begins = begins.map_err(|_| forged())?;
    begins.sort_unstable();
    begins.dedup();
    Ok(begins.into())
}

fn parsed(metadata: &[u8]) -> Result<Message<'_>> {
    root_as_message(metadata).map_err(|_| Error::new(ErrorKind::InvalidData, "not a message of Arrow IPC"))
}

fn broken() -> Error {
    Error::new(ErrorKind::InvalidData, "broken footer")
}

/// The bytes of the footer of a file, and how long the file is.
fn read_footer(mut file: &File) -> Result<(Vec<u8>, u64)> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut trailer = [0; TRAILER];
    file.seek(SeekFrom::Start(size.checked_sub(TRAILER as u64).ok_or_else(broken)?))?;
    file.read_exact(&mut trailer)?;
    let length = read_footer_length(trailer).map_err(|_| broken())?;
    let begin = size.checked_sub((length + TRAILER) as u64).ok_or_else(broken)?;
    let mut footer = vec![0; length];
    file.seek(SeekFrom::Start(begin))?;
    file.read_exact(&mut footer)?;
    Ok((footer, size))
}

/// The schema that the footer of a file holds; of its batches nothing is read.
///
/// # Errors
/// What the system says, and [`ErrorKind::InvalidData`] for a broken footer.
pub(super) fn schema_of_file(file: &File) -> Result<Schema> {
    let (footer, _) = read_footer(file)?;
    let schema = root_as_footer(&footer).map_err(|_| broken())?.schema().ok_or_else(broken)?;
    try_fb_to_schema(schema).map_err(|_| broken())
}

/// Checks every message that the footer of a file names.
///
/// # Errors
/// What the system says, and [`ErrorKind::InvalidData`] for a forged length or a broken footer.
pub(super) fn check_file(mut file: &File) -> Result<()> {
    let (footer, size) = read_footer(file)?;
    let footer = root_as_footer(&footer).map_err(|_| broken())?;
    for block in
        footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten())
    {
        let offset = u64::try_from(block.offset()).map_err(|_| broken())?;
        let length = u64::try_from(block.metaDataLength()).map_err(|_| broken())?;
        let body = offset.checked_add(length).filter(|end| *end <= size).ok_or_else(broken)?;
        let mut metadata = Vec::new();
        file.seek(SeekFrom::Start(offset))?;
        (&mut file).take(length).read_to_end(&mut metadata)?;
        let before = if metadata.starts_with(&CONTINUATION) { LENGTH } else { LENGTH / 2 };
        let message = parsed(metadata.get(before..).ok_or_else(broken)?)?;
        for begin in compressed_buffers(&message)? {
            let mut length = [0; LENGTH];
            file.seek(SeekFrom::Start(body.checked_add(begin).ok_or_else(broken)?))?;
            file.read_exact(&mut length)?;
            check(length)?;
        }
    }
    file.rewind()
}

/// The bytes of a stream, of which every declared length is checked before the bytes behind it are handed on.
pub(super) struct CheckedLengths<R> {
    bytes: R,
    at: At,
}

/// What the next bytes of a stream are.
enum At {
    /// The numbers before a message.
    Prefix(Vec<u8>),
    /// So many bytes of the metadata of a message.
    Metadata(usize, Vec<u8>),
    /// The body of a message: its length, how much of it has passed, the buffers to come, and the first bytes of the next one.
    Body { length: u64, passed: u64, begins: VecDeque<u64>, head: Vec<u8> },
    /// Behind the end mark.
    End,
}

impl<R> CheckedLengths<R> {
    pub(super) fn new(bytes: R) -> Self {
        Self { bytes, at: At::Prefix(Vec::new()) }
    }
}

impl At {
    /// Takes the first of these bytes; says how many.
    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Prefix(known) => {
                let wanted = if known.starts_with(&CONTINUATION) { LENGTH } else { LENGTH / 2 };
                let taken = fill(known, wanted, bytes);
                let whole = known.len() == wanted && (wanted == LENGTH || *known != CONTINUATION);
                if whole {
                    let length = known.last_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
                    let length = usize::try_from(length).map_err(|_| forged())?;
                    *self = if length == 0 { Self::End } else { Self::Metadata(length, Vec::new()) };
                }
                Ok(taken)
            }
            Self::Metadata(length, known) => {
                let taken = fill(known, *length, bytes);
                if known.len() == *length {
                    let message = parsed(known)?;
                    let length = u64::try_from(message.bodyLength()).map_err(|_| forged())?;
                    let begins = compressed_buffers(&message)?;
                    *self = Self::Body { length, passed: 0, begins, head: Vec::new() }.or_prefix();
                }
                Ok(taken)
            }
            Self::Body { length, passed, begins, head } => {
                let until = match begins.front() {
                    Some(begin) if *passed < *begin => *begin,
                    Some(begin) => begin.saturating_add(LENGTH as u64),
                    None => *length,
                };
                let taken =
                    usize::try_from(until.min(*length) - *passed).unwrap_or(usize::MAX).min(bytes.len());
                if begins.front().is_some_and(|begin| *passed >= *begin) {
                    head.extend(bytes.iter().take(taken));
                }
                *passed += taken as u64;
                if let Some(whole) = head.first_chunk::<LENGTH>() {
                    check(*whole)?;
                    head.clear();
                    begins.pop_front();
                    // Buffers that overlap are none; what lies behind one that was passed over is not checked any more.
                    if begins.front().is_some_and(|next| *next < *passed) {
                        return Err(forged());
                    }
                }
                let at = std::mem::replace(self, Self::End);
                *self = at.or_prefix();
                Ok(taken)
            }
            Self::End => Ok(bytes.len()),
        }
    }

    /// The prefix of the next message, once a body has passed.
    fn or_prefix(self) -> Self {
        match self {
            Self::Body { length, passed, .. } if passed >= length => Self::Prefix(Vec::new()),
            other => other,
        }
    }
}

/// Adds bytes up to a length; says how many were taken.
fn fill(known: &mut Vec<u8>, length: usize, bytes: &[u8]) -> usize {
    let taken = length.saturating_sub(known.len()).min(bytes.len());
    known.extend(bytes.iter().take(taken));
    taken
}

impl<R: Read> Read for CheckedLengths<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = self.bytes.read(buffer)?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            let taken = self.at.take(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch as Batch, StringArray};
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

    use super::*;

    /// A file and a stream of two batches, compressed so.
    fn written(compression: Option<CompressionType>) -> [Vec<u8>; 2] {
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values((0..500).map(|n| format!("user {n}"))));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..500));
        let batch = Batch::try_from_iter([("user", ids), ("n", numbers)]).unwrap();
        let options = || IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options()).unwrap();
        let mut stream = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options()).unwrap();
        for _ in 0..2 {
            file.write(&batch).unwrap();
            stream.write(&batch).unwrap();
        }
        [file.into_inner().unwrap(), stream.into_inner().unwrap()]
    }

    fn of_file(bytes: &[u8]) -> Result<()> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        check_file(&file)
    }

    /// The stream, read in pieces of this size.
    fn of_stream(bytes: &[u8], piece: usize) -> Result<Vec<u8>> {
        let mut checked = CheckedLengths::new(Cursor::new(bytes));
        let (mut all, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match checked.read(&mut buffer)? {
                0 => return Ok(all),
                length => all.extend(&buffer[..length]),
            }
        }
    }

    #[test]
    fn what_a_writer_wrote_passes() {
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let [file, stream] = written(compression);
            of_file(&file).unwrap();
            for piece in [1, 7, 64, 1 << 20] {
                assert!(of_stream(&stream, piece).unwrap() == stream, "{compression:?} {piece}");
            }
        }
    }

    /// Promise: no length that a compressed buffer declares makes the process ask for more memory than a buffer can have.
    #[test]
    fn a_forged_length_is_refused_before_it_is_believed() {
        let length = 500_i64 * 8;
        for compression in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
            for (kind, whole) in written(Some(compression)).into_iter().enumerate() {
                let places: Vec<usize> =
                    (0..whole.len() - 8).filter(|at| whole[*at..*at + 8] == length.to_le_bytes()).collect();
                assert!(places.len() >= 2, "the numbers of both batches");
                let mut refused = 0;
                for place in places {
                    for forged in [1 << 45, i64::MAX, LONGEST + 1, -2] {
                        let mut bytes = whole.clone();
                        bytes[place..place + 8].copy_from_slice(&forged.to_le_bytes());
                        let [file, stream] = [kind == 0, kind == 1];
                        let is_refused = file && of_file(&bytes).is_err()
                            || stream
                                && [1, 64, 1 << 20].iter().all(|piece| of_stream(&bytes, *piece).is_err());
                        refused += usize::from(is_refused);
                    }
                }
                assert!(refused >= 8, "{compression:?} {kind}: {refused}");
            }
        }
    }

    proptest::proptest! {
        /// Whatever bytes come, they pass as they are or are refused, in any pieces.
        #[test]
        fn any_bytes_pass_or_are_refused(at in 0usize..1_200, byte: u8, piece in 1usize..300) {
            let [file, mut stream] = written(Some(CompressionType::LZ4_FRAME));
            let place = at % stream.len();
            stream[place] = byte;
            let whole = of_stream(&stream, 1 << 20);
            let pieces = of_stream(&stream, piece);
            proptest::prop_assert_eq!(whole.is_ok(), pieces.is_ok());
            if let Ok(passed) = pieces {
                proptest::prop_assert!(passed == stream);
            }
            let mut file = file;
            let place = at % file.len();
            file[place] = byte;
            drop(of_file(&file));
        }
    }
}
