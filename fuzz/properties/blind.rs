//! The four files of blind tokens: any bytes. What was not made by the two platforms as it is, byte for byte, is refused, and nothing
//! panics.

use std::sync::LazyLock;

use hushtag::blind_token::{
    BlindTokenError, CheckedRequest, EvaluationBook, FilePlace, Parties, Work, unblind,
};
use hushtag::keys::BlindTokenKey;
use hushtag::policy::Study;
use hushtag::storage::{Image, Storage};
use hushtag::types::Secret;

const DEMO: &str = include_str!("../../policies/demo/study.toml");
const REQUEST: &[u8] = include_bytes!("../seeds/blind_request/whole.bin");
const STATE: &[u8] = include_bytes!("../seeds/blind_state/whole.bin");
const REPLY: &[u8] = include_bytes!("../seeds/blind_reply/whole.bin");
const BOOK: &[u8] = include_bytes!("../seeds/evaluations/whole.bin");

/// The head of a book and one record of it.
const HEAD: usize = 86;
const RECORD: usize = 136;

/// The keys of the two platforms and the study that pins them. The seeds bind its hash, so that it holds what it needs and nothing that
/// changes with the demo.
pub(crate) struct World {
    pub(crate) keys: [BlindTokenKey; 2],
    pub(crate) study: Study,
}

pub(crate) static WORLD: LazyLock<Option<World>> = LazyLock::new(|| {
    let key = |byte| BlindTokenKey::from_seed(Secret::new([byte; 32]));
    let keys = [key(1).ok()?, key(2).ok()?];
    let mut text = DEMO.to_owned();
    for (id, key) in ["social-platform", "payment-platform"].iter().zip(&keys) {
        let line = format!("[[handlers]]\nid = \"{id}\"\n");
        text = text.replace(&line, &format!("{line}token_key = \"{}\"\n", key.public()));
    }
    text.push_str("\n[tokens]\nmax_ids = 64\npadding = 4\n");
    let mut study = Study::parse("blind.toml", &text).ok()?;
    study.hash = "blake3:0000".into();
    Some(World { keys, study })
});

pub(crate) const WORK: Work<'static> = Work { threads: 1, progress: &|_| () };

pub(crate) fn at<'a>(image: &'a Image, name: &'a str) -> FilePlace<'a> {
    FilePlace { storage: image, name }
}

/// Reads `data` in the place of one file, the others as they are.
fn read(
    data: &[u8],
    place: &str,
    read: impl FnOnce(&World, &Image, [Parties<'_>; 2]) -> Result<(), BlindTokenError>,
) -> Result<(), String> {
    let Some(world) = WORLD.as_ref() else { return Err("there is no world".into()) };
    let image = Image::new();
    for (name, seed) in [("request", REQUEST), ("state", STATE), ("reply", REPLY), ("book", BOOK)] {
        let content = if name == place { data } else { seed };
        image.write(name, content).map_err(|error| error.to_string())?;
    }
    let parties = world.keys.each_ref().map(|key| Parties::new(&world.study, key));
    let [Ok(own), Ok(peer)] = parties else { return Err("the keys are not pinned".into()) };
    read(world, &image, [own, peer]).map_err(|error| error.to_string())
}

/// What the target of this name says of any bytes.
pub(crate) fn check(target: &str, data: &[u8]) -> Result<(), String> {
    match target {
        "blind_request" => request(data),
        "blind_reply" => reply(data),
        "blind_state" => state(data),
        _ => book(data),
    }
}

/// Any bytes as a request to the second platform.
fn request(data: &[u8]) -> Result<(), String> {
    read(data, "request", |_, image, [_, peer]| {
        CheckedRequest::read(peer, at(image, "request"), WORK).map(drop)
    })?;
    assert_eq!(data, REQUEST, "no one else signed a request");
    Ok(())
}

/// Any bytes as a reply to the first platform.
fn reply(data: &[u8]) -> Result<(), String> {
    let all = |world: &World, image: &Image, [own, _]: [Parties<'_>; 2]| {
        unblind(own, &world.keys[0], at(image, "state"), at(image, "reply"), WORK).map(drop)
    };
    read(data, "reply", all)?;
    assert_eq!(data, REPLY, "there is one reply to a request");
    Ok(())
}

/// Any bytes as the state of the first platform.
fn state(data: &[u8]) -> Result<(), String> {
    let all = |world: &World, image: &Image, [own, _]: [Parties<'_>; 2]| {
        unblind(own, &world.keys[0], at(image, "state"), at(image, "reply"), WORK).map(drop)
    };
    read(data, "state", all)?;
    assert_eq!(data, STATE, "no one else encrypted a state");
    Ok(())
}

/// Any bytes as the evaluation book of the second platform: its own, or the beginning of it up to a record.
fn book(data: &[u8]) -> Result<(), String> {
    let mut ids = 0;
    read(data, "book", |world, image, _| {
        ids = EvaluationBook::new(at(image, "book"), &world.keys[1]).read()?.ids;
        Ok(())
    })?;
    assert!(
        BOOK.starts_with(data) && (data.len() - HEAD).is_multiple_of(RECORD),
        "no one else wrote in the book"
    );
    assert_eq!(ids, 8 * ((data.len() - HEAD) / RECORD) as u64, "every session counts");
    Ok(())
}
