//! Appending, reopening, stops and damage, against a list of entries.

use super::*;
use crate::audit::merkle::verify_consistency;
use crate::audit::testing::{TestSigner, entries, entry, log, signer};
use crate::audit::verify;
use crate::storage::{Fault as Failure, Image};

fn open(image: &Image) -> Log {
    Log::open(Arc::new(image.clone()), &signer().key()).unwrap()
}

/// The whole log equals a list of entries and its tree one that is computed again.
fn assert_holds(image: &Image, log: &Log, list: &[Entry]) {
    let leaves: Vec<Hash> = list.iter().map(|entry| leaf_hash(entry.to_text().unwrap().as_bytes())).collect();
    assert_eq!(log.head(), (list.len() as u64, crate::audit::merkle::root(&leaves)));
    assert_eq!(log.entries().collect::<Result<Vec<_>, _>>().unwrap(), list);
    assert_eq!(verify(image, &signer().key()).unwrap().checkpoint, log.head);
}

#[test]
fn an_entry_left_of_the_edge_is_believed_only_with_its_proof() {
    let (image, log) = log(300);
    for index in [0, 3, 255, 256, 299] {
        assert_eq!(log.proven_entry(index).unwrap(), entry(index));
    }
    let place = "log/tile/entries/000";
    let text = String::from_utf8(image.read(place).unwrap().unwrap()).unwrap();
    image.write(place, text.replacen("\"units\":3", "\"units\":4", 1).as_bytes()).unwrap();
    let log = open(&image);
    assert_ne!(log.entry(3).unwrap(), entry(3));
    assert!(matches!(log.proven_entry(3), Err(AuditError::Damaged(_))));
}

/// Texts inside entries that look like a kind are none.
#[test]
fn entries_of_a_kind_are_those_that_a_walk_finds_and_proved() {
    let (image, mut log) = log(0);
    let kinds = [Kind::Ask, Kind::Seal, Kind::Refuse, Kind::Retire, Kind::Ask];
    let list: Vec<Entry> = (0..600_usize)
        .map(|number| {
            let mut entry = Entry { kind: kinds[number % 5], ..entry(number as u64) };
            entry.body.insert("question".to_owned(), "\"kind\":\"seal\"".into());
            entry
        })
        .collect();
    log.append_all(&list, &signer()).unwrap();
    let log = open(&image);
    for wanted in [&[Kind::Seal, Kind::Retire][..], &[Kind::Init], &kinds] {
        let found: Vec<(u64, Entry)> = log.entries_of(wanted).collect::<Result<_, _>>().unwrap();
        let walked = (0..).zip(list.clone()).filter(|(_, entry)| wanted.contains(&entry.kind));
        assert_eq!(found, walked.collect::<Vec<_>>());
    }
    let place = "log/tile/entries/000";
    let text = String::from_utf8(image.read(place).unwrap().unwrap()).unwrap();
    image.write(place, text.replacen("\"kind\":\"retire\"", "\"kind\":\"refuse\"", 1).as_bytes()).unwrap();
    assert!(open(&image).entries_of(&[Kind::Seal]).all(|found| found.is_ok()));
    assert!(
        open(&image).entries_of(&[Kind::Refuse]).any(|found| matches!(found, Err(AuditError::Damaged(_))))
    );
}

#[test]
fn reopened_after_each_append_it_is_the_list() {
    let (image, mut log) = log(0);
    let mut list = Vec::new();
    for number in 0..600 {
        let recorded = log.append(&entry(number), &signer()).unwrap();
        assert_eq!((recorded.index(), recorded.checkpoint()), (number, log.checkpoint()));
        list.push(entry(number));
        log = open(&image);
        assert_eq!(log.head().0, number + 1);
        if [1, 2, 255, 256, 257, 512, 600].contains(&(number + 1)) {
            assert_holds(&image, &log, &list);
        }
    }
    assert_eq!(log.entry(256).unwrap(), entry(256));
    assert!(matches!(log.entry(600), Err(AuditError::NoEntry { index: 600, size: 600 })));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn groups_of_any_size_give_the_same_log(groups in proptest::collection::vec((0_u64..300, proptest::bool::ANY), 1..6)) {
        let (image, mut log) = log(0);
        let mut list = Vec::new();
        let mut roots = vec![log.head()];
        for (count, reopen) in groups {
            let group = entries(list.len() as u64..list.len() as u64 + count);
            proptest::prop_assert_eq!(log.append_all(&group, &signer()).unwrap().len() as u64, count);
            list.extend(group);
            roots.push(log.head());
            if reopen {
                log = open(&image);
            }
        }
        assert_holds(&image, &log, &list);
        let (size, root) = log.head();
        for (old, old_root) in roots {
            proptest::prop_assert_eq!(log.root_at(old).unwrap(), old_root);
            let proof = log.prove_consistency(old).unwrap();
            proptest::prop_assert!(old == 0 || verify_consistency(old, size, &old_root, &root, &proof).is_ok());
        }
    }
}

/// A stop at every durable step of an append, with every way to fail: after reopening, the log is what it was before
/// or after, appending goes on, and nothing is left over.
#[test]
fn a_stop_at_any_step_leaves_the_log_as_before_or_after() {
    for (before, group) in [(254, 1), (255, 1), (255, 600), (256, 1), (100, 3)] {
        for fault in [Failure::Error, Failure::TornWrite, Failure::LostSync, Failure::FullDisk] {
            let mut failed = 0;
            for step in 1.. {
                let (image, mut log) = log(before);
                let first = image.operations();
                image.fail_at(first + step, fault);
                let new = entries(before..before + group);
                if log.append_all(&new, &signer()).is_ok() {
                    break;
                }
                failed += 1;
                assert!(matches!(log.append(&entry(0), &signer()), Err(AuditError::Poisoned)));
                let survived = image.crash();
                let mut log = open(&survived);
                let size = log.head().0;
                assert!(size == before || size == before + group, "{size}");
                log.tidy().unwrap();
                assert_holds(&survived, &log, &entries(0..size));
                // Without an explicit call the next append tidies up; another group than the one that was stopped.
                let survived = image.crash();
                assert_eq!(open(&survived).append(&entry(size), &signer()).unwrap().index(), size);
                assert_holds(&survived, &open(&survived), &entries(0..size + 1));
            }
            assert!(failed >= 3, "{failed}");
        }
    }
}

#[test]
fn a_log_is_not_made_over_another_nor_written_with_another_key() {
    let (image, mut log) = log(3);
    let other = TestSigner::new("sandbox.example/log", [9; 32]);
    assert!(matches!(Log::create(Arc::new(image.clone()), &signer(), "x"), Err(AuditError::Exists)));
    assert!(matches!(log.append(&entry(3), &other), Err(AuditError::Signer(_))));
    assert!(matches!(Log::open(Arc::new(image.clone()), &other.key()), Err(AuditError::Damaged(_))));
    // A refusal that touched nothing does not poison.
    let mut long = entry(3);
    long.body.insert("text".to_owned(), "x".repeat(70_000).into());
    assert!(matches!(log.append_all(&[entry(3), long], &signer()), Err(AuditError::Entry(_))));
    assert_eq!(log.append(&entry(3), &signer()).unwrap().index(), 3);
    assert_holds(&image, &log, &entries(0..4));
}

#[test]
fn a_damaged_edge_does_not_open() {
    let (image, _) = log(300);
    for path in ["log/checkpoint", "log/tile/entries/001.p/44", "log/tile/0/001.p/44", "log/tile/1/000.p/1"] {
        let content = image.read(path).unwrap().unwrap();
        for place in [0, content.len() / 2, content.len() - 1] {
            let mut damaged = content.clone();
            damaged[place] ^= 1;
            image.write(path, &damaged).unwrap();
            let opened = Log::open(Arc::new(image.clone()), &signer().key());
            assert!(matches!(opened, Err(AuditError::Damaged(_))), "{path} {place}");
        }
        image.remove(path).unwrap();
        assert!(Log::open(Arc::new(image.clone()), &signer().key()).is_err());
        image.write(path, &content).unwrap();
    }
    open(&image);
}
