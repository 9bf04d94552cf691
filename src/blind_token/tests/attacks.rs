//! What an attacker gains, beside the sentence of the book that bounds it (docs/src/blind-tokens.md); `--nocapture` prints both.

use super::*;
use crate::deidentify::{blind_context, blind_token, hashed_id};
use crate::oprf::{Element, blind_evaluate};

const BOOK: &str = include_str!("../../../docs/src/blind-tokens.md");

/// What an attack gained, which is what this sentence of the book allows.
fn gained(attack: &str, found: usize, allowed: usize, sentence: &str) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(BOOK).contains(&words(sentence)), "the book does not say: {sentence}");
    println!("{attack}: {found} of {allowed} allowed, \"{sentence}\"");
    assert_eq!(found, allowed, "{attack}");
}

/// All phone numbers, in a world that has a thousand of them.
fn dictionary() -> impl Iterator<Item = Vec<u8>> {
    (0..1_000).map(id)
}

fn tokens_of_b(world: &World) -> BTreeSet<Token> {
    world.tokens(&world.b, &world.a, &(100..160).map(id).collect::<Vec<_>>()).into_values().collect()
}

/// A tries every number on B's tokens, with its own key alone in every way that the formula allows, and on B's request: the tokens are what
/// the sandbox has, so this is an evaluator together with the sandbox.
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
    let says =
        "An evaluator together with the sandbox learns no id of the requester: tokens of A's ids need `kA`.";
    gained("ids found by a dictionary with one secret and all files of the other", found, 0, says);
    // The test has power: with both secrets the dictionary finds everybody.
    let both = dictionary().filter(|id| {
        let once = blind_evaluate(world.a.scalar(), &[hashed_id(&context, "phone", id).unwrap()]);
        let twice = blind_evaluate(world.b.scalar(), &[Element::decode(&once[0]).unwrap()]);
        theirs.contains(&blind_token("phone", &twice[0]))
    });
    let says = "Both platforms together, or who has both keys, can reverse every token: try all ids.";
    gained("ids found by a dictionary with both secrets", both.count(), 60, says);
}

/// Of a thousand numbers A tests as many as the limit lets it ask for, however the requests are cut.
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
    let says = "It is bounded by `max_ids` over all sessions, which B counts in its evaluation book before it multiplies anything";
    let counted =
        usize::try_from(EvaluationBook::new(at(&books, "book"), &world.b).read().unwrap().ids).unwrap();
    // 112 points a request: two fit into 320, and no further one.
    gained("ids tested by a dictionary through evaluations", tested, 200, says);
    gained("points evaluated for it, padding included", counted, 224, says);
    assert_eq!(
        (refused, found),
        (8, 60),
        "those of the 200 tested numbers that B has: the limit is the only bound"
    );
}

/// A sends one request again and again: B multiplies the same points, so A has the same multiples, and the book does not move.
#[test]
fn replaying_a_request_gains_nothing_new() {
    let world = world(320, 16);
    let (image, books) = (Image::new(), Image::new());
    world.request(&world.a, &image, &(0..100).map(id).collect::<Vec<_>>()).unwrap();
    let mut multiples = BTreeSet::new();
    for round in 0..5 {
        assert_eq!(world.evaluate(&world.b, &image, &books).unwrap(), (round > 0, 112));
        let reply = bytes(&image, "reply");
        multiples.extend(reply[..reply.len() - 64].as_rchunks::<32>().1.iter().rev().take(112).copied());
        image.remove("reply").unwrap();
    }
    let says = "the same request gives the same reply, byte for byte, and counts once";
    gained("different multiples of five replays of 112 points", multiples.len(), 112, says);
}

/// B answers a second request with its reply to the first one, under the header of either.
#[test]
fn replaying_a_reply_gains_nothing() {
    let world = world(1_000, 16);
    let ids: Vec<_> = (0..16).map(id).collect();
    let [first, second] = [0, 1].map(|_| {
        let (image, books) = (Image::new(), Image::new());
        world.request(&world.a, &image, &ids).unwrap();
        world.evaluate(&world.b, &image, &books).unwrap();
        image
    });
    let (old, new) = (bytes(&first, "reply"), bytes(&second, "reply"));
    let points = new.len() - 64 - 16 * 32;
    let mixed = [&new[..points], &old[points..]].concat();
    let taken = [old, mixed].into_iter().filter(|reply| {
        let image = second.crash();
        image.write("reply", &reply[..]).unwrap();
        world.unblind(&world.a, &image).is_ok()
    });
    let says = "a reply to another request: the batch is refused before any of its points is used";
    gained("replayed replies that were taken", taken.count(), 0, says);
}

/// B asks A for multiples of the very points that A asked for: with them and its own key it still misses A's blinds.
#[test]
fn asking_for_the_points_of_the_other_platform_finds_no_token() {
    let world = world(1_000, 16);
    let ids: Vec<_> = (0..16).map(id).collect();
    let theirs: BTreeSet<Token> = world.tokens(&world.a, &world.b, &ids).into_values().collect();
    let image = Image::new();
    world.request(&world.a, &image, &ids).unwrap();
    let request = bytes(&image, "request");
    let asked = request[..request.len() - 64].as_rchunks::<32>().1.iter().rev().take(16);
    let asked: Vec<Element> = asked.map(|point| Element::decode(point).unwrap()).collect();
    // What A would evaluate for B, and B multiplies: r_i * kA * kB * H(x_i).
    let once = blind_evaluate(world.a.scalar(), &asked);
    let once: Vec<Element> = once.iter().map(|point| Element::decode(point).unwrap()).collect();
    let both = blind_evaluate(world.b.scalar(), &once);
    let found = both.iter().filter(|point| theirs.contains(&blind_token("phone", point))).count();
    let says =
        "An evaluator together with the sandbox learns no id of the requester: tokens of A's ids need `kA`.";
    gained("tokens of A that B makes of A's own points", found, 0, says);
}

/// The sandbox gives A all tokens of B: A finds those of its own ids, and no other id.
#[test]
fn the_sandbox_and_one_platform_learn_the_intersection_and_no_more() {
    let world = world(1_000, 16);
    let theirs = tokens_of_b(&world);
    let own: Vec<_> = (140..200).map(id).collect();
    let found = world.tokens(&world.a, &world.b, &own).into_values().filter(|token| theirs.contains(token));
    let says = "count how many of their own are also the other's: that is the intersection, which the sandbox joins on.";
    gained("ids of B that A finds in the sandbox's files", found.count(), 20, says);
}

/// B tags one person in a reply, so that their token can be recognised, whichever point it is, and even if B proves it with the other key.
#[test]
fn tagging_with_a_second_key_is_found() {
    let world = world(1_000, 16);
    let (image, books) = (Image::new(), Image::new());
    world.request(&world.a, &image, &(0..16).map(id).collect::<Vec<_>>()).unwrap();
    world.evaluate(&world.b, &image, &books).unwrap();
    let (request, reply) = (bytes(&image, "request"), bytes(&image, "reply"));
    let (asked, given) = (request.len() - 64 - 16 * 32, reply.len() - 64 - 16 * 32);
    let second = key(9);
    let mut taken = 0;
    for at in 0..16 {
        let point: [u8; 32] = request[asked + 32 * at..][..32].try_into().unwrap();
        let tagged = blind_evaluate(second.scalar(), &[Element::decode(&point).unwrap()]);
        let mut forged = reply.clone();
        forged[given + 32 * at..][..32].copy_from_slice(&tagged[0]);
        let other = image.crash();
        other.write("reply", &forged).unwrap();
        let outcome = world.unblind(&world.a, &other);
        assert!(matches!(outcome, Ok(_) | Err(BlindTokenError::Proof { .. })), "point {at}");
        taken += usize::from(outcome.is_ok());
    }
    let says = "Another key for some points, points in another order, left out or twice, a reply to another request: the batch is refused";
    gained("tagged points that were taken", taken, 0, says);
    // All points and the proof under the second key.
    let parties = world.parties(&world.b);
    let checked = CheckedRequest::read(parties, at(&image, "request"), work()).unwrap();
    let counting = EvaluationBook::new(at(&books, "book"), &world.b).count(checked, NOW).unwrap();
    let other = image.crash();
    other.remove("reply").unwrap();
    counting.counted.evaluate(&second, at(&other, "reply"), work()).unwrap();
    assert!(matches!(world.unblind(&world.a, &other), Err(BlindTokenError::Proof { number: 1, .. })));
}

/// B has both sessions' points and both replies, and its own key, and still cannot say which point of one is which of the other: under every
/// matching the points are equally likely. Here: no point of one, before or after its key, is one of the other; `unlinkable.rs` has statistics.
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
    let pairs = one.iter().flat_map(|one| other.iter().map(move |other| (one, other)));
    let common = pairs.map(|(one, other)| one.intersection(other).count()).sum();
    gained(
        "points that two sessions over the same ids share",
        common,
        0,
        "**Two sessions** over the same ids have nothing in common",
    );
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
    let says = "New keys, in a study that both sign, give tokens that cannot be linked to the old ones";
    gained("tokens under new keys that are equal to old ones", old.intersection(&new).count(), 0, says);
    assert_ne!(world.study.token_key_id(), renewed.study.token_key_id());
}
