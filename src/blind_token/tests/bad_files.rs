//! Files that were changed, cut, extended, reordered, replayed, or belong to someone else: refused by name, and nothing is written.

use super::*;
use crate::oprf::Encoded;

/// Whether nothing but what was there is there.
fn nothing_new(image: &Image, before: &[&str]) {
    assert_eq!(image.files().unwrap(), before);
}

/// A world with a request, its state and its reply.
fn done() -> (World, Image, Image) {
    let world = world(10_000, 16);
    let (image, books) = (Image::new(), Image::new());
    world.request(&world.a, &image, &(0..20).map(id).collect::<Vec<_>>()).unwrap();
    world.evaluate(&world.b, &image, &books).unwrap();
    (world, image, books)
}

/// The files with other bytes under one name.
fn with(image: &Image, name: &str, content: &[u8]) -> Image {
    let other = image.crash();
    other.write(name, content).unwrap();
    other
}

/// The first byte of the points of a request, and of those of its reply.
fn points(world: &World) -> (usize, usize) {
    let header =
        [world.study.hash.len(), "social-platform".len(), "payment-platform".len()].iter().sum::<usize>()
            + 3
            + 16
            + 1
            + (1 + "phone".len() + 8);
    (24 + 4 + header, 22 + 4 + header + 32)
}

#[test]
fn a_request_with_any_changed_byte_or_length_is_refused() {
    let (world, image, _) = done();
    let request = bytes(&image, "request");
    assert_eq!(request.len(), points(&world).0 + 32 * 32 + 64);
    let fresh = |content: &[u8]| {
        let only = Image::new();
        only.write("request", content).unwrap();
        let refused = world.evaluate(&world.b, &only, &Image::new()).unwrap_err();
        nothing_new(&only, &["request"]);
        refused
    };
    for at in 0..request.len() {
        let mut changed = request.clone();
        changed[at] ^= 1;
        fresh(&changed);
    }
    for length in 0..request.len() {
        assert!(matches!(fresh(&request[..length]), BlindTokenError::Format { .. }), "cut at {length}");
    }
    assert!(matches!(fresh(&[&request[..], b"\0"].concat()), BlindTokenError::Format { .. }));
}

/// A request of any points, signed by `own`.
fn forged(world: &World, own: &BlindTokenKey, points: &[Encoded]) -> Vec<u8> {
    let parties = world.parties(own);
    let header = super::super::header::Header {
        study: world.study.hash.clone(),
        from: parties.own.id.to_string(),
        to: parties.peer.id.to_string(),
        session: super::super::session::SessionId([7; 16]),
        sections: vec![Section { namespace: "phone".into(), count: points.len() as u64 }],
    };
    let body = [super::super::request::MAGIC, &header.encode(), points.as_flattened()].concat();
    let digest = *blake3::hash(&body).as_bytes();
    let signature = own.sign(&[super::super::request::SIGNED, &digest].concat());
    [body, signature.to_vec()].concat()
}

#[test]
fn points_that_are_none_the_identity_or_there_twice_are_refused_though_signed() {
    let (world, image, _) = done();
    let from = points(&world).0;
    let good: Vec<Encoded> = bytes(&image, "request")[from..from + 512].as_chunks::<32>().0.to_vec();
    let read = |points: &[Encoded]| {
        let only = Image::new();
        only.write("request", &forged(&world, &world.a, points)).unwrap();
        world.evaluate(&world.b, &only, &Image::new())
    };
    read(&good).unwrap();
    let put = |at: usize, point: Encoded| {
        let mut points = good.clone();
        points[at] = point;
        read(&points).unwrap_err()
    };
    let mut negative = good[3];
    negative[0] ^= 1;
    let mut high = good[3];
    high[31] |= 0x80;
    for bad in [[0; 32], [0xff; 32], negative, high] {
        assert!(matches!(put(3, bad), BlindTokenError::Element { number: 4, .. }));
    }
    assert!(matches!(put(9, good[0]), BlindTokenError::Repeated { .. }));
    assert!(matches!(read(&good[..15]), Err(BlindTokenError::Count { count: 15, padding: 16, .. })));
    assert!(matches!(read(&[]), Err(BlindTokenError::Format { .. })));
}

#[test]
fn a_request_by_another_key_or_in_the_other_direction_or_of_another_study_is_refused() {
    let (world, image, books) = done();
    let from = points(&world).0;
    let good = bytes(&image, "request")[from..from + 512].as_chunks::<32>().0.to_vec();
    let only = Image::new();
    // B signs in the name of A.
    let mut named = forged(&world, &world.a, &good);
    let end = named.len() - 64;
    let digest = *blake3::hash(&named[..end]).as_bytes();
    let signature = world.b.sign(&[super::super::request::SIGNED, &digest].concat());
    named[end..].copy_from_slice(&signature);
    only.write("request", &named).unwrap();
    assert!(matches!(world.evaluate(&world.b, &only, &books), Err(BlindTokenError::Signature { .. })));
    assert!(
        matches!(world.evaluate(&world.a, &image, &books), Err(BlindTokenError::Parties { .. })),
        "to itself"
    );
    let other = study(&world.a, &world.b, 10_001, 16);
    let later = World { a: key(1), b: key(2), study: other };
    assert!(matches!(later.evaluate(&later.b, &image, &books), Err(BlindTokenError::OtherStudy { .. })));
    assert!(matches!(later.unblind(&later.a, &image), Err(BlindTokenError::OtherStudy { .. })));
    assert!(matches!(Parties::new(&world.study, &key(3)), Err(BlindTokenError::ForeignKey)));
    let plain = Study::parse("demo.toml", DEMO).unwrap();
    assert!(matches!(Parties::new(&plain, &world.a), Err(BlindTokenError::NoTokenKeys)));
}

#[test]
fn a_reply_with_any_changed_byte_or_length_or_order_is_refused() {
    let (world, image, _) = done();
    let reply = bytes(&image, "reply");
    let from = points(&world).1;
    assert_eq!(reply.len(), from + 32 * 32 + 64);
    let refused = |content: &[u8]| world.unblind(&world.a, &with(&image, "reply", content)).err();
    // Every byte before the points and of the proof, and some of each point.
    let places = (0..from).chain((from..reply.len() - 64).step_by(13)).chain(reply.len() - 64..reply.len());
    for at in places {
        let mut changed = reply.clone();
        changed[at] ^= 1;
        assert!(refused(&changed).is_some(), "byte {at}");
    }
    for length in (0..reply.len()).step_by(7) {
        assert!(matches!(refused(&reply[..length]), Some(BlindTokenError::Format { .. })), "cut at {length}");
    }
    assert!(matches!(refused(&[&reply[..], b"\0"].concat()), Some(BlindTokenError::Format { .. })));
    let mut swapped = reply.clone();
    for byte in 0..32 {
        swapped.swap(from + byte, from + 32 + byte);
    }
    assert!(matches!(refused(&swapped), Some(BlindTokenError::Proof { number: 1, .. })));
    let mut repeated = reply.clone();
    repeated.copy_within(from..from + 32, from + 32);
    assert!(matches!(refused(&repeated), Some(BlindTokenError::Proof { .. })));
    let mut identity = reply;
    identity[from..from + 32].fill(0);
    assert!(matches!(refused(&identity), Some(BlindTokenError::Element { number: 1, .. })));
}

#[test]
fn a_reply_to_another_request_and_a_state_of_another_key_or_session_are_refused() {
    let (world, image, books) = done();
    let other = Image::new();
    world.request(&world.a, &other, &(0..20).map(id).collect::<Vec<_>>()).unwrap();
    world.evaluate(&world.b, &other, &books).unwrap();
    let replayed = with(&image, "reply", &bytes(&other, "reply"));
    assert!(matches!(world.unblind(&world.a, &replayed), Err(BlindTokenError::OtherRequest { .. })));
    // The header of this session before the points of the other one.
    let (from, mut mixed) = (points(&world).1, bytes(&image, "reply"));
    mixed.splice(from.., bytes(&other, "reply").into_iter().skip(from));
    let mixed = with(&image, "reply", &mixed);
    assert!(matches!(world.unblind(&world.a, &mixed), Err(BlindTokenError::Proof { .. })));
    // The state of B is of no use to A, and the other way round.
    let foreign = Image::new();
    world.request(&world.b, &foreign, &(0..20).map(id).collect::<Vec<_>>()).unwrap();
    let foreign = with(&image, "state", &bytes(&foreign, "state"));
    assert!(matches!(world.unblind(&world.a, &foreign), Err(BlindTokenError::State { .. })));
    assert!(matches!(world.unblind(&world.b, &foreign), Err(BlindTokenError::OtherRequest { .. })));
}

#[test]
fn a_state_with_any_changed_byte_or_length_is_refused() {
    let (world, image, _) = done();
    let state = bytes(&image, "state");
    let refused = |content: &[u8]| world.unblind(&world.a, &with(&image, "state", content)).err();
    for at in 0..state.len() {
        let mut changed = state.clone();
        changed[at] ^= 1;
        assert!(refused(&changed).is_some(), "byte {at}");
        assert!(refused(&state[..at]).is_some(), "cut at {at}");
    }
    assert!(matches!(refused(&[&state[..], b"\0"].concat()), Some(BlindTokenError::Format { .. })));
    for kind in ["request", "reply"] {
        assert!(matches!(refused(&bytes(&image, kind)), Some(BlindTokenError::Format { .. })), "{kind}");
    }
}

/// A header that names more points than the file has is refused before memory is asked for.
#[test]
fn a_header_cannot_ask_for_memory() {
    let (world, image, _) = done();
    let mut request = bytes(&image, "request");
    let count = points(&world).0 - 8;
    request[count..count + 8].copy_from_slice(&(1_u64 << 33).to_be_bytes());
    let only = with(&image, "request", &request);
    assert!(matches!(world.evaluate(&world.b, &only, &Image::new()), Err(BlindTokenError::Format { .. })));
    request[24..28].fill(0xff);
    let only = with(&image, "request", &request);
    assert!(matches!(world.evaluate(&world.b, &only, &Image::new()), Err(BlindTokenError::Format { .. })));
}

/// No error text holds an id, a point or a key.
#[test]
fn errors_hold_no_id_and_no_key() {
    let (world, image, _) = done();
    let state = bytes(&image, "state");
    let error = world.unblind(&world.a, &with(&image, "state", &state[..40])).err().unwrap();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("138000") && !text.contains(&world.a.public().to_string()), "{text}");
}
