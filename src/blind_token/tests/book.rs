//! The evaluation book: counts over all sessions, once a request, and finds what was done to it.

use super::*;

fn ask(world: &World, ids: std::ops::Range<u32>) -> Image {
    let image = Image::new();
    world.request(&world.a, &image, &ids.map(id).collect::<Vec<_>>()).unwrap();
    image
}

#[test]
fn the_limit_holds_over_all_sessions_and_a_request_over_it_counts_nothing() {
    let world = world(64, 16);
    let books = Image::new();
    assert_eq!(world.evaluate(&world.b, &ask(&world, 0..30), &books).unwrap(), (false, 32));
    let large = ask(&world, 0..40);
    let refused = world.evaluate(&world.b, &large, &books).unwrap_err();
    assert!(matches!(refused, BlindTokenError::OverLimit { counted: 32, asked: 48, limit: 64 }), "{refused}");
    assert_eq!(large.files().unwrap(), ["request", "state"]);
    assert_eq!(world.evaluate(&world.b, &ask(&world, 0..32), &books).unwrap(), (false, 64));
    let again = world.evaluate(&world.b, &ask(&world, 0..1), &books).unwrap_err();
    assert!(matches!(again, BlindTokenError::OverLimit { counted: 64, asked: 16, limit: 64 }));
    let totals = EvaluationBook::new(at(&books, "book"), &world.b).read().unwrap();
    assert_eq!((totals.ids, totals.sessions.len()), (64, 2));
    // A changed study, with another limit and the same key, goes on counting.
    let raised = World { a: key(1), b: key(2), study: study(&world.a, &world.b, 96, 16) };
    assert_eq!(raised.evaluate(&raised.b, &ask(&raised, 0..20), &books).unwrap(), (false, 96));
    // Another key begins at nothing.
    let renewed = World { a: key(3), b: key(4), study: study(&key(3), &key(4), 64, 16) };
    assert_eq!(renewed.evaluate(&renewed.b, &ask(&renewed, 0..1), &Image::new()).unwrap(), (false, 16));
}

#[test]
fn a_request_above_the_limit_is_not_even_written() {
    let world = world(64, 16);
    let image = Image::new();
    let refused = world.request(&world.a, &image, &(0..65).map(id).collect::<Vec<_>>()).unwrap_err();
    assert!(matches!(refused, BlindTokenError::OverLimit { asked: 80, limit: 64, .. }));
    assert_eq!(image.files().unwrap(), [""; 0]);
}

#[test]
fn one_request_counts_once_and_has_one_answer() {
    let world = world(64, 16);
    let (image, books) = (ask(&world, 0..40), Image::new());
    assert_eq!(world.evaluate(&world.b, &image, &books).unwrap(), (false, 48));
    let first = bytes(&image, "reply");
    assert!(matches!(world.evaluate(&world.b, &image, &books), Err(BlindTokenError::Exists(_))));
    image.remove("reply").unwrap();
    assert_eq!(world.evaluate(&world.b, &image, &books).unwrap(), (true, 48));
    assert!(bytes(&image, "reply") == first, "byte for byte");
}

#[test]
fn another_request_under_a_used_session_is_refused() {
    let world = world(640, 16);
    let (image, books) = (ask(&world, 0..16), Image::new());
    world.evaluate(&world.b, &image, &books).unwrap();
    // The same session with other points, well signed.
    let mut request = bytes(&image, "request");
    let end = request.len() - 64;
    for byte in 0..32 {
        request.swap(end - 64 + byte, end - 32 + byte);
    }
    let digest = *blake3::hash(&request[..end]).as_bytes();
    request[end..].copy_from_slice(&world.a.sign(&[super::super::request::SIGNED, &digest].concat()));
    let other = Image::new();
    other.write("request", &request).unwrap();
    assert!(matches!(world.evaluate(&world.b, &other, &books), Err(BlindTokenError::SessionUsed { .. })));
}

#[test]
fn a_book_that_was_changed_cut_reordered_or_is_anothers_is_found() {
    let world = world(640, 16);
    let books = Image::new();
    for first in 0..3 {
        world.evaluate(&world.b, &ask(&world, first * 100..first * 100 + 10), &books).unwrap();
    }
    let content = bytes(&books, "book");
    let (head, record) = (22 + 32 + 32, 136);
    assert_eq!(content.len(), head + 3 * record);
    let read = |content: &[u8], key: &BlindTokenKey| {
        let image = Image::new();
        image.write("book", content).unwrap();
        EvaluationBook::new(at(&image, "book"), key).read()
    };
    assert_eq!(read(&content, &world.b).unwrap().ids, 48);
    let damaged = |content: &[u8]| {
        let error = read(content, &world.b).unwrap_err();
        assert_eq!(error.kind(), "damaged");
    };
    for at in 0..content.len() {
        let mut changed = content.clone();
        changed[at] ^= 1;
        damaged(&changed);
    }
    for length in (0..content.len()).filter(|length| *length < head || (length - head) % record != 0) {
        damaged(&content[..length]);
    }
    let mut swapped = content.clone();
    swapped[head..head + 2 * record].rotate_left(record);
    damaged(&swapped);
    let mut without = content.clone();
    without.drain(head..head + record);
    damaged(&without);
    assert!(
        matches!(read(&content, &world.a), Err(BlindTokenError::Book { why, .. }) if why.contains("another key"))
    );
    // Whole records cut off at the end are found by a copy alone; the page and SECURITY.md say so.
    assert_eq!(read(&content[..head + record], &world.b).unwrap().ids, 16);
    // A damaged book stops an evaluation.
    let broken = Image::new();
    broken.write("book", &content[..content.len() - 1]).unwrap();
    assert!(matches!(
        world.evaluate(&world.b, &ask(&world, 0..1), &broken),
        Err(BlindTokenError::Book { .. })
    ));
}
