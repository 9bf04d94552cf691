//! The one place where elements are multiplied by secrets in bulk.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use zeroize::{Zeroize, Zeroizing};

use super::{Element, Encoded};

/// How many products are encoded together: enough to share one inversion, few enough for the cache of a core.
const TOGETHER: usize = 256;

/// The encodings of `factor * element`, in constant time in the factors.
///
/// Half of each product is computed, since encoding the double of many elements costs one inversion for all of them.
pub(super) fn multiply<'a>(pairs: impl Iterator<Item = (Scalar, &'a Element)>) -> Vec<Encoded> {
    let (least, _) = pairs.size_hint();
    let (mut encoded, mut halves) = (Vec::with_capacity(least), Zeroizing::new(Vec::with_capacity(TOGETHER)));
    let mut flush = |halves: &mut Vec<RistrettoPoint>| {
        encoded.extend(
            RistrettoPoint::double_and_compress_batch(halves.iter()).iter().map(|one| one.to_bytes()),
        );
        halves.zeroize();
    };
    for (factor, element) in pairs {
        let half = Zeroizing::new(Zeroizing::new(factor).div_by_2());
        halves.push(*half * element.0);
        if halves.len() == TOGETHER {
            flush(&mut halves);
        }
    }
    flush(&mut halves);
    encoded
}
