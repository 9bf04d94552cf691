//! What an attacker gains, beside what the book says: docs/src/blind-tokens.md, "What holds".

use super::*;
use crate::deidentify::{blind_context, blind_token, hashed_id};
use crate::oprf::{Element, blind_evaluate};

/// All phone numbers, in a world that has a thousand of them.
fn dictionary() -> impl Iterator<Item = Vec<u8>> {
    (0..1_000).map(id)
}

fn tokens_of_b(world: &World) -> BTreeSet<Token> {
    world.tokens(&world.b, &world.a, &(100..160).map(id).collect::<Vec<_>>()).into_values().collect()
}

/// "With one secret and all files of the other platform no one is found": A tries every number on B's tokens, with its own key alone
/// in every way that the formula allows, and on B's request.
#[test]
fn a_dictionary_with_one_secret_and_all_files_of_the_other_finds_no_one() {
    let world = world(10_000, 16);
    let (image, books) = (Image::new(), Image::new());
    let ids: Vec<_> = (100..160).map(id).collect();
    world.request(&world.b, &image, &ids).unwrap();
    world.evaluate(&world.a, &image, &books).unwrap();
    let tokens = world.unblind(&world.b, &image).unwrap();
    let theirs: BTreeSet<Token> =
        ids.iter().map(|id| tokens.namespace("phone").unwrap().token(id).unwrap()).collect();
    let points: BTreeSet<[u8; 32]> = [bytes(&image, "request"), bytes(&image, "reply")]
        .iter()
        .flat_map(|file| file.windows(32).map(|window| window.try_into().unwrap()).collect::<Vec<_>>())
        .collect();
    let context = blind_context();
    let public = Element::decode(&world.b.public().element).unwrap();
    let mut found = 0;
    for id in dictionary() {
        let hashed = [hashed_id(&context, "phone", &id).unwrap()];
        let once = blind_evaluate(world.a.scalar(), &hashed);
        let twice = blind_evaluate(world.a.scalar(), &[Element::decode(&once[0]).unwrap()]);
        let of_public = blind_evaluate(world.a.scalar(), std::slice::from_ref(&public));
        let tries = [hashed[0].encode(), once[0], twice[0], of_public[0]];
        found += tries.iter().filter(|point| theirs.contains(&blind_token("phone", point))).count();
        found += tries.iter().filter(|point| points.contains(*point)).count();
    }
    assert_eq!(found, 0);
    // The test has power: with both secrets the dictionary finds everybody, as the book says.
    let both = dictionary().filter(|id| {
        let once = blind_evaluate(world.a.scalar(), &[hashed_id(&context, "phone", id).unwrap()]);
        let twice = blind_evaluate(world.b.scalar(), &[Element::decode(&once[0]).unwrap()]);
        theirs.contains(&blind_token("phone", &twice[0]))
    });
    assert_eq!(both.count(), 60);
}

/// "An A that asks for ids it does not have is bounded by `max_ids`": of a thousand numbers it tests as many as the limit lets it ask for.
#[test]
fn a_dictionary_through_evaluations_is_bounded_by_the_limit_over_all_sessions() {
    let world = world(320, 16);
    let (theirs, books) = (tokens_of_b(&world), Image::new());
    let (mut tested, mut found, mut refused) = (0, 0, 0);
    for part in dictionary().collect::<Vec<_>>().chunks(100) {
        let image = Image::new();
        world.request(&world.a, &image, part).unwrap();
        match world.evaluate(&world.b, &image, &books) {
            Ok(_) => {
                let tokens = world.unblind(&world.a, &image).unwrap();
                let phones = tokens.namespace("phone").unwrap();
                tested += part.len();
                found += part.iter().filter(|id| theirs.contains(&phones.token(id).unwrap())).count();
            }
            Err(BlindTokenError::OverLimit { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    // 112 points a request: two fit into 320, and no further one, however the request is cut.
    assert_eq!((tested, refused), (200, 8));
    assert_eq!(found, 60, "those of the 200 tested numbers that B has; the limit is the only bound");
    assert_eq!(EvaluationBook::new(at(&books, "book"), &world.b).read().unwrap().ids, 224);
}

/// "A B that uses another key for some points is found by the proof": tagging one person in a reply, so that their token can be
/// recognised, is refused, whichever point it is, and even if B proves it with the other key.
#[test]
fn tagging_with_a_second_key_is_found() {
    let world = world(1_000, 16);
    let (image, books) = (Image::new(), Image::new());
    world.request(&world.a, &image, &(0..16).map(id).collect::<Vec<_>>()).unwrap();
    world.evaluate(&world.b, &image, &books).unwrap();
    let (request, reply) = (bytes(&image, "request"), bytes(&image, "reply"));
    let (asked, given) = (request.len() - 64 - 16 * 32, reply.len() - 64 - 16 * 32);
    let second = key(9);
    for at in 0..16 {
        let point: [u8; 32] = request[asked + 32 * at..][..32].try_into().unwrap();
        let tagged = blind_evaluate(second.scalar(), &[Element::decode(&point).unwrap()]);
        let mut forged = reply.clone();
        forged[given + 32 * at..][..32].copy_from_slice(&tagged[0]);
        let other = image.crash();
        other.write("reply", &forged).unwrap();
        assert!(matches!(world.unblind(&world.a, &other), Err(BlindTokenError::Proof { .. })), "point {at}");
    }
    // All points and the proof under the second key.
    let parties = world.parties(&world.b);
    let checked = CheckedRequest::read(parties, at(&image, "request"), work()).unwrap();
    let counting = EvaluationBook::new(at(&books, "book"), &world.b).count(checked, NOW).unwrap();
    let other = image.crash();
    other.remove("reply").unwrap();
    counting.counted.evaluate(&second, at(&other, "reply"), work()).unwrap();
    assert!(matches!(world.unblind(&world.a, &other), Err(BlindTokenError::Proof { number: 1, .. })));
}

/// "No repetition across sessions": B has both sessions' points and both replies, and its own key, and still cannot say which point of one
/// is which of the other: under every matching the points are equally likely. Here: taking its key off gives back points that differ.
#[test]
fn correlating_two_sessions_gains_nothing() {
    let world = world(1_000, 64);
    let ids: Vec<_> = (0..64).map(id).collect();
    let sessions = [0, 1].map(|_| {
        let (image, books) = (Image::new(), Image::new());
        world.request(&world.a, &image, &ids).unwrap();
        world.evaluate(&world.b, &image, &books).unwrap();
        let reply = bytes(&image, "reply");
        let request = bytes(&image, "request");
        let points = |file: &[u8]| {
            file[..file.len() - 64]
                .as_rchunks::<32>()
                .1
                .iter()
                .rev()
                .take(64)
                .copied()
                .collect::<BTreeSet<_>>()
        };
        [points(&request), points(&reply)]
    });
    let [one, other] = &sessions;
    for (one, other) in one.iter().flat_map(|one| other.iter().map(move |other| (one, other))) {
        assert!(one.is_disjoint(other));
    }
    // The tokens are the same: what B cannot link, the sandbox joins.
    assert_eq!(world.tokens(&world.a, &world.b, &ids), world.tokens(&world.a, &world.b, &ids));
}

/// New study keys: tokens that have nothing to do with the old ones.
#[test]
fn new_keys_are_unlinkable_to_the_old_ones() {
    let world = world(1_000, 16);
    let ids: Vec<_> = (0..16).map(id).collect();
    let renewed = World { a: key(3), b: key(2), study: study(&key(3), &key(2), 1_000, 16) };
    let old: BTreeSet<_> = world.tokens(&world.a, &world.b, &ids).into_values().collect();
    let new: BTreeSet<_> = renewed.tokens(&renewed.a, &renewed.b, &ids).into_values().collect();
    assert!(old.is_disjoint(&new));
    assert_ne!(world.study.token_key_id(), renewed.study.token_key_id());
}
