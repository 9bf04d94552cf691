//! States on their way between executors: AES-256-GCM under the key of the seal, so that shuffle files, spills and wires hold nothing readable.

use std::collections::HashMap;

use hushtag::types::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::Error;

/// Bytes of the salt that names the key of a batch.
const SALT: usize = 16;
/// Bytes before the ciphertext: salt, and the number of the message in its batch.
const HEAD: usize = SALT + 4;
/// Keys of batches that are kept ready.
const READY: usize = 256;

/// What a message is, bound to its bytes: a state of one step opens as that of no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Step {
    /// What files say of a person.
    Person = 1,
    /// Own parts, contributions and reports.
    Part,
    /// Parts of one person, merged.
    Settling,
    /// What cubes count of a person.
    Settled,
    /// Totals of some people.
    Totals,
}

/// The key of one seal, from which every batch of messages has a key of its own: a counter is no nonce twice, however many messages
/// there are and which process writes them.
pub(crate) struct JobKey(Secret);

/// Encrypts the messages of one batch.
pub(crate) struct Encryption {
    key: LessSafeKey,
    salt: [u8; SALT],
    step: Step,
    next: u32,
}

/// Decrypts messages of one step, of any batch.
pub(crate) struct Decryption {
    step: Step,
    ready: HashMap<[u8; SALT], LessSafeKey>,
}

impl JobKey {
    pub(crate) const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    pub(crate) const fn secret(&self) -> &Secret {
        &self.0
    }

    fn of_batch(&self, salt: &[u8; SALT]) -> Result<LessSafeKey, Error> {
        let key = self.0.derive_for("hushtag 2026-11 v1 states of a cluster", salt);
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::Cryptography)?;
        Ok(LessSafeKey::new(key))
    }

    /// A batch under a key of its own.
    pub(crate) fn encryption(&self, step: Step) -> Result<Encryption, Error> {
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| Error::Cryptography)?;
        Ok(Encryption { key: self.of_batch(&salt)?, salt, step, next: 0 })
    }

    pub(crate) fn decrypt(&self, with: &mut Decryption, message: &[u8]) -> Result<Vec<u8>, Error> {
        let (salt, rest) = message.split_first_chunk::<SALT>().ok_or(Error::Changed)?;
        let (number, sealed) = rest.split_first_chunk::<4>().ok_or(Error::Changed)?;
        if !with.ready.contains_key(salt) {
            if with.ready.len() >= READY {
                with.ready.clear();
            }
            with.ready.insert(*salt, self.of_batch(salt)?);
        }
        let key = with.ready.get(salt).ok_or(Error::Changed)?;
        let mut plain = sealed.to_vec();
        let associated = Aad::from([with.step as u8]);
        let length = key
            .open_in_place(nonce(u32::from_le_bytes(*number)), associated, &mut plain)
            .map_err(|_| Error::Changed)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

impl Encryption {
    /// Puts a message behind what `to` has.
    pub(crate) fn append(&mut self, plain: &[u8], to: &mut Vec<u8>) -> Result<(), Error> {
        let number = self.next;
        // A batch has fewer messages than an array has places.
        self.next = number.checked_add(1).ok_or(Error::Cryptography)?;
        to.reserve(HEAD + plain.len() + AES_256_GCM.tag_len());
        to.extend_from_slice(&self.salt);
        to.extend_from_slice(&number.to_le_bytes());
        let start = to.len();
        to.extend_from_slice(plain);
        let sealed = to.get_mut(start..).ok_or(Error::Cryptography)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(number), Aad::from([self.step as u8]), sealed)
            .map_err(|_| Error::Cryptography)?;
        to.extend_from_slice(tag.as_ref());
        Ok(())
    }

    pub(crate) fn message(&mut self, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut message = Vec::new();
        self.append(plain, &mut message)?;
        Ok(message)
    }
}

impl Decryption {
    pub(crate) fn new(step: Step) -> Self {
        Self { step, ready: HashMap::new() }
    }
}

fn nonce(number: u32) -> Nonce {
    let mut bytes = [0; 12];
    bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_opens_as_what_it_is_and_unchanged_alone() {
        let job = JobKey::new(Secret::new([7; 32]));
        let mut batch = job.encryption(Step::Person).unwrap();
        let messages: Vec<Vec<u8>> = (0..5u8).map(|byte| batch.message(&[byte; 40]).unwrap()).collect();
        let mut with = Decryption::new(Step::Person);
        for (byte, message) in (0..).zip(&messages) {
            assert_eq!(job.decrypt(&mut with, message).unwrap(), [byte; 40]);
            assert!(job.decrypt(&mut Decryption::new(Step::Part), message).is_err(), "another step");
            for at in 0..message.len() {
                let mut changed = message.clone();
                changed[at] ^= 1;
                assert!(job.decrypt(&mut with, &changed).is_err(), "byte {at}");
                assert!(job.decrypt(&mut with, &message[..at]).is_err(), "cut at {at}");
            }
        }
        let other = JobKey::new(Secret::new([8; 32]));
        assert!(other.decrypt(&mut Decryption::new(Step::Person), &messages[0]).is_err());
        // Equal states are different bytes, also in two batches.
        let again = job.encryption(Step::Person).unwrap().message(&[0; 40]).unwrap();
        assert!(again != messages[0] && !again.windows(8).any(|window| window == [0; 8]));
    }
}
