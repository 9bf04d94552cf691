//! `expand_message_xmd` of RFC 9380, section 5.3.1, with SHA-512.

use ring::digest::{Context, Digest, SHA512};

/// Bytes of a SHA-512 input block, all zero.
const Z_PAD: [u8; 128] = [0; 128];
/// Bytes of a SHA-512 digest.
const DIGEST: usize = 64;

/// `N` bytes that look uniform to anyone, from a message in several parts; `tag` has at most 255 bytes and `N` is at most 16,320, both of
/// which every caller fixes.
pub(super) fn expand_message<const N: usize>(message: &[&[u8]], tag: &[u8]) -> [u8; N] {
    let hash = |parts: &[&[u8]]| {
        let mut context = Context::new(&SHA512);
        parts.iter().for_each(|part| context.update(part));
        // DST_prime = DST || I2OSP(len(DST), 1)
        context.update(tag);
        context.update(&[u8::try_from(tag.len()).unwrap_or(u8::MAX)]);
        context.finish()
    };
    let length = u16::try_from(N).unwrap_or(u16::MAX).to_be_bytes();
    let mut first = vec![&Z_PAD[..]];
    first.extend_from_slice(message);
    first.extend_from_slice(&[&length, &[0]]);
    let start = hash(&first);
    let mut uniform = [0; N];
    let mut last: Option<Digest> = None;
    for (chunk, number) in uniform.chunks_mut(DIGEST).zip(1_u8..) {
        let mut mixed = [0; DIGEST];
        mixed.iter_mut().zip(start.as_ref()).for_each(|(to, from)| *to = *from);
        if let Some(last) = last {
            mixed.iter_mut().zip(last.as_ref()).for_each(|(to, from)| *to ^= *from);
        }
        let next = hash(&[&mixed, &[number]]);
        chunk.iter_mut().zip(next.as_ref()).for_each(|(to, from)| *to = *from);
        last = Some(next);
    }
    uniform
}
