//! Promise 3 where people have several ids: cubes are those of a naive model that first makes people out of the links, and
//! one person moves at most `reach` rows, whatever they list under which id.

mod model;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use self::model::{Design, Id, LIKES_REACH, World};
use super::{Input, Reading, Sources, build};
use crate::consent::Demand;
use crate::policy::{Decision, Regime, Study, decide};
use crate::types::{RecipientId, Secret, Timestamp};

/// 2026-10-01T00:00:00Z
const AS_OF: Timestamp = Timestamp::from_seconds(1_790_812_800);
const EPOCH: [u8; 32] = [9; 32];

/// The filled cells of a cube: people, and sums in the order of the catalogue.
type Cells = BTreeMap<usize, (u64, Vec<i128>)>;

struct Survey {
    reach: usize,
    study: Study,
    flows: Vec<(RecipientId, Demand)>,
}

impl Survey {
    fn new(reach: usize) -> Self {
        let text = include_str!("linked/study.toml").replace("REACH", &reach.to_string());
        let study = Study::parse("study.toml", &text).unwrap();
        let regime = Regime::built_in(&study.regime).unwrap();
        let flow = |recipient| match decide(&study, &regime, recipient, AS_OF) {
            Decision::Permit(flow) => (recipient.id.clone(), flow.demand().clone()),
            Decision::Deny(reasons) => panic!("{reasons:?}"),
        };
        let flows = study.recipients.iter().map(flow).collect();
        Self { reach, flows, study }
    }

    fn engine(&self, world: &World, seed: u64) -> Cells {
        let (sources, key) = (tables(world, seed), Secret::new(EPOCH));
        let reading = Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() };
        let (built, _) = build(&self.study, &self.flows, sources, AS_OF, &key, &reading).unwrap();
        let (counts, sums) = built[0].cubes[0].reveal_in_test().cells_in_test();
        assert_eq!(self.study.catalogue.columns().counts, 1);
        let cells = counts.iter().zip(sums.chunks(self.study.catalogue.columns().measures.len())).enumerate();
        let filled = cells.filter(|(_, (count, _))| **count > 0);
        filled.map(|(at, (count, sums))| (at, (*count, sums.to_vec()))).collect()
    }

    fn model(&self, world: &World) -> Cells {
        let mut cells = Cells::new();
        for (position, sums) in world.rows(self.reach, Design::Right).into_values() {
            let cell = cells.entry(position).or_insert_with(|| (0, vec![0; sums.len()]));
            cell.0 += 1;
            cell.1.iter_mut().zip(sums).for_each(|(sum, value)| *sum += value);
        }
        cells
    }
}

/// A few people with phones and cards, some of whom share one; ids of both kinds are spelled alike.
fn world(rng: &mut StdRng) -> World {
    let mut world = World::default();
    let (mut phones, mut cards) = (Vec::new(), Vec::new());
    for person in 0..rng.random_range(4..12) {
        let next = 100 + phones.len();
        let own: Vec<String> = (next..next + rng.random_range(1..4)).map(|id| id.to_string()).collect();
        phones.extend(own.iter().cloned());
        if person == 0 || rng.random_bool(0.8) {
            cards.push((100 + cards.len()).to_string());
            let card = cards.last().unwrap();
            world.links.extend(own.into_iter().map(|phone| (phone, card.clone())));
        }
    }
    for _ in 0..rng.random_range(0..3) {
        world.links.push((phones.choose(rng).unwrap().clone(), cards.choose(rng).unwrap().clone()));
    }
    // The first person's phones are hubs: long lists, and listed by many.
    let hubs: Vec<String> = phones.iter().take(3).cloned().collect();
    let phone =
        |rng: &mut StdRng| if rng.random_bool(0.3) { &hubs } else { &phones }.choose(rng).unwrap().clone();
    let card = |rng: &mut StdRng| cards.choose(rng).unwrap().clone();
    for _ in 0..rng.random_range(10..70) {
        world.follows.push((phone(rng), phone(rng)));
        world.likes.push((card(rng), phone(rng)));
    }
    for _ in 0..rng.random_range(0..20) {
        world.payments.push((card(rng), rng.random_range(0..70)));
        world.members.push((phone(rng), ["east", "south", "nowhere"][rng.random_range(0..3)]));
    }
    let ids: Vec<Id> =
        phones.into_iter().map(|id| ("phone", id)).chain(cards.into_iter().map(|id| ("card", id))).collect();
    for id in ids {
        for trigger in ["SC23", "SC29"] {
            if rng.random_bool(0.75) {
                world.consents.push((id.clone(), trigger, "given"));
            }
            if rng.random_bool(0.03) {
                world.consents.push((id.clone(), trigger, "withdrawn"));
            }
        }
    }
    world
}

fn table(name: &str, columns: Vec<(&str, Arc<dyn Array>)>) -> Input {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let schema = batch.schema();
    Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

fn words<'a>(cells: impl Iterator<Item = &'a str>) -> Arc<dyn Array> {
    Arc::new(StringArray::from_iter_values(cells))
}

fn pairs(rows: &[(String, String)], names: [&str; 2]) -> Input {
    let columns =
        [words(rows.iter().map(|row| row.0.as_str())), words(rows.iter().map(|row| row.1.as_str()))];
    table("pairs", names.into_iter().zip(columns).collect())
}

/// The tables with their rows in an order that `seed` picks; the links lie in two files.
fn tables(world: &World, seed: u64) -> Sources {
    let mut rng = StdRng::seed_from_u64(seed);
    let World { mut links, mut follows, mut likes, mut payments, mut members, mut consents } = world.clone();
    links.shuffle(&mut rng);
    follows.shuffle(&mut rng);
    likes.shuffle(&mut rng);
    payments.shuffle(&mut rng);
    members.shuffle(&mut rng);
    consents.shuffle(&mut rng);
    let (first, second) = links.split_at(links.len() / 2);
    let amounts = Int64Array::from_iter_values(payments.iter().map(|row| row.1));
    let payers = words(payments.iter().map(|row| row.0.as_str()));
    let users = words(members.iter().map(|row| row.0.as_str()));
    let regions = words(members.iter().map(|row| row.1));
    let data = [
        ("bindings", pairs(first, ["mobile", "card_number"])),
        ("follows", pairs(&follows, ["follower", "followee"])),
        ("likes", pairs(&likes, ["fan", "idol"])),
        ("payments", table("payments", vec![("payer", payers), ("amount", Arc::new(amounts))])),
        ("members", table("members", vec![("user", users), ("region", regions)])),
        ("bindings", pairs(second, ["mobile", "card_number"])),
    ];
    Sources {
        data: data.map(|(name, input)| (name.parse().unwrap(), input)).into(),
        consents: vec![events(&consents)],
    }
}

fn events(consents: &[(Id, &'static str, &'static str)]) -> Input {
    let day = |days: i64| Timestamp::from_seconds(AS_OF.seconds() - days * 86_400).to_string();
    let (shown, given, withdrawn) = (day(21), day(20), day(5));
    let at = |event: &str| if event == "given" { given.as_str() } else { withdrawn.as_str() };
    let mut columns = vec![
        ("person", words(consents.iter().map(|(id, ..)| id.1.as_str()))),
        ("ids", words(consents.iter().map(|(id, ..)| id.0))),
        ("trigger", words(consents.iter().map(|(_, trigger, _)| *trigger))),
        ("event", words(consents.iter().map(|(.., event)| *event))),
        ("at", words(consents.iter().map(|(.., event)| at(event)))),
    ];
    for (name, word) in [
        ("shown_at", shown.as_str()),
        ("kind", "separate"),
        ("handler", "platform"),
        ("purpose", "campaign-measurement"),
        ("recipient", "LEGAL-READER"),
        ("categories", "social-relation|payment-record|profile|content-interaction"),
        ("notice", "N-1"),
        ("notice_version", "3"),
        ("giver", "self"),
        ("own_step", "true"),
        ("pre_ticked", "false"),
        ("bundle_size", "1"),
        ("service_gate", "false"),
    ] {
        columns.push((name, words(consents.iter().map(|_| word))));
    }
    table("consents", columns)
}

#[test]
fn cubes_of_linked_people_are_those_of_the_model_with_and_without_each_person() {
    let surveys = [1, 2, 3, 1_000].map(Survey::new);
    let (mut linked, mut alone) = (0, 0);
    for (seed, survey) in (0..80).zip(surveys.iter().cycle()) {
        let world = world(&mut StdRng::seed_from_u64(seed));
        assert!(survey.engine(&world, seed) == survey.model(&world), "world {seed}");
        for person in world.people() {
            let without = world.without(&person);
            let model = survey.model(&without);
            assert!(survey.engine(&without, seed) == model, "world {seed} without {person:?}");
            linked += usize::from(person.len() > 1);
            alone += usize::from(person.len() == 1);
        }
    }
    assert!(linked > 200 && alone > 200, "{linked} people with several ids, {alone} with one");
}

#[test]
fn the_report_of_a_dataset_says_nothing_of_who_is_linked() {
    let survey = Survey::new(2);
    let word = str::to_owned;
    let lists = ["1", "2"].iter().flat_map(|phone| ["1", "2", "3"].map(|other| (word(phone), word(other))));
    let alone = World { follows: lists.chain([(word("1"), word("3"))]).collect(), ..World::default() };
    let linked = World { links: vec![(word("1"), word("7")), (word("2"), word("7"))], ..alone.clone() };
    let [alone, linked] = [alone, linked].map(|world| {
        let (sources, key) = (tables(&world, 1), Secret::new(EPOCH));
        let (_, hygiene) =
            build(&survey.study, &survey.flows, sources, AS_OF, &key, &Reading::default()).unwrap();
        hygiene.files.into_iter().find(|file| file.dataset == "follows").unwrap()
    });
    assert_eq!((alone.rows, alone.used, alone.duplicates, alone.self_follows), (7, 4, 1, 2));
    assert_eq!(linked, alone);
}

#[test]
fn one_person_moves_at_most_reach_rows_under_all_their_ids_and_a_cut_per_id_moves_more() {
    for reach in [1, 2, 3] {
        let bound = 1 + reach + LIKES_REACH;
        let most = |design| {
            let worlds = (0..200).map(|seed| world(&mut StdRng::seed_from_u64(seed)));
            let moved = |world: World| {
                let with = world.rows(reach, design);
                let people = world.people().into_iter();
                let moved = people.map(|person| {
                    let without = world.without(&person).rows(reach, design);
                    let rows = with.keys().chain(without.keys());
                    let moved = rows.filter(|row| with.get(*row) != without.get(*row));
                    moved.collect::<std::collections::BTreeSet<_>>().len()
                });
                moved.max().unwrap()
            };
            worlds.map(moved).max().unwrap()
        };
        let (right, wrong) = (most(Design::Right), most(Design::CutPerId));
        assert!(right <= bound && wrong > bound, "reach {bound}: {right} and {wrong}");
    }
}
