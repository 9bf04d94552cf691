//! An answer that left before, read again from its stored form: nothing is decided, charged or drawn.

use super::ReleaseError;
use super::body::{Body, BodyPart};
use super::lay_out::{Evidence, lay_out};
use super::released::{Layout, Released};
use crate::dp::Claim;
use crate::keys::open;
use crate::ledger::StoredAnswer;
use crate::types::Secret;

/// The stored answers of one sandbox, for whoever holds their key.
pub struct StoredAnswers<'a> {
    /// The id of the sandbox.
    pub sandbox: &'a str,
    /// The key under which answers are stored.
    pub key: &'a Secret,
}

impl StoredAnswers<'_> {
    /// The answer as its reader saw it; `claim` and `layout` are those of its question.
    ///
    /// # Errors
    /// [`ReleaseError::Damaged`] when it does not open, or was not drawn as `claim` says.
    ///
    /// # Privacy
    /// None: the answer left through the door when it was given.
    pub fn read(
        &self,
        stored: &StoredAnswer,
        claim: &Claim,
        layout: &Layout,
        evidence: Evidence,
    ) -> Result<Released, ReleaseError> {
        let body = self.unseal(stored)?;
        let drawn = claim.parts.iter().zip(&body.parts).all(|(part, body)| {
            let claimed = BodyPart::new(part, Vec::new());
            claimed.mechanism == body.mechanism && claimed.parameter == body.parameter
        });
        if !drawn || claim.parts.len() != body.parts.len() {
            return Err(ReleaseError::Damaged);
        }
        lay_out(&body, claim, layout, evidence)
    }

    /// The key of an answer's commitment and the text that it opens.
    pub(super) fn opening(&self, stored: &StoredAnswer) -> Result<(Secret, String), ReleaseError> {
        let associated: [&[u8]; 2] = [self.sandbox.as_bytes(), &place(stored.seq)];
        let plain = open(self.key, &associated, &stored.sealed).map_err(|_| ReleaseError::Damaged)?;
        let (key, text) = plain.split_first_chunk::<32>().ok_or(ReleaseError::Damaged)?;
        let text = std::str::from_utf8(text).map_err(|_| ReleaseError::Damaged)?;
        Ok((Secret::new(*key), text.to_owned()))
    }

    pub(super) fn unseal(&self, stored: &StoredAnswer) -> Result<Body, ReleaseError> {
        let body = Body::parse(&self.opening(stored)?.1)?;
        if body.ledger_seq == stored.seq { Ok(body) } else { Err(ReleaseError::Damaged) }
    }
}

/// What binds a stored answer to its charge.
pub(super) const fn place(seq: u64) -> [u8; 8] {
    seq.to_be_bytes()
}
