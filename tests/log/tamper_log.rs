//! Promise 6, record by record: an entry or a hash of the log that was taken out, put in, exchanged or cut off is found in
//! its file; a log that was rewritten as a whole, or cut where it once ended, is found by its signature or by an anchor.

use std::fs;
use std::sync::Arc;

use crate::support::HandlerKey;
use hushtag::audit::tiles::{CHECKPOINT, Content, Tile, hashes, pack, unpack};
use hushtag::audit::{Entry, Kind, Log, VerifierKey, VerifyError, VerifyErrorKind, verify};
use hushtag::storage::{AnchorFile, Image, Storage};
use hushtag::types::Timestamp;

const ORIGIN: &str = "sandbox.example/log";

fn signer() -> HandlerKey {
    HandlerKey::new(ORIGIN, 7)
}

fn key() -> VerifierKey {
    signer().vkey().parse().unwrap()
}

fn entry(number: u64) -> Entry {
    let kind = if number.is_multiple_of(2) { Kind::Ask } else { Kind::Refuse };
    let body = [("units".to_owned(), number.into())].into_iter().collect();
    Entry { kind, at: Timestamp::from_seconds(1_700_000_000), ledger_seq: Some(number), body }
}

fn log_of(entries: &[Entry]) -> Image {
    let image = Image::new();
    let mut log = Log::create(Arc::new(image.clone()), &signer(), ORIGIN).unwrap();
    log.append_all(entries, &signer()).unwrap();
    image
}

/// The tiles of a log with so many entries, and what each holds.
fn tiles(image: &Image, size: u64) -> Vec<(String, Content, Vec<u8>)> {
    let mut all = Vec::new();
    for content in [Content::Entries, Content::Hashes(0), Content::Hashes(1)] {
        for tile in (0..).map_while(|index| Tile::at(content, index, size)) {
            let path = tile.to_string();
            let bytes = image.read(&path).unwrap().unwrap();
            all.push((path, content, bytes));
        }
    }
    all
}

/// The records of a tile: its entries with their lengths, or its hashes.
fn split(content: Content, bytes: &[u8]) -> Vec<Vec<u8>> {
    match content {
        Content::Entries => {
            let packed = |entry: &&[u8]| {
                let mut bytes = Vec::new();
                pack(&mut bytes, entry).unwrap();
                bytes
            };
            unpack(bytes).unwrap().iter().map(packed).collect()
        }
        Content::Hashes(_) => hashes(bytes).unwrap().iter().map(|hash| hash.to_vec()).collect(),
    }
}

/// Every way in which one record at `at` can be wrong without a changed byte.
fn changes(records: &[Vec<u8>], at: usize) -> Vec<(&'static str, Vec<u8>)> {
    let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = records.to_vec();
        change(&mut changed);
        changed.concat()
    };
    let other = (at + 1) % records.len();
    let mut all = vec![
        ("deleted", with(&|records| drop(records.remove(at)))),
        ("inserted twice", with(&|records| records.insert(at, records[at].clone()))),
        ("cut off with all after it", with(&|records| records.truncate(at))),
        (
            "cut in its middle",
            with(&|records| {
                let half = records[at].len() / 2;
                records.truncate(at + 1);
                records[at].truncate(half);
            }),
        ),
    ];
    if other != at {
        all.push(("exchanged with its neighbour", with(&|records| records.swap(at, other))));
        all.push(("replaced by its neighbour", with(&|records| records[at] = records[other].clone())));
    }
    all
}

#[test]
fn every_record_of_every_tile_is_in_its_place_or_missed_there() {
    const SIZE: u64 = 300;
    let entries: Vec<Entry> = (0..SIZE).map(entry).collect();
    let image = log_of(&entries);
    let mut found = 0;
    for (path, content, whole) in tiles(&image, SIZE) {
        let records = split(content, &whole);
        for at in 0..records.len() {
            for (what, changed) in changes(&records, at) {
                image.write(&path, &changed).unwrap();
                let VerifyError { place, kind } =
                    verify(&image, &key()).expect_err(&format!("{path}: {at} {what}"));
                assert!(place.starts_with(&path), "{path}: {at} {what} is found at {place}: {kind}");
                found += 1;
            }
        }
        image.write(&path, &whole).unwrap();
    }
    assert!(verify(&image, &key()).is_ok());
    assert_eq!(found, 2 * 300 * 6 + 4, "of the upper tile's one hash there is no neighbour");
}

#[test]
fn every_tile_is_in_its_place_or_missed_there() {
    const SIZE: u64 = 600;
    let entries: Vec<Entry> = (0..SIZE).map(entry).collect();
    let image = log_of(&entries);
    let all = tiles(&image, SIZE);
    assert_eq!(all.len(), 7);
    for (path, _, whole) in &all {
        for (other, _, content) in all.iter().filter(|(other, ..)| other != path) {
            image.write(path, content).unwrap();
            let fault = verify(&image, &key()).expect_err(&format!("{other} in the place of {path}"));
            assert!(fault.place.starts_with(path), "{other} in the place of {path}: {fault}");
            // Exchanged: one of the two is named.
            image.write(other, whole).unwrap();
            let fault = verify(&image, &key()).expect_err(&format!("{other} and {path} exchanged"));
            assert!([path, other].iter().any(|path| fault.place.starts_with(*path)), "{fault}");
            image.write(other, content).unwrap();
        }
        image.remove(path).unwrap();
        let fault = verify(&image, &key()).unwrap_err();
        assert!(fault.place == *path && matches!(fault.kind, VerifyErrorKind::Missing), "{fault}");
        image.write(path, whole).unwrap();
    }
    assert!(verify(&image, &key()).is_ok());
}

/// Somebody who has everything but the key writes the log again, tiles and all, and keeps the signed checkpoint.
#[test]
fn a_log_that_was_rewritten_does_not_have_the_signed_root() {
    const SIZE: u64 = 270;
    let entries: Vec<Entry> = (0..SIZE).map(entry).collect();
    let checkpoint = log_of(&entries).read(CHECKPOINT).unwrap().unwrap();
    for at in (0..entries.len()).step_by(13).chain([entries.len() - 1]) {
        let with = |change: &dyn Fn(&mut Vec<Entry>)| {
            let mut changed = entries.clone();
            change(&mut changed);
            changed
        };
        let other = (at + 1) % entries.len();
        for (what, changed) in [
            ("deleted", with(&|all| drop(all.remove(at)))),
            ("inserted", with(&|all| all.insert(at, entry(1_000)))),
            ("changed", with(&|all| all[at] = entry(1_000))),
            ("exchanged", with(&|all| all.swap(at, other))),
            ("cut off", with(&|all| all.truncate(at))),
        ] {
            let forged = log_of(&changed);
            assert!(verify(&forged, &key()).is_ok(), "consistent in itself");
            forged.write(CHECKPOINT, &checkpoint).unwrap();
            let fault = verify(&forged, &key()).expect_err(&format!("{at} {what}"));
            let same_size = changed.len() == entries.len();
            assert_eq!(matches!(fault.kind, VerifyErrorKind::Root), same_size, "{at} {what}: {fault}");
            assert!(same_size || matches!(fault.kind, VerifyErrorKind::Missing), "{at} {what}: {fault}");
        }
    }
}

/// At every length that the log ever had: its checkpoint of then among the files of now is found by the files, but for one of
/// full tiles alone; that one, and its whole folder of then, by the anchor and by nothing else.
#[test]
fn an_old_checkpoint_is_found_by_the_files_and_an_old_folder_by_the_anchor() {
    let image = Image::new();
    let mut log = Log::create(Arc::new(image.clone()), &signer(), ORIGIN).unwrap();
    let mut history = Vec::new();
    for number in 0..260 {
        let _ = log.append(&entry(number), &signer()).unwrap();
        history.push(image.crash());
    }
    history.pop().unwrap();
    // While the log is open, its tail leads to every checkpoint of the open bundle: those are found by the ledger and by the anchor.
    drop(log);
    let now = Image::new();
    for path in image.files().unwrap() {
        now.write(&path, &image.read(&path).unwrap().unwrap()).unwrap();
    }
    let disk = tempfile::tempdir().unwrap();
    let anchor = AnchorFile::new(&disk.path().join("anchor")).unwrap();
    fs::write(anchor.path(), now.read(CHECKPOINT).unwrap().unwrap()).unwrap();
    let check = |image: Image| {
        let log = Log::open(Arc::new(image), &key()).unwrap();
        log.check_anchor(&anchor, anchor.read().unwrap())
    };
    check(now.clone()).unwrap();
    for (at, old) in history.into_iter().enumerate() {
        let mixed = now.crash();
        mixed.write(CHECKPOINT, &old.read(CHECKPOINT).unwrap().unwrap()).unwrap();
        if at + 1 == 256 {
            // It needs full tiles alone, which are still there: as after a stop in the append of the next four entries.
            assert_eq!(verify(&mixed, &key()).unwrap().leftovers.len(), 2);
            let _ = check(mixed).expect_err("the anchor shows it");
        } else {
            let fault = verify(&mixed, &key()).expect_err(&format!("the checkpoint of {} entries", at + 1));
            assert!(matches!(fault.kind, VerifyErrorKind::Missing), "{}: {fault}", at + 1);
        }
        assert_eq!(verify(&old, &key()).unwrap().checkpoint.size, at as u64 + 1, "nothing in it shows it");
        let error = check(old).expect_err("the anchor shows it");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("was put back"), "{error:?}");
    }
}
