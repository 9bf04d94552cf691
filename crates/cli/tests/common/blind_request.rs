//! Requests for blind tokens as another program makes them: by the book's page of their files, signed with the key of a platform.

use std::ops::Range;

use ring::signature::Ed25519KeyPair;

/// The bytes of a signature.
const SIGNATURE: usize = 64;

/// Where the points of a request for ids of one namespace lie.
pub fn points(request: &[u8]) -> Range<usize> {
    let header = 24 + 4 + u32::from_be_bytes(request[24..28].try_into().unwrap()) as usize;
    header..request.len() - SIGNATURE
}

/// The request with other bytes before its signature, signed with the key whose file has this text.
pub fn signed(key: &str, mut request: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    request.truncate(request.len() - SIGNATURE);
    change(&mut request);
    let digits = key.trim().rsplit(' ').next().unwrap();
    let digit = |at: usize| char::from(digits.as_bytes()[at]).to_digit(16).unwrap();
    let seed: [u8; 32] =
        std::array::from_fn(|at| u8::try_from(16 * digit(2 * at) + digit(2 * at + 1)).unwrap());
    let seed = blake3::derive_key("hushtag 2026-12 v1 signature of a blind token request", &seed);
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let digest = blake3::hash(&request);
    let message = [b"hushtag 2026-12 v1 blind token request\n", &digest.as_bytes()[..]].concat();
    request.extend_from_slice(pair.sign(&message).as_ref());
    request
}

/// The request with its first two points exchanged: another one of the same session.
pub fn exchanged(key: &str, request: Vec<u8>) -> Vec<u8> {
    let first = points(&request).start;
    signed(key, request, |body| {
        for byte in first..first + 32 {
            body.swap(byte, byte + 32);
        }
    })
}

/// The request with its second point like its first.
pub fn repeated(key: &str, request: Vec<u8>) -> Vec<u8> {
    let first = points(&request).start;
    signed(key, request, |body| body.copy_within(first..first + 32, first + 32))
}

/// The request without its last point, and with the number of those that are left.
pub fn shorter(key: &str, request: Vec<u8>) -> Vec<u8> {
    let at = points(&request);
    let left = (at.len() / 32 - 1) as u64;
    signed(key, request, |body| {
        body.truncate(at.end - 32);
        body[at.start - 8..at.start].copy_from_slice(&left.to_be_bytes());
    })
}
