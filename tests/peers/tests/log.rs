//! Verifiers that others have written open our log as a folder of static files: they accept its notes, tiles and proofs,
//! make the same proofs themselves, and refuse what was changed.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hushtag::audit::{Entry, Kind, Log, Note, Signer, VerifierKey};
use hushtag::operator::{Approval, Keys, Operator, PoolTerms, Setup, StudySource};
use hushtag::storage::Folder;
use hushtag::types::{NanoEpsilon, SystemClock, Timestamp};
use ring::signature::{Ed25519KeyPair, KeyPair};
use signed_note::{Signer as _, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Hash, HashReader, Tile, TileHashReader, TileReader, check_record, check_tree,
    prove_record, prove_tree, record_hash, stored_hash_index, tree_hash,
};

const ORIGIN: &str = "sandbox.example/log";

struct LogKey(Ed25519KeyPair);

impl LogKey {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn vkey(&self) -> String {
        VerifierKey::of(self).unwrap().to_string()
    }
}

impl Signer for LogKey {
    fn name(&self) -> &str {
        ORIGIN
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }
}

fn entry(number: u64) -> Entry {
    let body = [("units".to_owned(), number.into())].into_iter().collect();
    Entry { kind: Kind::Ask, at: Timestamp::from_seconds(1_700_000_000), ledger_seq: Some(number), body }
}

/// A log of so many entries in a folder, appended in pieces as answers are.
fn log_of(dir: &Path, size: u64) -> Log {
    let signer = LogKey::new(7);
    let mut log = Log::create(Arc::new(Folder::create(dir).unwrap()), &signer, ORIGIN).unwrap();
    let entries: Vec<Entry> = (0..size).map(entry).collect();
    for piece in entries.chunks(97) {
        let _ = log.append_all(piece, &signer).unwrap();
    }
    log
}

/// The head that the folder states, as the others read and verify it.
fn opened(dir: &Path, vkey: &str) -> Result<Checkpoint, String> {
    let content = fs::read(dir.join("log/checkpoint")).unwrap();
    let note = signed_note::Note::from_bytes(&content).map_err(|error| error.to_string())?;
    let verifier = StandardVerifier::new(vkey).map_err(|error| format!("{error:?}"))?;
    let (verified, _) =
        note.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|error| error.to_string())?;
    assert_eq!(verified.len(), 1);
    Checkpoint::from_bytes(note.text()).map_err(|error| error.to_string())
}

/// The tiles of the folder `log`. Go's tile paths name the height, which C2SP leaves out because it is always 8.
struct Tiles(PathBuf);

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            fs::read(self.0.join("log").join(path)).map_err(|_| Error::InvalidTile)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// Sizes around the borders of tiles of one and of two levels.
const SIZES: [u64; 8] = [1, 2, 255, 256, 257, 600, 1_024, 66_000];

#[test]
fn they_read_our_checkpoints_and_every_tile() {
    let home = tempfile::tempdir().unwrap();
    let vkey = LogKey::new(7).vkey();
    for size in SIZES {
        let dir = home.path().join(size.to_string());
        let log = log_of(&dir, size);
        let head = opened(&dir, &vkey).unwrap();
        assert_eq!((head.origin(), head.size(), head.hash().0), (ORIGIN, size, log.head().1));
        assert!(opened(&dir, &LogKey::new(8).vkey()).is_err(), "another key");

        let tiles = Tiles(dir);
        let reader = TileHashReader::new(size, *head.hash(), &tiles);
        assert_eq!(tree_hash(size, &reader).unwrap(), *head.hash());
        for index in (0..size).step_by(if size > 2_000 { 997 } else { 1 }).chain([size - 1]) {
            // The reader hands out only hashes that lead to the root.
            let leaf = reader.read_hashes(&[stored_hash_index(0, index)]).unwrap()[0];
            assert_eq!(leaf, record_hash(entry(index).to_text().unwrap().as_bytes()), "{index} of {size}");
        }
    }
}

#[test]
fn they_verify_our_proofs_and_make_the_same() {
    let home = tempfile::tempdir().unwrap();
    for size in SIZES {
        let dir = home.path().join(size.to_string());
        let log = log_of(&dir, size);
        let root = Hash(log.head().1);
        let tiles = Tiles(dir);
        let reader = TileHashReader::new(size, root, &tiles);
        let step = usize::try_from(size / 40 + 1).unwrap();
        for index in (0..size).step_by(step).chain([size - 1]) {
            let ours: Vec<Hash> = log.prove(index).unwrap().hashes.into_iter().map(Hash).collect();
            let leaf = record_hash(entry(index).to_text().unwrap().as_bytes());
            check_record(&ours, size, root, index, leaf).unwrap();
            assert_eq!(prove_record(size, index, &reader).unwrap(), ours, "{index} of {size}");
            let other = record_hash(entry(index + 1).to_text().unwrap().as_bytes());
            assert!(check_record(&ours, size, root, index, other).is_err(), "{index} of {size}");
        }
        for old in (1..=size).step_by(step).chain([size]) {
            let ours: Vec<Hash> = log.prove_consistency(old).unwrap().into_iter().map(Hash).collect();
            let old_root = Hash(log.root_at(old).unwrap());
            assert_eq!(tree_hash(old, &reader).unwrap(), old_root, "{old} of {size}");
            check_tree(&ours, size, root, old, old_root).unwrap();
            assert_eq!(prove_tree(size, old, &reader).unwrap(), ours, "{old} of {size}");
            assert!(check_tree(&ours, size, root, old, Hash([1; 32])).is_err(), "{old} of {size}");
        }
    }
}

/// One full subtree, because the reader of `tlog_tiles` 0.2.0 leaves tiles unchecked where several subtrees of the head lie in
/// one tile: it counts the subtrees and skips as many tiles. Ours checks every tile of every size (`audit::verify`).
#[test]
fn they_refuse_what_was_changed() {
    const SIZE: u64 = 512;
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("log");
    let vkey = LogKey::new(7).vkey();
    let log = log_of(&dir, SIZE);
    let root = Hash(log.head().1);
    for name in ["log/tile/0/000", "log/tile/0/001", "log/tile/1/000.p/2"] {
        let path = dir.join(name);
        let whole = fs::read(&path).unwrap();
        for place in (0..whole.len()).step_by(29) {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).unwrap();
            let tiles = Tiles(dir.clone());
            let reader = TileHashReader::new(SIZE, root, &tiles);
            // One leaf under each of the tiles.
            let leaves = [0, 300, 511].map(|index| stored_hash_index(0, index));
            assert!(reader.read_hashes(&leaves).is_err(), "{name}, byte {place}");
        }
        fs::write(&path, whole).unwrap();
    }
    let checkpoint = dir.join("log/checkpoint");
    let whole = fs::read(&checkpoint).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&checkpoint, changed).unwrap();
        assert!(opened(&dir, &vkey).is_err(), "byte {place} of the checkpoint");
    }
    fs::write(&checkpoint, whole).unwrap();
    assert!(opened(&dir, &vkey).is_ok());
}

#[test]
fn a_note_of_theirs_is_a_note_to_us() {
    let (secret, vkey) = signed_note::generate_key(&mut rand_core::OsRng, "witness.example");
    let signer = StandardSigner::new(&secret).unwrap();
    let key: VerifierKey = vkey.parse().unwrap();
    assert_eq!((key.to_string(), u32::from_be_bytes(key.id())), (vkey, signer.key_id()));
    let mut note = signed_note::Note::new(b"some text\nof two lines\n", &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    let ours = Note::parse(&note.to_bytes()).unwrap();
    ours.verify(&key).unwrap();
    assert_eq!(ours.to_string().as_bytes(), note.to_bytes());
    let text = ours.to_string().replace("two", "2");
    assert!(Note::parse(text.as_bytes()).unwrap().verify(&key).is_err());
}

/// The folder of a whole sandbox, with the key that it shows.
#[test]
fn they_open_the_folder_of_a_sandbox() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    let study = include_str!("../../support/study.toml");
    let setup = Setup::new(
        vec![StudySource::new("study.toml", study)],
        PoolTerms::new(NanoEpsilon::parse("4").unwrap()).with_delta("1e-12".parse().unwrap()),
    )
    .with_approval(Approval::None);
    let operator = Operator::init(&dir, setup, Keys::InFolder, Box::new(SystemClock)).unwrap();
    let vkey = operator.status().unwrap().vkey.to_string();
    drop(operator);
    let head = opened(&dir, &vkey).unwrap();
    assert!(head.size() >= 1 && vkey.starts_with(head.origin()), "{} of {vkey}", head.origin());
    let tiles = Tiles(dir);
    assert!(tree_hash(head.size(), &TileHashReader::new(head.size(), *head.hash(), &tiles)).is_ok());
}
