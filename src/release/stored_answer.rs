//! An answer that left before, read again from its stored form: nothing is decided, charged or drawn.

use super::ReleaseError;
use super::body::{Body, BodyPart};
use super::released::{AnswerLayout, Released};
use super::render::{Evidence, render};
use crate::dp::PrivacyClaim;
use crate::keys::open;
use crate::ledger::StoredAnswer;
use crate::types::Secret;

/// The stored answers of one sandbox, for anyone who holds their key.
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
        claim: &PrivacyClaim,
        layout: &AnswerLayout,
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
        render(&body, claim, layout, evidence)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{seal, seal_padded};
    use crate::release::Value;

    fn body(numbers: &[i128]) -> Body {
        let part = BodyPart {
            mechanism: "discrete-gaussian".into(),
            parameter: "100".into(),
            l1: "1".into(),
            l2_squared: "1".into(),
            values: numbers.iter().map(i128::to_string).collect(),
        };
        Body::of_parts(vec![part.clone(), part])
    }

    /// The ends of what counts and sums can be: 2^48 people, noise inside 2^63, values inside 2^62.
    #[test]
    fn the_size_of_an_answer_does_not_depend_on_its_numbers() {
        let values = [Value::Counts(0..1), Value::Sum(0)];
        let longest = |numbers: [i128; 2]| {
            let mut body = body(&[]);
            for (part, number) in body.parts.iter_mut().zip(numbers) {
                part.values = vec![number.to_string(), "0".into()];
            }
            let text = body.to_text().unwrap();
            let size = body.longest(&text, &values);
            assert!(text.len() <= size);
            size
        };
        let (count, sum) = (i128::from(i64::MIN) - (1 << 48), -(1_i128 << 110) - (1 << 63));
        let wanted = longest([0, 0]);
        for numbers in [[count, sum], [-count, -sum], [1, -1], [-99, 1 << 40]] {
            assert_eq!(longest(numbers), wanted, "{numbers:?}");
        }
    }

    #[test]
    fn an_answer_that_was_stored_without_padding_still_opens() {
        let (key, text) = (Secret::new([9; 32]), body(&[1, -20]).to_text().unwrap());
        let plain = [&[4; 32], text.as_bytes()].concat();
        let associated: [&[u8]; 2] = [b"s", &place(7)];
        let stored = |sealed| StoredAnswer { seq: 7, sealed, log_index: None };
        let before = stored(seal(&key, &associated, &plain).unwrap());
        let padded = stored(seal_padded(&key, &associated, &plain, plain.len() + 999).unwrap());
        assert_eq!(padded.sealed.len(), before.sealed.len() + 999);
        for answer in [before, padded] {
            let answers = StoredAnswers { sandbox: "s", key: &key };
            assert_eq!(answers.opening(&answer).unwrap().1, text);
            assert_eq!(answers.unseal(&answer).unwrap(), body(&[1, -20]));
        }
    }
}
