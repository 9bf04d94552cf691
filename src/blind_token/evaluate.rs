//! The evaluating platform: checks a request as a whole, counts it durably, then multiplies and proves.

use ring::signature::{ED25519, UnparsedPublicKey};

use super::draft::Draft;
use super::header::{Header, LONGEST as LONGEST_HEADER};
use super::in_parts::in_parts;
use super::request::{KIND, MAGIC as REQUEST, SIGNED};
use super::source::Source;
use super::{BATCH, BlindTokenError, FilePlace, Parties, Section, SessionId, Work};
use crate::deidentify::blind_context;
use crate::keys::BlindTokenKey;
use crate::oprf::{ELEMENT_BYTES, Element, Encoded, SecretScalar, blind_evaluate, generate_proof};
use crate::policy::TokenTerms;

/// The first bytes of a reply.
pub(super) const MAGIC: &[u8] = b"hushtag-blind-reply-1\n";
/// What the nonces of proofs are derived under.
const NONCE: &str = "hushtag 2026-12 v1 blind token proof nonce";

/// A request that was read to its end: of this study and direction, signed by the other handler, every point an element other than the
/// identity and none twice. The next step takes it.
#[must_use = "a request is counted, then evaluated"]
pub struct CheckedRequest<'a> {
    pub(super) parties: Parties<'a>,
    place: FilePlace<'a>,
    pub(super) header: Header,
    /// The BLAKE3 hash of all that is signed.
    pub(super) digest: [u8; 32],
}

/// A checked request whose count is durable.
#[must_use = "it was counted to be evaluated"]
pub struct Counted<'a>(pub(super) CheckedRequest<'a>);

/// What was evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// The session.
    pub session: SessionId,
    /// The points of each namespace, as padded.
    pub sections: Vec<Section>,
}

impl<'a> CheckedRequest<'a> {
    /// Reads a request to its end. Points are in memory as 32 bytes each, to find one that is there twice.
    ///
    /// # Errors
    /// [`BlindTokenError`] for a request that is cut off, of another study, direction or signer, or with a point that is none.
    pub fn read(
        parties: Parties<'a>,
        request: FilePlace<'a>,
        work: Work<'_>,
    ) -> Result<Self, BlindTokenError> {
        let mut source = Source::open(request, REQUEST, KIND)?;
        let header = Header::read(&mut source)?;
        header.check(request.name, &parties, false)?;
        source.ends_after(header.total().saturating_mul(ELEMENT_BYTES as u64).saturating_add(SIGNATURE))?;
        let mut points: Vec<Encoded> = Vec::new();
        let mut read = 0_u64;
        for section in &header.sections {
            let mut left = section.count;
            while left > 0 {
                let batch = take_points(&mut source, &mut left)?;
                decode(work, request.name, read, &batch)?;
                read = read.saturating_add(batch.len() as u64);
                points.reserve_exact(batch.len());
                points.extend(batch);
            }
        }
        let digest = source.digest();
        let signature: [u8; 64] = source.array()?;
        let signer = UnparsedPublicKey::new(&ED25519, parties.peer_key.signs);
        let file = || request.name.to_owned();
        if signer.verify(&[SIGNED, &digest].concat(), &signature).is_err() {
            return Err(BlindTokenError::Signature { file: file(), from: parties.peer.id.to_string() });
        }
        points.sort_unstable();
        if points.array_windows().any(|[one, next]| one == next) {
            return Err(BlindTokenError::Repeated { file: file() });
        }
        Ok(Self { parties, place: request, header, digest })
    }

    /// The name of its file.
    pub(super) const fn name(&self) -> &str {
        self.place.name
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.header.session
    }

    /// The most bytes that a request within `max_ids` of a study has.
    #[must_use]
    pub fn longest(terms: TokenTerms) -> u64 {
        let around = (REQUEST.len() as u64).saturating_add(LONGEST_HEADER).saturating_add(SIGNATURE);
        terms.max_ids.saturating_mul(ELEMENT_BYTES as u64).saturating_add(around)
    }

    /// All points, padding included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.header.total()
    }
}

/// Bytes of a signature.
const SIGNATURE: u64 = 64;

impl Counted<'_> {
    /// Multiplies all points by the key and proves it, 65,536 a proof. The same request gives the same reply, byte for byte.
    ///
    /// If we stop before the reply has its name, the request stays counted; evaluating it again does not count it again.
    ///
    /// # Errors
    /// [`BlindTokenError::Changed`] for a request that is not the one that was checked; [`BlindTokenError::Exists`],
    /// [`BlindTokenError::Unfinished`] or [`BlindTokenError::Storage`], with nothing left under the name of the reply.
    ///
    /// # Privacy
    /// Who asked learns the token of every id that it asked for, and nothing of ids that it did not.
    pub fn evaluate(
        self,
        key: &BlindTokenKey,
        reply: FilePlace<'_>,
        work: Work<'_>,
    ) -> Result<Evaluated, BlindTokenError> {
        let CheckedRequest { place, header, digest, .. } = self.0;
        let mut source = Source::open(place, REQUEST, KIND)?;
        let changed = || BlindTokenError::Changed { file: place.name.to_owned() };
        if Header::read(&mut source)? != header {
            return Err(changed());
        }
        let mut draft = Draft::create(reply)?;
        draft.write(MAGIC)?;
        draft.write(&header.encode())?;
        draft.write(&digest)?;
        let mut read = 0;
        for section in &header.sections {
            let mut left = section.count;
            while left > 0 {
                let blinded = take_points(&mut source, &mut left)?;
                let elements = decode(work, place.name, read, &blinded)?;
                read = read.saturating_add(blinded.len() as u64);
                answer(key, (&elements, &blinded), &mut draft, work)?;
                (work.progress)(blinded.len() as u64);
            }
        }
        if source.digest() != digest {
            return Err(changed());
        }
        draft.finish()?;
        Ok(Evaluated { session: header.session, sections: header.sections })
    }
}

/// Multiplies and proves one batch.
fn answer(
    key: &BlindTokenKey,
    (elements, blinded): (&[Element], &[Encoded]),
    draft: &mut Draft<'_>,
    work: Work<'_>,
) -> Result<(), BlindTokenError> {
    let context = blind_context();
    let evaluated = in_parts(work, elements, |_, part| Ok(blind_evaluate(key.scalar(), part)))?;
    // The nonce is a function of the key and of what is proven, as in RFC 8032: the same composites get the same proof, and others
    // another nonce, without any randomness that could repeat.
    let nonces = key.derive(NONCE);
    let nonce = |m: &Encoded, z: &Encoded| {
        let mut bytes = zeroize::Zeroizing::new([0; 64]);
        blake3::Hasher::new_keyed(nonces.expose()).update(m).update(z).finalize_xof().fill(&mut *bytes);
        SecretScalar::from_uniform(&bytes)
    };
    let proof = generate_proof(&context, key.scalar(), (elements, blinded), &evaluated, nonce);
    evaluated.iter().try_for_each(|one| draft.write(one))?;
    draft.write(&proof.ok_or(BlindTokenError::Stopped)?)
}

/// The next points of a namespace of which `left` are left, at most a batch of them.
pub(super) fn take_points(source: &mut Source, left: &mut u64) -> Result<Vec<Encoded>, BlindTokenError> {
    let count = usize::try_from(*left).unwrap_or(BATCH).min(BATCH);
    let bytes = source.take(count.saturating_mul(ELEMENT_BYTES))?;
    *left = left.saturating_sub(count as u64);
    let (points, _) = bytes.as_chunks::<ELEMENT_BYTES>();
    Ok(points.to_vec())
}

/// The elements of encoded points, of which `before` come before them in the file.
pub(super) fn decode(
    work: Work<'_>,
    file: &str,
    before: u64,
    points: &[Encoded],
) -> Result<Vec<Element>, BlindTokenError> {
    in_parts(work, points, |offset, part| {
        let elements = part.iter().zip(1_u64..).map(|(point, number)| {
            let number = before.saturating_add(offset as u64).saturating_add(number);
            Element::decode(point).map_err(|_| BlindTokenError::Element { file: file.to_owned(), number })
        });
        elements.collect()
    })
}
