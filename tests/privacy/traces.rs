//! What the feature `tracing` gives a subscriber: names and counts of a closed list, and no value, id, text or number of people.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hushtag::audit::VerifierKey;
use hushtag::operator::{StudySource, verify_log};
use hushtag::storage::Image;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{self, CHEAP, analyst, population, sources, terms};

/// Every name that a subscriber may get; one of them, `seal.rows`, has a field.
const NAMES: [&str; 10] = [
    "adopt",
    "ask",
    "seal",
    "seal.consent_trees",
    "seal.cubes",
    "seal.read",
    "seal.relations",
    "seal.release",
    "seal.rows",
    "verify",
];

/// Records everything that it is given.
#[derive(Default)]
struct Everything {
    names: Mutex<BTreeSet<&'static str>>,
    fields: Mutex<Vec<(String, String)>>,
    next: AtomicU64,
}

struct Fields<'a>(&'static str, &'a Everything);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = format!("{}.{}", self.0, field.name());
        self.1.fields.lock().unwrap().push((name, format!("{value:?}")));
    }
}

impl Subscriber for &'static Everything {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hushtag")
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.names.lock().unwrap().insert(span.metadata().name());
        span.record(&mut Fields(span.metadata().name(), self));
        Id::from_u64(self.next.fetch_add(1, Ordering::SeqCst) + 1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields("recorded later", self));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.names.lock().unwrap().insert(event.metadata().name());
        event.record(&mut Fields(event.metadata().name(), self));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Everything that a subscriber gets of a seal of so many people, a query, an adoption and a verification.
fn traced(people: u32) -> &'static Everything {
    let all: &'static Everything = Box::leak(Box::default());
    tracing::subscriber::with_default(all, || {
        let image = Arc::new(Image::new());
        let operator = support::init(image.clone(), "8").unwrap();
        operator.seal(&terms("e1"), sources(&population(people, 1))).unwrap();
        analyst(&operator).ask(CHEAP, None).unwrap();
        operator.adopt(&StudySource::new("study.toml", support::changed_study())).unwrap();
        let vkey: VerifierKey = operator.status().unwrap().vkey;
        verify_log(&*image, Some(&vkey), None, None).unwrap();
    });
    all
}

/// Guards that whatever is traced is a name of the list, and that the only fields are the rows of each file as the ingest report has them.
#[test]
fn a_subscriber_gets_names_and_counts_of_rows_alone() {
    // Tests of other threads, which have no subscriber, may switch a span off while this one has begun: the next subscriber switches it on again.
    let is_whole = |all: &&Everything| all.names.lock().unwrap().len() + 1 == NAMES.len();
    let all = (0..10).map(|_| traced(20)).find(is_whole).unwrap_or_else(|| traced(20));
    let (allowed, names) = (BTreeSet::from(NAMES), all.names.lock().unwrap());
    assert!(names.is_subset(&allowed), "{names:?}");
    // Without a register there are no consent trees.
    assert_eq!(names.len() + 1, allowed.len(), "{names:?}");
    let image = Arc::new(Image::new());
    let operator = support::init(image, "8").unwrap();
    let sealed = operator.seal(&terms("e1"), sources(&population(20, 1))).unwrap();
    let rows = sealed.hygiene.files.iter().map(|file| ("seal.rows.count".to_owned(), file.rows.to_string()));
    assert_eq!(*all.fields.lock().unwrap(), rows.collect::<Vec<_>>());
}
