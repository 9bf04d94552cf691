//! Promise: what it takes to open a sandbox, to read its budget and to ask for a forecast does not grow with the answers that it gave.

use crate::support;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::{CHEAP, FixedClock, RECIPIENT};
use hushtag::operator::{Answer, Keys, Operator, Reader};
use hushtag::storage::{Folder, Image, Storage};
use hushtag::types::RecipientId;

/// Writes what lies in an image into a folder.
fn written(image: &Image, dir: &Path) {
    let folder = Folder::create(dir).unwrap();
    for path in image.files().unwrap() {
        folder.write(&path, &image.read(&path).unwrap().unwrap()).unwrap();
    }
}

/// How often files of each kind are read by an open and by what follows it: bundles, tiles, and whole ledgers.
fn work(image: &Image) -> BTreeMap<&'static str, usize> {
    let counts = Arc::new(Mutex::new(BTreeMap::new()));
    let counted = Arc::clone(&counts);
    let hook: support::Hook = Box::new(move |what, path| {
        let kind = match (what, path) {
            ("read", path) if path.starts_with("log/tile/entries/") => "bundles",
            ("read", path) if path.starts_with("log/tile/") => "tiles",
            ("read", "ledger.redb" | "ledger.journal") => "whole ledgers",
            _ => return,
        };
        *counted.lock().unwrap().entry(kind).or_insert(0) += 1;
    });
    let storage = Arc::new(support::Hooked { storage: image.clone(), hook });
    let operator = support::open(storage).unwrap();
    let analyst = support::analyst(&operator);
    assert!(analyst.remaining().unwrap().spent > 0);
    assert!(analyst.forecast(CHEAP).unwrap().cost > 0);
    assert_eq!(operator.status().unwrap().epochs.len(), 1);
    drop((analyst, operator));
    Arc::try_unwrap(counts).unwrap().into_inner().unwrap()
}

#[test]
fn opening_reads_as_much_after_many_answers_as_after_some() {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "100000000").unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    let mut asked = 0;
    let mut ask_until = |operator: &Operator, count: u64| {
        let analyst = support::analyst(operator);
        let numbers = asked..count;
        asked = count;
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (analyst, numbers) = (&analyst, numbers.clone());
                scope.spawn(move || {
                    for number in numbers.skip(thread).step_by(8) {
                        let question = format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number);
                        assert!(matches!(analyst.ask(&question, None).unwrap(), Answer::Released(_)));
                    }
                });
            }
        });
    };
    let mut works = Vec::new();
    // The entries behind the last full bundle are as many each time, and so are the bundles that the index does not know.
    let mut operator = operator;
    for count in [1_100, 1_100 + 8 * 256] {
        ask_until(&operator, count);
        drop(operator);
        // As a killed process leaves it, too.
        works.push(work(&image));
        operator = support::open(Arc::new(image.clone())).unwrap();
        works.push(work(&image.crash()));
    }
    drop(operator);
    let most = |works: &[BTreeMap<&str, usize>], kind: &str| {
        works.iter().map(|work| work.get(kind).copied().unwrap_or(0)).max().unwrap()
    };
    for (kind, allowed) in [("bundles", 12), ("tiles", 60), ("whole ledgers", 0)] {
        let (few, many) = (most(&works[..2], kind), most(&works[2..], kind));
        assert!(few <= allowed && many <= allowed, "{kind}: {few}, then {many}: {works:?}");
    }
    // A reader in a folder sees the same.
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    written(&image, &dir);
    let keys = Keys::Given(support::root_key());
    let reader = Reader::open(&dir, keys, Box::new(FixedClock::default())).unwrap();
    let recipient = RecipientId::new(RECIPIENT).unwrap();
    assert!(reader.view(&recipient, None).unwrap().forecast(CHEAP).unwrap().cost > 0);
    assert_eq!(reader.charges().unwrap().map(Result::unwrap).count(), 1_100 + 8 * 256);
}
