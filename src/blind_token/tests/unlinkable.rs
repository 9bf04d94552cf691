//! Two sessions over the same ids look to the other platform as two sessions over any ids do.

use super::*;
use crate::oprf::Encoded;

const IDS: u32 = 512;
/// Standard deviations: of 257 counts none is further out but for one chance in a million.
const FAR: f64 = 6.0;

fn points(image: &Image) -> Vec<Encoded> {
    let request = bytes(image, "request");
    let points = request[..request.len() - 64].as_rchunks::<32>().1;
    points[points.len() - IDS as usize..].to_vec()
}

fn session(world: &World, ids: &[Vec<u8>]) -> (Vec<Encoded>, Image) {
    let image = Image::new();
    world.request(&world.a, &image, ids).unwrap();
    (points(&image), image)
}

/// What two lists of points have in common, in place or as sets, if anything.
fn linked(one: &[Encoded], other: &[Encoded]) -> Option<&'static str> {
    let as_set: BTreeSet<_> = one.iter().collect();
    if other.iter().any(|point| as_set.contains(point)) {
        return Some("equal points");
    }
    let bit = |point: &Encoded, at: usize| point[at / 8] >> (at % 8) & 1;
    // The sign bit and the highest one are zero in every encoding.
    let agreeing = |at: usize| one.iter().zip(other).filter(|(a, b)| bit(a, at) == bit(b, at)).count();
    let far = |count: usize, of: f64| ((count as f64 - of / 2.0) / (of / 4.0).sqrt()).abs() > FAR;
    let counts: Vec<usize> = (1..255).map(agreeing).collect();
    let agree = counts.iter().any(|count| far(*count, one.len() as f64));
    (agree || far(counts.iter().sum(), 254.0 * one.len() as f64)).then_some("bits that agree")
}

#[test]
fn two_sessions_over_the_same_ids_have_nothing_in_common() {
    let world = world(10_000, IDS);
    let ids: Vec<_> = (0..IDS).map(id).collect();
    let ((one, _), (other, _)) = (session(&world, &ids), session(&world, &ids));
    assert_eq!(linked(&one, &other), None);
    // Uniform: every bit of one session is as often set as not.
    let set = |at: usize| one.iter().filter(|point| point[at / 8] >> (at % 8) & 1 == 1).count();
    let far =
        |count: usize| ((count as f64 - f64::from(IDS) / 2.0) / (f64::from(IDS) / 4.0).sqrt()).abs() > FAR;
    assert!((1..252).all(|at| !far(set(at))));
    // The test has power: without fresh blinds the points are the same.
    assert_eq!(linked(&one, &one.iter().rev().copied().collect::<Vec<_>>()), Some("equal points"));
}

/// The order of points says nothing of the order of ids: how far the first ids of the table come is as random numbers are.
#[test]
fn points_are_in_a_random_order() {
    let world = world(10_000, IDS);
    let ids: Vec<_> = (0..IDS).map(id).collect();
    let (_, image) = session(&world, &ids);
    let mut state = super::super::state::State::open(at(&image, "state"), &world.a).unwrap();
    let records = state.take(IDS as usize, u64::from(IDS)).unwrap();
    let numbers: Vec<u64> = records.iter().map(|record| record.id.unwrap().0).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), IDS as usize);
    // Spearman's rank correlation with the order of the table: its standard deviation is 1 / sqrt(n - 1).
    let n = f64::from(IDS);
    let squares: f64 = (0_u64..).zip(&numbers).map(|(at, number)| (at as f64 - *number as f64).powi(2)).sum();
    let correlation = 1.0 - 6.0 * squares / (n * (n * n - 1.0));
    assert!(correlation.abs() < FAR / (n - 1.0).sqrt(), "{correlation}");
}
