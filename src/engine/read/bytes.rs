//! From the bytes of a file or a pipe to those of a text: what the first bytes say about the format, decompression, decoding.

use std::fs::File;
use std::io::{BufReader, Cursor, Error, ErrorKind, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use flate2::read::MultiGzDecoder;

use super::{CsvFault, ReadError};

/// Bytes of one input, wherever they come from.
pub(super) type Bytes = Box<dyn Read + Send>;

/// How many first bytes say what a format is.
const MAGIC: usize = 8;
const BUFFER: usize = 1 << 17;

/// What the first bytes of a file say that it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Magic {
    Parquet,
    IpcFile,
    IpcStream,
    Gzip,
    Zstd,
    /// A compression or a container that is not read, by its name.
    Unsupported(&'static str),
    /// Anything else, such as text.
    Other,
}

impl Magic {
    pub(super) fn of(head: &[u8]) -> Self {
        const UNSUPPORTED: [(&[u8], &str); 7] = [
            (b"BZh", "bzip2"),
            (b"\xfd7zXZ", "xz"),
            (b"PK\x03\x04", "ZIP"),
            (b"\x04\x22\x4d\x18", "an LZ4 frame"),
            (b"FEA1", "Feather version 1"),
            (b"ORC", "ORC"),
            (b"PARE", "encrypted Parquet"),
        ];
        match head {
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Self::IpcFile,
            [0xff, 0xff, 0xff, 0xff, ..] => Self::IpcStream,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => {
                let known = UNSUPPORTED.iter().find(|(magic, _)| head.starts_with(magic));
                known.map_or(Self::Other, |(_, name)| Self::Unsupported(name))
            }
        }
    }
}

/// A file that is open, and what its first bytes say.
pub(super) fn open_file(path: &Path, name: &str) -> Result<(File, Magic), ReadError> {
    use std::io::Seek as _;
    let mut file = file(path, name)?;
    let head = head(&mut file).and_then(|head| file.rewind().map(|()| head));
    let head = head.map_err(|source| ReadError::Read { file: name.to_owned(), source })?;
    Ok((file, Magic::of(&head)))
}

/// What an open file is by its first bytes, if they can be read.
pub(super) fn magic(mut file: &File) -> Magic {
    use std::io::Seek as _;
    let head = file.rewind().and_then(|()| head(&mut file));
    head.map_or(Magic::Other, |head| Magic::of(&head))
}

/// Opens what is no folder, and no file without a byte.
pub(super) fn file(path: &Path, name: &str) -> Result<File, ReadError> {
    let open = || {
        let file = File::open(path)?;
        let data = file.metadata()?;
        if data.is_dir() { Err(Error::from(ErrorKind::IsADirectory)) } else { Ok((file, data)) }
    };
    let (file, data) = open().map_err(|source| ReadError::Open { file: name.to_owned(), source })?;
    if data.is_file() && data.len() == 0 {
        return Err(ReadError::Empty { file: name.to_owned() });
    }
    Ok(file)
}

/// The first bytes, or all of a shorter input.
fn head(reader: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(MAGIC);
    reader.by_ref().take(MAGIC as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Bytes that are no longer compressed.
pub(super) struct Plain {
    pub(super) bytes: Bytes,
    pub(super) magic: Magic,
}

/// Decompresses bytes that are compressed. Nothing is lost: the bytes that were looked at come first.
///
/// # Errors
/// [`ReadError`] for bytes that cannot be read, or are compressed in another way, and [`ReadError::Empty`] for none.
pub(super) fn plain(name: &str, bytes: impl Read + Send + 'static) -> Result<Plain, ReadError> {
    let (magic, bytes) = peeked(name, bytes)?;
    let bytes = BufReader::with_capacity(BUFFER, bytes);
    let (bytes, compression): (Bytes, _) = match magic {
        Magic::Gzip => (Box::new(MultiGzDecoder::new(bytes)), "gzip"),
        Magic::Zstd => {
            let decoder = zstd::Decoder::with_buffer(bytes);
            let decoder = decoder.map_err(|source| ReadError::Read { file: name.to_owned(), source })?;
            (Box::new(decoder), "Zstandard")
        }
        Magic::Unsupported(found) => return Err(ReadError::Unsupported { file: name.to_owned(), found }),
        magic => return Ok(Plain { bytes: Box::new(bytes), magic }),
    };
    let (magic, bytes) = peeked(name, Decompressed { bytes, compression })?;
    match magic {
        Magic::Unsupported(found) => Err(ReadError::Unsupported { file: name.to_owned(), found }),
        Magic::Gzip | Magic::Zstd => {
            Err(ReadError::Unsupported { file: name.to_owned(), found: "compressed twice" })
        }
        magic => Ok(Plain { bytes, magic }),
    }
}

fn peeked(name: &str, mut bytes: impl Read + Send + 'static) -> Result<(Magic, Bytes), ReadError> {
    let head = head(&mut bytes).map_err(|error| broken(name, error))?;
    if head.is_empty() {
        return Err(ReadError::Empty { file: name.to_owned() });
    }
    Ok((Magic::of(&head), Box::new(Cursor::new(head).chain(bytes))))
}

/// Bytes out of a decompressor, whose errors say so to [`broken`] however many readers are between.
struct Decompressed {
    bytes: Bytes,
    compression: &'static str,
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let marked = |source: Error| Error::new(source.kind(), OfCompressed(self.compression, source));
        self.bytes.read(buffer).map_err(marked)
    }
}

/// The mark of an error of a decompressor, with its format.
#[derive(Debug, thiserror::Error)]
#[error("{1}")]
struct OfCompressed(&'static str, Error);

/// Why bytes cannot be read on: damage of what is compressed, else what the system says.
pub(in crate::engine) fn broken(name: &str, error: Error) -> ReadError {
    let file = name.to_owned();
    let (compression, source) = match error.downcast::<OfCompressed>() {
        Ok(OfCompressed(compression, source)) => (Some(compression), source),
        Err(error) => (None, error),
    };
    let by_format = matches!(
        source.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other
    );
    match compression {
        // Only the decoder's message distinguishes a large window, which `zstd --long=31` writes, from damage.
        Some(_) if source.to_string().contains("too much memory") => {
            ReadError::Unsupported { file, found: "Zstandard with a window of more than 128 MiB" }
        }
        Some(format) if by_format => ReadError::Damaged { file, format, row: None },
        _ => ReadError::Read { file, source },
    }
}

/// Bytes of another encoding, as UTF-8.
pub(super) struct Decoded {
    bytes: Bytes,
    decoder: Decoder,
    encoding: &'static Encoding,
    /// Bytes that were read and not yet decoded.
    read: Vec<u8>,
    at: usize,
    ended: bool,
    /// Whether the bytes that come next are not of the encoding.
    malformed: bool,
}

/// The mark of an error that says: not of the declared encoding.
#[derive(Debug, thiserror::Error)]
#[error("not {}", .0)]
struct Malformed(&'static str);

impl Decoded {
    pub(super) fn new(bytes: Bytes, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder();
        Self { bytes, decoder, encoding, read: Vec::new(), at: 0, ended: false, malformed: false }
    }
}

impl Read for Decoded {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        // The decoder needs room for one character at least.
        if out.len() < 16 {
            return Err(ErrorKind::InvalidInput.into());
        }
        loop {
            if self.malformed {
                return Err(Error::other(Malformed(self.encoding.name())));
            }
            if self.at == self.read.len() && !self.ended {
                self.read.resize(BUFFER, 0);
                let length = self.bytes.read(&mut self.read)?;
                self.read.truncate(length);
                (self.at, self.ended) = (0, length == 0);
            }
            let rest = self.read.get(self.at..).unwrap_or_default();
            let (result, taken, written) =
                self.decoder.decode_to_utf8_without_replacement(rest, out, self.ended);
            self.at += taken;
            self.malformed = matches!(result, DecoderResult::Malformed(..));
            if written > 0 || self.ended && result == DecoderResult::InputEmpty {
                return Ok(written);
            }
        }
    }
}

/// What a failure to read says, if it is that the bytes are not of their encoding.
pub(super) fn not_of_encoding(error: &Error, line: u64) -> Option<CsvFault> {
    let malformed = error.get_ref()?.downcast_ref::<Malformed>()?;
    Some(CsvFault::Encoding { line, encoding: malformed.0 })
}

/// An encoding by which bytes that are no UTF-8 can be read: the one of China's law, if it can, else the one of the web.
pub(super) fn guess(bytes: &[u8]) -> &'static str {
    let mut decoder = encoding_rs::GB18030.new_decoder_without_bom_handling();
    let first = bytes.get(..1 << 14).unwrap_or(bytes);
    let mut out = vec![0; 1 << 16];
    // The bytes may end inside a character.
    let (result, ..) = decoder.decode_to_utf8_without_replacement(first, &mut out, false);
    if matches!(result, DecoderResult::Malformed(..)) { "windows-1252" } else { "gb18030" }
}

/// The encoding that a byte order mark names, other than UTF-8, and the length of UTF-8's own mark.
pub(super) fn by_mark(head: &[u8]) -> (Option<&'static Encoding>, usize) {
    match Encoding::for_bom(head) {
        Some((encoding, length)) if encoding == UTF_8 => (None, length),
        Some((encoding, _)) => (Some(encoding), 0),
        None => (None, 0),
    }
}
