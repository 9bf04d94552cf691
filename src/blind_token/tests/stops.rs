//! A stop, a full disk or a failed write after every step: nothing half-written has a name, counts are never lost, and the work can be
//! done again with what is there.

use super::*;
use crate::storage::Fault;

const FAULTS: [Fault; 4] = [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite];

/// What an owner does after a stop: drafts are removed, as their error says.
fn tidy(image: &Image) {
    for name in image.files().unwrap() {
        if name.ends_with(".new") {
            image.remove(&name).unwrap();
        }
    }
}

/// The image after a stop: as it would survive, and with writes torn in several ways.
fn survivors(image: &Image) -> Vec<Image> {
    (0..3).map(|seed| image.crash_torn(seed)).chain([image.crash()]).collect()
}

#[test]
fn a_request_that_stops_anywhere_leaves_no_half_file_and_can_be_made_again() {
    let world = world(1_000, 16);
    let ids: Vec<_> = (0..20).map(id).collect();
    let whole = Image::new();
    world.request(&world.a, &whole, &ids).unwrap();
    for (fault, step) in
        FAULTS.iter().flat_map(|fault| (1..=whole.operations()).map(move |step| (*fault, step)))
    {
        let image = Image::new();
        image.fail_at(step, fault);
        let outcome = world.request(&world.a, &image, &ids);
        for after in survivors(&image) {
            tidy(&after);
            let names = after.files().unwrap();
            let has = |name: &str| names.iter().any(|known| known == name);
            assert!(
                fault == Fault::LostSync || !has("request") || has("state"),
                "{fault:?} {step}: a request without its state: {names:?}"
            );
            if has("request") && outcome.is_ok() && fault != Fault::LostSync {
                world.evaluate(&world.b, &after, &Image::new()).unwrap();
                assert!(world.unblind(&world.a, &after).is_ok(), "{fault:?} {step}");
                continue;
            }
            for name in ["state", "request"] {
                after.remove(name).unwrap();
            }
            world.request(&world.a, &after, &ids).unwrap();
        }
    }
}

#[test]
fn an_evaluation_that_stops_anywhere_is_counted_once_and_answers_the_same() {
    let world = world(1_000, 16);
    let asked = Image::new();
    world.request(&world.a, &asked, &(0..20).map(id).collect::<Vec<_>>()).unwrap();
    let (image, books) = (asked.crash(), Image::new());
    world.evaluate(&world.b, &image, &books).unwrap();
    let reply = bytes(&image, "reply");
    let steps = |image: &Image, fault| (1..=image.operations()).map(move |step| (fault, step));
    for (fault, step) in FAULTS.iter().flat_map(|fault| steps(&image, *fault)) {
        let (image, books) = (asked.crash(), Image::new());
        image.fail_at(step, fault);
        let outcome = world.evaluate(&world.b, &image, &books);
        for after in survivors(&image) {
            tidy(&after);
            match after.read("reply").unwrap() {
                Some(found) if fault != Fault::LostSync => assert!(found == reply, "{fault:?} {step}"),
                _ => after.remove("reply").unwrap(),
            }
            if after.read("reply").unwrap().is_none() {
                let (again, ids) = world.evaluate(&world.b, &after, &books).unwrap();
                assert_eq!((again, ids), (true, 32), "{fault:?} {step}: counted, and once");
            }
            assert!(bytes(&after, "reply") == reply, "{fault:?} {step}: {outcome:?}");
        }
    }
}

/// No reply without its count: a book that cannot be written stops the evaluation before a point is multiplied.
#[test]
fn a_count_that_is_not_durable_evaluates_nothing() {
    let world = world(1_000, 16);
    let asked = Image::new();
    world.request(&world.a, &asked, &(0..20).map(id).collect::<Vec<_>>()).unwrap();
    let counted = Image::new();
    world.evaluate(&world.b, &asked.crash(), &counted).unwrap();
    for fault in [Fault::Error, Fault::FullDisk, Fault::TornWrite] {
        for step in 1..=counted.operations() {
            let (image, books) = (asked.crash(), Image::new());
            books.fail_at(step, fault);
            assert!(world.evaluate(&world.b, &image, &books).is_err(), "{fault:?} {step}");
            assert_eq!(image.files().unwrap(), ["request", "state"]);
            for after in survivors(&books) {
                let book = EvaluationBook::new(at(&after, "book"), &world.b);
                assert!(matches!(book.read().unwrap().ids, 0 | 32), "{fault:?} {step}");
            }
        }
    }
}
