//! Random people with a hub, lists longer than any cut, refunds, and consents of every kind; as Arrow tables.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray, TimestampSecondArray};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::model::RECIPIENTS;
use crate::engine::{Input, Sources};
use crate::types::Timestamp;

const DAY: i64 = 86_400;

/// What one person said about one recipient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Consented {
    Live,
    Absent,
    Future,
    NotSeparate,
    OldNotice,
    OneTrigger,
    Unreadable,
    Withdrawn,
}

/// A payment, so long before as-of.
pub(super) struct Payment {
    pub(super) amount: i64,
    pub(super) net: i64,
    pub(super) ago: i64,
}

/// What one person owns.
pub(super) struct Person {
    pub(super) standing: [Consented; RECIPIENTS],
    pub(super) follows: Vec<usize>,
    pub(super) likes: Vec<usize>,
    pub(super) payments: Vec<Payment>,
    pub(super) region: Option<&'static str>,
}

/// A few people; the first one is a hub.
pub(super) struct Population {
    pub(super) people: Vec<Person>,
    /// Rows in no order.
    shuffle: u64,
}

impl Population {
    pub(super) fn random(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let count = rng.random_range(6..=14);
        let people = (0..count).map(|own| Person::random(own, count, &mut rng)).collect();
        Self { people, shuffle: seed }
    }

    pub(super) fn len(&self) -> usize {
        self.people.len()
    }

    /// How the id of a person is spelled: numbers and words.
    pub(super) fn id(person: usize) -> String {
        if person.is_multiple_of(2) { (7_000 + person).to_string() } else { format!("p-{person}") }
    }

    /// All tables, without what some people own; rows of others that name them stay.
    pub(super) fn tables(&self, without: &[usize], as_of: Timestamp) -> Sources {
        let owners = || self.people.iter().enumerate().filter(move |(own, _)| !without.contains(own));
        let pairs = |list: fn(&Person) -> &Vec<usize>| {
            owners().flat_map(move |(own, person)| list(person).iter().map(move |other| (own, *other)))
        };
        let list = |names, list| {
            let rows = self.shuffled(pairs(list).collect());
            table(names, vec![ids(rows.iter().map(|row| row.0)), ids(rows.iter().map(|row| row.1))])
        };
        let payments = owners().flat_map(|(own, person)| person.payments.iter().map(move |row| (own, row)));
        let payments = self.shuffled(payments.collect());
        let numbers = |of: fn(&Payment) -> i64| payments.iter().map(move |(_, row)| of(row));
        let amounts = [|row: &Payment| row.amount, |row: &Payment| row.net];
        let [amount, net] = amounts.map(|of| column(Int64Array::from_iter_values(numbers(of))));
        let at =
            TimestampSecondArray::from_iter_values(numbers(|row| row.ago).map(|ago| as_of.seconds() - ago))
                .with_timezone("UTC");
        let payers = ids(payments.iter().map(|(own, _)| *own));
        let profiles: Vec<_> = owners().filter_map(|(own, person)| Some((own, person.region?))).collect();
        let regions = column(StringArray::from_iter_values(profiles.iter().map(|(_, region)| region)));
        let data = [
            ("follows", list(&["follower", "followee"], |person| &person.follows)),
            ("likes", list(&["fan", "idol"], |person| &person.likes)),
            ("payments", table(&["payer", "amount", "net", "at"], vec![payers, amount, net, column(at)])),
            ("members", table(&["user", "region"], vec![ids(profiles.iter().map(|row| row.0)), regions])),
        ];
        let events = self.shuffled(owners().flat_map(|(own, person)| person.events(own, as_of)).collect());
        let cells = |at: usize| column(StringArray::from_iter_values(events.iter().map(|event| &event[at])));
        Sources {
            data: data.map(|(name, input)| (name.parse().unwrap(), input)).into(),
            consents: vec![table(&EVENT, (0..EVENT.len()).map(cells).collect())],
        }
    }

    fn shuffled<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        rows.shuffle(&mut StdRng::seed_from_u64(self.shuffle));
        rows
    }
}

impl Person {
    fn random(own: usize, count: usize, rng: &mut StdRng) -> Self {
        use Consented::{Absent, Future, Live, NotSeparate, OldNotice, OneTrigger, Unreadable, Withdrawn};
        let flaws = [Absent, Future, NotSeparate, OldNotice, OneTrigger, Unreadable, Withdrawn];
        let standing =
            [(); RECIPIENTS].map(|()| if rng.random_bool(0.75) { Live } else { *flaws.choose(rng).unwrap() });
        let mut list = |longest: usize| -> Vec<usize> {
            // Repeated rows and rows that name their owner are in it, too.
            let mut list: Vec<usize> =
                (0..rng.random_range(0..=longest)).map(|_| rng.random_range(0..count)).collect();
            list.extend((own == 0).then_some(1..count).into_iter().flatten());
            list.extend(rng.random_bool(0.9).then_some(0));
            list
        };
        let (follows, likes) = (list(8), list(4));
        let payment = |rng: &mut StdRng| Payment {
            amount: rng.random_range(0..90),
            net: rng.random_range(-70..90),
            ago: rng.random_range(1..150 * DAY),
        };
        let payments = (0..rng.random_range(0..4)).map(|_| payment(rng)).collect();
        let region = *[None, Some("east"), Some("south"), Some("elsewhere")].choose(rng).unwrap();
        Self { standing, follows, likes, payments, region }
    }

    fn events(&self, own: usize, as_of: Timestamp) -> Vec<[String; EVENT.len()]> {
        let at = |days: i64| Timestamp::from_seconds(as_of.seconds() - days * DAY).to_string();
        let mut events = Vec::new();
        for (recipient, standing) in self.standing.into_iter().enumerate() {
            for trigger in ["SC23", "SC29"] {
                if standing == Consented::Absent || (standing == Consented::OneTrigger && trigger == "SC29") {
                    continue;
                }
                let given = match standing {
                    Consented::Future => at(-1),
                    Consented::Unreadable => "2026-09-01T00:00:00".to_owned(),
                    _ => at(20),
                };
                let version = if standing == Consented::OldNotice { "2" } else { "3" };
                let own_step = if standing == Consented::NotSeparate { "false" } else { "true" };
                let legal_id = format!("LEGAL-{recipient}");
                let row = |event: &str, when: String| {
                    let categories = "social-relation|payment-record|profile|content-interaction";
                    let fixed = ["platform", "separate", "self", "false", "1", "false"].map(str::to_owned);
                    let [handler, kind, giver, pre_ticked, bundle_size, service_gate] = fixed;
                    let (shown_at, notice) = (at(21), "N-1".to_owned());
                    let head =
                        [Population::id(own), event.into(), trigger.into(), "campaign-measurement".into()];
                    let [person, event, trigger, purpose] = head;
                    let scope = [legal_id.clone(), when, categories.into(), version.into(), own_step.into()];
                    let [recipient, when, categories, notice_version, own_step] = scope;
                    [
                        person,
                        event,
                        trigger,
                        purpose,
                        recipient,
                        when,
                        categories,
                        notice,
                        notice_version,
                        shown_at,
                        own_step,
                        handler,
                        kind,
                        giver,
                        pre_ticked,
                        bundle_size,
                        service_gate,
                    ]
                };
                events.push(row("given", given));
                events.extend((standing == Consented::Withdrawn).then(|| row("withdrawn", at(5))));
            }
        }
        events
    }
}

const EVENT: [&str; 17] = [
    "person",
    "event",
    "trigger",
    "purpose",
    "recipient",
    "at",
    "categories",
    "notice",
    "notice_version",
    "shown_at",
    "own_step",
    "handler",
    "kind",
    "giver",
    "pre_ticked",
    "bundle_size",
    "service_gate",
];

fn column(array: impl Array + 'static) -> Arc<dyn Array> {
    Arc::new(array)
}

fn ids(people: impl Iterator<Item = usize>) -> Arc<dyn Array> {
    column(StringArray::from_iter_values(people.map(Population::id)))
}

fn table(names: &[&str], columns: Vec<Arc<dyn Array>>) -> Input {
    let batch = RecordBatch::try_from_iter(names.iter().copied().zip(columns)).unwrap();
    let (schema, half) = (batch.schema(), batch.num_rows() / 2);
    // Two batches: what is of one person lies in both.
    let halves = [batch.slice(0, half), batch.slice(half, batch.num_rows() - half)];
    Input::Reader("made up".into(), Box::new(RecordBatchIterator::new(halves.map(Ok), schema)))
}
