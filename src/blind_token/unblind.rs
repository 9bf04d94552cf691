//! The requesting platform again: verifies every proof, takes the blinds off, and has the tokens of its ids.

use super::evaluate::{MAGIC, decode, take_points};
use super::header::Header;
use super::in_parts::in_parts;
use super::session::{IdName, NamespaceSecrets};
use super::source::Source;
use super::state::{Record, State};
use super::{BATCH, BlindTokenError, FilePlace, Parties, SessionId, Work};
use crate::deidentify::{Token, TokenKeyId, blind_context, blind_token};
use crate::keys::BlindTokenKey;
use crate::oprf::{ELEMENT_BYTES, Element, Encoded, PROOF_BYTES, SecretScalar, invert, verify_proof};

/// The tokens of all ids of a request: 32 bytes an id.
pub struct BlindTokens {
    key_id: TokenKeyId,
    session: SessionId,
    ids: u64,
    namespaces: Vec<NamespaceTokens>,
}

/// The tokens of one namespace.
pub struct NamespaceTokens {
    namespace: String,
    secrets: NamespaceSecrets,
    /// Ascending.
    tokens: Vec<(IdName, Token)>,
}

/// Takes the blinds off a reply.
///
/// The proof of a batch is verified before any of its points is multiplied, and no token is given before all proofs have held.
///
/// # Errors
/// [`BlindTokenError::State`] for the state of another key; [`BlindTokenError::OtherRequest`] for the reply to another request;
/// [`BlindTokenError::Proof`] for points that the other platform did not multiply with its pinned key; or another [`BlindTokenError`].
pub fn unblind(
    parties: Parties<'_>,
    key: &BlindTokenKey,
    state: FilePlace<'_>,
    reply: FilePlace<'_>,
    work: Work<'_>,
) -> Result<BlindTokens, BlindTokenError> {
    let mut state_file = State::open(state, key)?;
    state_file.header.check(state.name, &parties, true)?;
    let mut source = Source::open(reply, MAGIC, "a reply with blind tokens")?;
    let header = Header::read(&mut source)?;
    if header != state_file.header {
        return Err(BlindTokenError::OtherRequest { file: reply.name.to_owned() });
    }
    let request: [u8; 32] = source.array()?;
    source.ends_after(
        header.sections.iter().fold(0, |sum, section| sum.saturating_add(reply_size(section.count))),
    )?;
    // The digest of the request is that of its header and of the points that the state holds.
    let mut digest = blake3::Hasher::new();
    digest.update(super::request::MAGIC).update(&header.encode());
    let public = parties.peer_key.element;
    let number = BlindTokenError::ForeignKey;
    let public = Element::decode(&public).map_err(|_| number)?;
    let mut batches = Batches { key, public, file: reply.name, work, proofs: 0, points: 0 };
    let mut namespaces = Vec::new();
    for section in &header.sections {
        let secrets = state_file.secret.namespace(&section.namespace);
        let mut tokens = Vec::new();
        let mut left = section.count;
        while left > 0 {
            let before = left;
            let evaluated = take_points(&mut source, &mut left)?;
            let proof: [u8; PROOF_BYTES] = source.array()?;
            let records = state_file.take(evaluated.len(), before)?;
            for record in &records {
                digest.update(&record.point);
            }
            batches.verified(&section.namespace, &secrets, (&records, &evaluated), &proof, &mut tokens)?;
        }
        tokens.sort_unstable();
        namespaces.push(NamespaceTokens { namespace: section.namespace.clone(), secrets, tokens });
    }
    if *digest.finalize().as_bytes() != request {
        return Err(BlindTokenError::OtherRequest { file: reply.name.to_owned() });
    }
    Ok(BlindTokens { key_id: parties.key_id(), session: header.session, ids: header.total(), namespaces })
}

/// The bytes of a namespace in a reply.
fn reply_size(count: u64) -> u64 {
    let proofs = count.div_ceil(BATCH as u64).saturating_mul(PROOF_BYTES as u64);
    count.saturating_mul(ELEMENT_BYTES as u64).saturating_add(proofs)
}

/// What all batches have in common.
struct Batches<'a> {
    key: &'a BlindTokenKey,
    public: Element,
    file: &'a str,
    work: Work<'a>,
    proofs: u64,
    points: u64,
}

impl Batches<'_> {
    /// Appends the tokens of a batch, if its proof holds.
    fn verified(
        &mut self,
        namespace: &str,
        secrets: &NamespaceSecrets,
        (records, evaluated): (&[Record], &[Encoded]),
        proof: &[u8; PROOF_BYTES],
        tokens: &mut Vec<(IdName, Token)>,
    ) -> Result<(), BlindTokenError> {
        let Self { key, public, file, work, .. } = self;
        self.proofs = self.proofs.saturating_add(1);
        let blinded: Vec<Encoded> = records.iter().map(|record| record.point).collect();
        let [own, theirs] = [&blinded[..], evaluated].map(|points| decode(*work, file, self.points, points));
        let (own, theirs) = (own?, theirs?);
        if !verify_proof(&blind_context(), public, (&own, &blinded), (&theirs, evaluated), proof) {
            return Err(BlindTokenError::Proof { file: (*file).to_owned(), number: self.proofs });
        }
        drop(own);
        let pairs: Vec<(&Record, &Element)> = records.iter().zip(&theirs).collect();
        let found = in_parts(*work, &pairs, |_, part| {
            let of_ids = part.iter().filter_map(|(record, point)| Some((record.id?, *point)));
            let of_ids: Vec<((u64, IdName), &Element)> = of_ids.collect();
            let blinds = of_ids.iter().map(|((number, _), _)| secrets.blind(*number));
            let factors: Vec<SecretScalar> = invert(key.scalar(), &blinds.collect::<Result<Vec<_>, _>>()?);
            let points = crate::oprf::unblind(factors.iter().zip(of_ids.iter().map(|(_, point)| *point)));
            let named = of_ids.iter().zip(&points);
            Ok(named.map(|(((_, name), _), point)| (*name, blind_token(namespace, point))).collect())
        })?;
        tokens.reserve_exact(found.len());
        tokens.extend(found);
        self.points = self.points.saturating_add(records.len() as u64);
        (work.progress)(records.len() as u64);
        Ok(())
    }
}

impl BlindTokens {
    /// The name of the two keys together.
    #[must_use]
    pub const fn key_id(&self) -> TokenKeyId {
        self.key_id
    }

    /// The session in which they were made.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// How many points the other platform evaluated, padding included.
    #[must_use]
    pub const fn padded_ids(&self) -> u64 {
        self.ids
    }

    /// The tokens of a namespace, if the request asked for any.
    #[must_use]
    pub fn namespace(&self, namespace: &str) -> Option<&NamespaceTokens> {
        self.namespaces.iter().find(|tokens| tokens.namespace == namespace)
    }
}

impl NamespaceTokens {
    /// The token of an id in its canonical form; `None` for one that was not asked for.
    #[must_use]
    pub fn token(&self, id: &[u8]) -> Option<Token> {
        let name = self.secrets.name(id);
        let found = self.tokens.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        self.tokens.get(found).map(|(_, token)| *token)
    }
}
