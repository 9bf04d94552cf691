//! Two platforms and the files between them: what comes out, what is refused, what a stop leaves, what attacks gain.

mod attacks;
mod bad_files;
mod book;
mod stops;
mod unlinkable;
mod vectors;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::deidentify::Token;
use crate::keys::BlindTokenKey;
use crate::policy::Study;
use crate::storage::{Image, Storage};
use crate::types::{Secret, Timestamp};

const DEMO: &str = include_str!("../../../policies/demo/study.toml");

/// Two platforms under one study.
struct World {
    a: BlindTokenKey,
    b: BlindTokenKey,
    study: Study,
}

fn key(byte: u8) -> BlindTokenKey {
    BlindTokenKey::from_seed(Secret::new([byte; 32])).unwrap()
}

fn study(a: &BlindTokenKey, b: &BlindTokenKey, max_ids: u64, padding: u32) -> Study {
    let mut text = DEMO.to_owned();
    for (id, key) in [("social-platform", a), ("payment-platform", b)] {
        let line = format!("[[handlers]]\nid = \"{id}\"\n");
        assert!(text.contains(&line));
        text = text.replace(&line, &format!("{line}token_key = \"{}\"\n", key.public()));
    }
    text.push_str(&format!("\n[tokens]\nmax_ids = {max_ids}\npadding = {padding}\n"));
    Study::parse("demo.toml", &text).unwrap()
}

fn world(max_ids: u64, padding: u32) -> World {
    let (a, b) = (key(1), key(2));
    let study = study(&a, &b, max_ids, padding);
    World { a, b, study }
}

fn at<'a>(storage: &'a Image, name: &'a str) -> FilePlace<'a> {
    FilePlace { storage, name }
}

fn work() -> Work<'static> {
    Work { threads: 2, progress: &|_| () }
}

fn id(number: u32) -> Vec<u8> {
    format!("138{number:08}").into_bytes()
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

impl World {
    fn parties<'a>(&'a self, own: &BlindTokenKey) -> Parties<'a> {
        Parties::new(&self.study, own).unwrap()
    }

    /// `own` asks for ids; the files are `request` and `state`.
    fn request(
        &self,
        own: &BlindTokenKey,
        image: &Image,
        ids: &[Vec<u8>],
    ) -> Result<Requested, BlindTokenError> {
        let namespaces = BTreeSet::from(["phone"]);
        let mut request = Request::new(self.parties(own), own, at(image, "state"), namespaces, work())?;
        ids.iter().try_for_each(|id| request.add("phone", id))?;
        request.finish(at(image, "request"))
    }

    /// `own` answers the file `request`, and keeps its book in another image.
    fn evaluate(
        &self,
        own: &BlindTokenKey,
        image: &Image,
        books: &Image,
    ) -> Result<(bool, u64), BlindTokenError> {
        let checked = CheckedRequest::read(self.parties(own), at(image, "request"), work())?;
        let counting = EvaluationBook::new(at(books, "book"), own).count(checked, NOW)?;
        let counted = (counting.again, counting.ids);
        counting.counted.evaluate(own, at(image, "reply"), work())?;
        Ok(counted)
    }

    fn unblind(&self, own: &BlindTokenKey, image: &Image) -> Result<BlindTokens, BlindTokenError> {
        unblind(self.parties(own), own, at(image, "state"), at(image, "reply"), work())
    }

    /// The whole way of one platform; the other one answers.
    fn tokens(&self, own: &BlindTokenKey, peer: &BlindTokenKey, ids: &[Vec<u8>]) -> BTreeMap<Vec<u8>, Token> {
        let (image, books) = (Image::new(), Image::new());
        self.request(own, &image, ids).unwrap();
        self.evaluate(peer, &image, &books).unwrap();
        let tokens = self.unblind(own, &image).unwrap();
        let phones = tokens.namespace("phone").unwrap();
        ids.iter().map(|id| (id.clone(), phones.token(id).unwrap())).collect()
    }
}

fn bytes(image: &Image, name: &str) -> Vec<u8> {
    image.read(name).unwrap().unwrap()
}

#[test]
fn both_platforms_get_the_same_token_of_an_id_and_no_other() {
    let world = world(10_000, 64);
    let ids = |range: std::ops::Range<u32>| range.map(id).collect::<Vec<_>>();
    let of_a = world.tokens(&world.a, &world.b, &ids(0..300));
    let of_b = world.tokens(&world.b, &world.a, &ids(200..500));
    let shared: Vec<_> = of_a.iter().filter(|(id, _)| of_b.contains_key(*id)).collect();
    assert_eq!(shared.len(), 100);
    assert!(shared.iter().all(|(id, token)| of_b[*id] == **token));
    let all: BTreeSet<_> = of_a.values().chain(of_b.values()).collect();
    assert_eq!(all.len(), 500, "one token an id, and one id a token");
    assert_eq!(world.parties(&world.a).key_id(), world.parties(&world.b).key_id());
}

#[test]
fn a_request_is_padded_and_repeats_nothing_and_unknown_ids_have_no_token() {
    let world = world(10_000, 64);
    let (image, books) = (Image::new(), Image::new());
    let ids: Vec<_> = (0..65).chain(0..65).map(id).collect();
    let asked = world.request(&world.a, &image, &ids).unwrap();
    assert_eq!((asked.ids, asked.sections[0].count), (vec![65], 128));
    assert_eq!(image.files().unwrap(), ["request", "state"], "no spool and no draft is left");
    world.evaluate(&world.b, &image, &books).unwrap();
    let tokens = world.unblind(&world.a, &image).unwrap();
    let phones = tokens.namespace("phone").unwrap();
    assert!(phones.token(&id(64)).is_some() && phones.token(&id(65)).is_none());
    assert!(tokens.namespace("card").is_none());
    assert_eq!(tokens.padded_ids(), 128);
    let none = Image::new();
    assert_eq!(
        world.request(&world.a, &none, &[]).unwrap().sections[0].count,
        64,
        "not even that there are none"
    );
}

/// Several batches and several proofs, at any number of threads, in a small world of large parts.
#[test]
#[ignore = "66,000 points take half a minute without optimisation"]
fn more_points_than_one_proof_takes() {
    let world = world(200_000, 1_000);
    let ids: Vec<_> = (0..66_000).map(id).collect();
    let tokens = world.tokens(&world.a, &world.b, &ids);
    assert_eq!(tokens.values().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn threads_change_nothing() {
    let world = world(10_000, 16);
    let image = Image::new();
    world.request(&world.a, &image, &(0..40).map(id).collect::<Vec<_>>()).unwrap();
    let mut replies = Vec::new();
    for threads in [1, 2, 3, 7, 64] {
        let own = image.crash();
        let work = Work { threads, progress: &|_| () };
        let checked = CheckedRequest::read(world.parties(&world.b), at(&own, "request"), work).unwrap();
        let counting = EvaluationBook::new(at(&own, "book"), &world.b).count(checked, NOW).unwrap();
        counting.counted.evaluate(&world.b, at(&own, "reply"), work).unwrap();
        replies.push(bytes(&own, "reply"));
    }
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]));
}
