//! The one place that encodes and decodes binary records.
//!
//! `bincode` 2.0.1 is finished and unmaintained (RUSTSEC-2025-0141), so it only ever decodes bytes whose MAC or AEAD
//! tag was verified first, with a limit, the whole input, and a re-encoding that must equal it.

use bincode::config::{Config, Configuration, Fixint, Limit, LittleEndian, Varint, standard};
use bincode::{Decode, Encode};

/// The largest record, in bytes: a cube of 65,536 cells with some sums fits well inside.
const LIMIT: usize = 64 << 20;

const fn configuration() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    standard().with_limit::<LIMIT>()
}

/// The largest record of numbers of fixed width, in bytes: the cubes of all recipients of a study together.
const FIXED_LIMIT: usize = 192 << 20;

const fn fixed() -> Configuration<LittleEndian, Fixint, Limit<FIXED_LIMIT>> {
    standard().with_fixed_int_encoding().with_limit::<FIXED_LIMIT>()
}

/// Bytes that are not the one encoding of a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The record cannot be written.
    #[error("the record does not fit its encoding")]
    Encode(#[source] bincode::error::EncodeError),
    /// The bytes do not decode.
    #[error("the bytes are not a record")]
    Decode(#[source] bincode::error::DecodeError),
    /// Bytes follow the record, or another spelling of the same record was used.
    #[error("the bytes are not the canonical form of a record")]
    NotCanonical,
}

/// The canonical bytes of `record`.
///
/// # Errors
/// [`CodecError::Encode`] above 64 MiB.
pub fn encode<T: Encode>(record: &T) -> Result<Vec<u8>, CodecError> {
    bincode::encode_to_vec(record, configuration()).map_err(CodecError::Encode)
}

/// Puts the canonical bytes of `record` behind those that `to` has.
///
/// # Errors
/// As [`encode`]; `to` may hold a part of the record then.
pub fn append<T: Encode>(record: &T, to: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::encode_into_std_write(record, to, configuration()).map(drop).map_err(CodecError::Encode)
}

/// As [`encode`], in memory of `size` bytes, however short the record is.
///
/// # Errors
/// [`CodecError::Encode`] above `size` bytes.
pub fn encode_within<T: Encode>(record: &T, size: usize) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![0; size];
    let length =
        bincode::encode_into_slice(record, &mut bytes, configuration()).map_err(CodecError::Encode)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// The record that `verified` spells; the caller has checked a MAC or an AEAD tag over these bytes.
///
/// # Errors
/// [`CodecError`] when the bytes are not exactly one record in its canonical form.
pub fn decode<T: Encode + Decode<()>>(verified: &[u8]) -> Result<T, CodecError> {
    decode_as(verified, configuration())
}

/// As [`encode`], with numbers of a fixed width, so that the length shows how many items a record has and nothing of their values: for
/// ciphertexts whose size others see.
///
/// # Errors
/// [`CodecError::Encode`] above 192 MiB.
pub fn encode_fixed<T: Encode>(record: &T) -> Result<Vec<u8>, CodecError> {
    bincode::encode_to_vec(record, fixed()).map_err(CodecError::Encode)
}

/// As [`decode`], of what [`encode_fixed`] wrote.
///
/// # Errors
/// As [`decode`].
pub fn decode_fixed<T: Encode + Decode<()>>(verified: &[u8]) -> Result<T, CodecError> {
    decode_as(verified, fixed())
}

fn decode_as<T: Encode + Decode<()>>(verified: &[u8], form: impl Config) -> Result<T, CodecError> {
    let (record, consumed) =
        bincode::decode_from_slice::<T, _>(verified, form).map_err(CodecError::Decode)?;
    let again = bincode::encode_to_vec(&record, form).map_err(CodecError::Encode)?;
    if consumed != verified.len() || again != verified { Err(CodecError::NotCanonical) } else { Ok(record) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Encode, Decode, wincode::SchemaRead, wincode::SchemaWrite, Debug, PartialEq)]
    struct Sample {
        small: u64,
        wide: i128,
        text: String,
        list: Vec<u32>,
    }

    fn sample() -> Sample {
        Sample {
            small: 70_000,
            wide: -5_000_000_000_000,
            text: "tag".into(),
            list: vec![0, 250, 251, 1 << 20],
        }
    }

    #[test]
    fn a_fixed_width_shows_nothing_of_values() {
        let zero = Sample { small: 0, wide: 0, text: "tag".into(), list: vec![0; 4] };
        let (bytes, zero) = (encode_fixed(&sample()).unwrap(), encode_fixed(&zero).unwrap());
        assert_eq!(decode_fixed::<Sample>(&bytes).unwrap(), sample());
        assert_eq!(bytes.len(), zero.len());
        assert!(decode_fixed::<Sample>(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!((0..bytes.len()).all(|length| decode_fixed::<Sample>(&bytes[..length]).is_err()));
    }

    #[test]
    fn one_spelling_only() {
        let bytes = encode(&sample()).unwrap();
        assert_eq!(decode::<Sample>(&bytes).unwrap(), sample());
        assert!((bytes.len()..bytes.len() + 9).all(|size| encode_within(&sample(), size).unwrap() == bytes));
        assert!(encode_within(&sample(), bytes.len() - 1).is_err());
        let mut behind = vec![7];
        append(&sample(), &mut behind).unwrap();
        assert_eq!(behind, [&[7], bytes.as_slice()].concat());
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(decode::<Sample>(&longer), Err(CodecError::NotCanonical)));
        assert!(decode::<Sample>(&bytes[..bytes.len() - 1]).is_err());
        // 251 announces two bytes; a small number written long is another spelling of the same record.
        assert!(decode::<u64>(&[251, 3, 0]).is_err());
    }

    #[test]
    fn the_successor_crate_reads_the_same_bytes() {
        let bytes = encode(&sample()).unwrap();
        let configuration = wincode::config::Configuration::default().with_varint_encoding();
        let read: Sample = wincode::config::deserialize(&bytes, configuration).unwrap();
        assert_eq!(read, sample());
    }
}
