//! Elements of the group, and their one encoding of 32 bytes.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::traits::IsIdentity;

/// How many bytes an encoded element has (`Ne`, RFC 9497, section 4.1).
pub const ELEMENT_BYTES: usize = 32;

/// An encoded element.
pub type Encoded = [u8; ELEMENT_BYTES];

/// An element other than the identity.
///
/// # Privacy
/// May be the image of an id, so it has no Debug, Serialize or Clone.
pub struct Element(pub(super) RistrettoPoint);

/// Bytes that encode no element, or the identity, or not in its one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not the encoding of a group element other than the identity")]
pub struct NotAnElement;

impl Element {
    /// Reads an encoded element (`DeserializeElement`, RFC 9497, section 2.1 and 4.1; decoding of RFC 9496, section 4.3.1).
    ///
    /// # Errors
    /// [`NotAnElement`]
    pub fn decode(bytes: &Encoded) -> Result<Self, NotAnElement> {
        let point = CompressedRistretto(*bytes).decompress().filter(|point| !point.is_identity());
        point.map(Self).ok_or(NotAnElement)
    }

    /// Its encoding (`SerializeElement`).
    #[must_use]
    pub fn encode(&self) -> Encoded {
        self.0.compress().to_bytes()
    }

    /// The element that 64 uniform bytes stand for (RFC 9496, section 4.3.4); uniform itself. `None` for the identity, which one in
    /// 2^252 is.
    #[must_use]
    pub fn from_uniform(bytes: &[u8; 64]) -> Option<Self> {
        Some(RistrettoPoint::from_uniform_bytes(bytes)).filter(|point| !point.is_identity()).map(Self)
    }
}
