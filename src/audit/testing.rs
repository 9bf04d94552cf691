//! What the tests of this module share.

use std::sync::Arc;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::{Entry, Kind, Log, Signer, VerifierKey};
use crate::storage::Image;
use crate::types::Timestamp;

pub(super) struct TestSigner(String, Ed25519KeyPair);

impl TestSigner {
    pub(super) fn new(name: &str, seed: [u8; 32]) -> Self {
        Self(name.to_owned(), Ed25519KeyPair::from_seed_unchecked(&seed).unwrap())
    }

    pub(super) fn key(&self) -> VerifierKey {
        VerifierKey::of(self).unwrap()
    }
}

impl Signer for TestSigner {
    fn name(&self) -> &str {
        &self.0
    }

    fn public_key(&self) -> [u8; 32] {
        self.1.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.1.sign(message).as_ref().try_into().unwrap()
    }
}

pub(super) fn signer() -> TestSigner {
    TestSigner::new("sandbox.example/log", [7; 32])
}

/// An entry that differs for every number; every second one is a charge of `number`.
pub(super) fn entry(number: u64) -> Entry {
    let kind = if number.is_multiple_of(2) { Kind::Ask } else { Kind::Refuse };
    let mut body = serde_json::Map::new();
    body.insert("units".to_owned(), number.into());
    Entry { kind, at: Timestamp::from_seconds(1_700_000_000), ledger_seq: Some(number), body }
}

pub(super) fn entries(numbers: std::ops::Range<u64>) -> Vec<Entry> {
    numbers.map(entry).collect()
}

/// A log of `size` entries and the image it lies in.
pub(super) fn log(size: u64) -> (Image, Log) {
    let image = Image::new();
    let mut log = Log::create(Arc::new(image.clone()), &signer(), "sandbox.example/log").unwrap();
    log.append_all(&entries(0..size), &signer()).unwrap();
    (image, log)
}
