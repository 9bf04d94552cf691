//! Promise 6 for the folder as a whole: every file of a sandbox is in the table of `docs/src/sandbox-files.md`, is bound as the
//! table says, and a change of it is found; a file that is in no row is found too.

use crate::support;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{CHEAP, FixedClock, SOCIAL, STUDY};
use arrow_array::RecordBatchReader;
use hushtag::audit::{Entry, FieldFault, Kind, Log, VerifierKey, verify_each};
use hushtag::engine::{Input, Sources};
use hushtag::keys::{AuditorKey, Keyring, SigningKey};
use hushtag::operator::{
    Keys, NamedKey, NewRoot, Operator, RegisterCheck, StudySource, Verification, VerifyTerms, verify_sandbox,
};
use hushtag::storage::Folder;
use hushtag::types::{EpochId, RecipientId, StudyId};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

const TABLE: &str = include_str!("../../docs/src/sandbox-files.md");

/// A sandbox with everything in it, and what an attacker may have kept of it.
struct Whole {
    home: tempfile::TempDir,
    vkey: VerifierKey,
    /// The key of the retired epoch, as a backup has it.
    retired_key: Vec<u8>,
    old_vkey: VerifierKey,
}

/// Everything of a population as files, because several studies read them.
fn sources(home: &Path) -> Sources {
    let made = support::population(30, 1);
    let file = |name: &str, reader: Box<dyn RecordBatchReader + Send>| {
        let path = home.join(format!("{name}.parquet"));
        let mut writer =
            ArrowWriter::try_new(fs::File::create(&path).unwrap(), reader.schema(), None).unwrap();
        reader.for_each(|batch| writer.write(&batch.unwrap()).unwrap());
        writer.close().unwrap();
        Input::Path(path)
    };
    let table = |name: &str, reader| (name.parse().unwrap(), file(name, reader));
    Sources::new(
        vec![
            table("follows", made.follows()),
            table("payments", made.payments()),
            table("members", made.members()),
        ],
        vec![file("consents", made.consents())],
    )
}

impl Whole {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("box");
        let keys = support::handlers(1);
        let signed =
            |text: &str| support::signed(StudySource::new("study.toml", text), &[&keys[0], &keys[1]]);
        let second = STUDY.replacen("id = \"small\"", "id = \"second\"", 1);
        let mut setup = support::signed_setup("800", STUDY, &keys);
        setup.studies.push(signed(&second));
        let setup = setup
            .with_anchor(home.path().join("box.anchor"))
            .with_auditor(AuditorKey::generate().unwrap().public());
        let clock = Box::new(FixedClock::default());
        let operator = Operator::init(&dir, setup, Keys::InFolder, clock).unwrap().without_response_slot();
        let old_vkey = operator.status().unwrap().vkey;
        let consents = Input::Reader("consents".into(), support::population(30, 1).consents());
        operator.consents().import(consents, None).unwrap();
        operator.seal(&support::terms("e1"), sources(home.path())).unwrap();
        let (recipient, small) =
            (RecipientId::new(support::RECIPIENT).unwrap(), StudyId::new("small").unwrap());
        let ask = |operator: &Operator| {
            let analyst = operator.analyst(&recipient, Some(&small)).unwrap();
            [CHEAP, SOCIAL].iter().for_each(|question| drop(analyst.ask(question, None).unwrap()));
        };
        ask(&operator);
        let retired_key = fs::read(dir.join("keys/epoch-e1.key")).unwrap();
        operator.retire(&EpochId::new("e1").unwrap()).unwrap();
        operator.rotate_key().unwrap();
        operator.rotate_root(NewRoot::InFolder).unwrap();
        assert!(operator.adopt(&signed(&support::changed_study())).unwrap().changed);
        operator.seal(&support::terms("e2"), sources(home.path())).unwrap();
        ask(&operator);
        let vkey = operator.status().unwrap().vkey;
        Self { home, vkey, retired_key, old_vkey }
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("box")
    }

    /// What an auditor finds with the public key from outside the folder, and the root key if `keys`.
    fn verify(&self, keys: bool) -> Result<Verification, String> {
        let keys = keys.then_some(Keys::InFolder);
        let terms = VerifyTerms::new().with_vkey(&self.vkey).with_keys(keys);
        verify_sandbox(&Folder::open(&self.dir()).unwrap(), terms).map_err(|error| {
            let message = error.to_string();
            assert!(
                error.is_damage() || message.contains("root.key") || message.contains("cannot"),
                "{error:?}"
            );
            message
        })
    }

    fn damage(&self, what: &str) -> String {
        let terms = VerifyTerms::new().with_vkey(&self.vkey).with_keys(Keys::InFolder);
        match verify_sandbox(&Folder::open(&self.dir()).unwrap(), terms) {
            Ok(_) => panic!("{what} is not found"),
            Err(error) => {
                assert!(error.is_damage(), "{what}: {error:?}");
                error.to_string()
            }
        }
    }

    /// Every file inside the folder.
    fn files(&self) -> Vec<String> {
        use hushtag::storage::Storage;
        Folder::open(&self.dir()).unwrap().files().unwrap()
    }

    fn write(&self, path: &str, content: &[u8]) {
        let place = self.dir().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, content).unwrap();
        fs::set_permissions(place, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Everything that is read of both stores.
    fn content(&self) -> String {
        let dir = self.home.path().join("copy");
        let _ = fs::remove_dir_all(&dir);
        for file in self.files() {
            let place = dir.join(&file);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::copy(self.dir().join(&file), place).unwrap();
        }
        let clock = Box::new(FixedClock::default());
        let operator = Operator::open(&dir, Keys::InFolder, clock, std::time::Duration::ZERO).unwrap();
        let snapshot = operator.consents().snapshot().unwrap().unwrap();
        let mut text = String::new();
        for event in snapshot.walk().unwrap() {
            text.push_str(&Value::Object(event.unwrap().statements()).to_string());
        }
        let reader = hushtag::operator::Reader::open(&dir, Keys::InFolder, Box::new(FixedClock::default()));
        format!("{text}{:?}", reader.unwrap().charges().unwrap().collect::<Vec<_>>())
    }
}

/// A row of the table.
struct Row {
    file: String,
    bound: String,
    tests: Vec<(String, String)>,
}

/// The rows of the table under a heading.
fn rows(heading: &str) -> Vec<Row> {
    let section = TABLE.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let each = lines.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [file, _, bound, change, test] = cells.as_slice() else { panic!("five cells: {line}") };
        assert!(!change.is_empty() && !bound.is_empty(), "{line}");
        let quoted: Vec<String> = test.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let tests = quoted.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        Row { file: file.trim_matches('`').to_owned(), bound: (*bound).to_owned(), tests }
    });
    each.collect()
}

/// Whether a path is one that a row names: `HASH` is 64 digits, `NAME` anything, other words in capitals are an id.
fn is_of(row: &str, path: &str) -> bool {
    let Some(at) = row.find(|letter: char| letter.is_ascii_uppercase()) else { return row == path };
    let (before, named) = row.split_at(at);
    let end = named.find(|letter: char| !letter.is_ascii_uppercase()).unwrap_or(named.len());
    let (word, after) = named.split_at(end);
    let Some(rest) = path.strip_prefix(before) else { return false };
    (1..=rest.len()).any(|end| {
        let (taken, left) = rest.split_at(end);
        let plain = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let fits = match word {
            "HASH" => taken.len() == 64 && taken.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "NAME" => true,
            _ => plain(taken),
        };
        fits && is_of(after, left)
    })
}

#[test]
fn every_file_has_a_row_and_every_row_a_file_and_a_test() {
    let whole = Whole::new();
    let table = rows("Inside the folder");
    let files = whole.files();
    for file in &files {
        let found: Vec<&str> =
            table.iter().filter(|row| is_of(&row.file, file)).map(|row| row.file.as_str()).collect();
        assert_eq!(found.len(), 1, "{file} is in the rows {found:?}");
    }
    for row in &table {
        assert!(files.iter().any(|file| is_of(&row.file, file)), "no file is a `{}`", row.file);
    }
    for heading in ["Inside the folder", "What a stopped act leaves", "Outside the folder"] {
        for row in rows(heading) {
            assert!(!row.tests.is_empty(), "`{}` has no test", row.file);
            for (file, test) in &row.tests {
                let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
                let text = text.unwrap_or_else(|_| panic!("there is no {file}"));
                assert!(text.contains(&format!("fn {test}(")), "{file} has no {test}");
            }
        }
    }
    let verified = whole.verify(true).unwrap();
    assert_eq!((verified.register, verified.signing_key), (RegisterCheck::Holds, Some(true)));
    assert_eq!(verified.unfinished, Vec::<String>::new());
    assert_eq!(verified.anchored, Some(verified.log.checkpoint.size));
    let public = whole.verify(false).unwrap();
    assert_eq!((public.register, public.signing_key, public.charges), (RegisterCheck::NoKey, None, None));
}

#[test]
fn a_changed_byte_of_any_file_is_found_or_the_table_says_why_not() {
    let whole = Whole::new();
    let (table, before) = (rows("Inside the folder"), whole.content());
    let mut passed = BTreeSet::new();
    for file in whole.files() {
        let row = table.iter().find(|row| is_of(&row.file, &file)).unwrap();
        let content = fs::read(whole.dir().join(&file)).unwrap();
        let step = (content.len() / 9).max(1);
        for at in (0..content.len()).step_by(step).chain(content.len().checked_sub(1)) {
            let mut changed = content.clone();
            changed[at] ^= 1;
            whole.write(&file, &changed);
            if whole.verify(true).is_ok() {
                assert!(row.bound.contains("not bound"), "byte {at} of {file} is changed and not found");
                assert_eq!(whole.content(), before, "byte {at} of {file} changes what is read");
                passed.insert(row.file.clone());
            }
        }
        // Of the ledger at rest the journal is empty.
        if !file.starts_with("lock") && file != "ledger.journal" {
            whole.write(&file, &content[..content.len() / 2]);
            assert!(whole.verify(true).is_err(), "{file} is cut in half and not found");
            fs::remove_file(whole.dir().join(&file)).unwrap();
            // The root key may lie elsewhere, and a log that cannot go on is a log.
            if file == "keys/sign.key" {
                assert_eq!(whole.verify(true).unwrap().signing_key, Some(false));
            } else {
                assert!(whole.verify(true).is_err(), "{file} is removed and not found");
            }
        }
        whole.write(&file, &content);
    }
    let allowed = ["consents.redb", "ledger.redb", "lock", "studies/HASH.sig"].map(str::to_owned);
    assert!(passed.is_subset(&allowed.into()), "{passed:?}");
    whole.verify(true).unwrap();
}

/// Every way to change one value inside another one: each leaf, each key that is left out, and one key more.
fn changes(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let mut without = fields.clone();
                without.remove(name);
                all.push((format!("without {name}"), Value::Object(without)));
                for (what, changed) in changes(field) {
                    let mut other = fields.clone();
                    other.insert(name.clone(), changed);
                    all.push((format!("{name} {what}"), Value::Object(other)));
                }
            }
            let mut more = fields.clone();
            more.insert("more".into(), Value::from("word"));
            all.push(("with one more".into(), Value::Object(more)));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let mut without = items.clone();
                without.remove(at);
                all.push((format!("without item {at}"), Value::Array(without)));
                for (what, changed) in changes(item) {
                    let mut other = items.clone();
                    other[at] = changed;
                    all.push((format!("item {at} {what}"), Value::Array(other)));
                }
            }
            let doubled = items.iter().chain(items.first()).cloned().collect();
            all.push(("with an item twice".into(), Value::Array(doubled)));
        }
        Value::String(text) => {
            all.push(("longer".into(), Value::from(format!("{text}0"))));
            all.push(("empty".into(), Value::from("")));
        }
        Value::Number(number) => {
            all.push(("one more".into(), Value::from(number.as_i64().unwrap() + 1)));
            all.push(("one less".into(), Value::from(number.as_i64().unwrap() - 1)));
        }
        _ => panic!("no such values are in these files"),
    }
    all
}

#[test]
fn every_field_of_sandbox_toml_is_in_the_log() {
    let whole = Whole::new();
    let text = fs::read_to_string(whole.dir().join("sandbox.toml")).unwrap();
    let value: Value = toml::from_str(&text).unwrap();
    let mut tried = 0;
    for (what, changed) in changes(&value) {
        // Of an empty list nothing is written, which is as before.
        let Ok(changed) = toml::to_string(&changed) else { continue };
        assert_ne!(changed, text, "{what}");
        whole.write("sandbox.toml", changed.as_bytes());
        let found = whole.damage(&format!("sandbox.toml {what}"));
        assert!(
            ["sandbox.toml", "box.anchor", "of another sandbox", "it is of sandbox"]
                .iter()
                .any(|part| found.contains(part)),
            "{what}: {found}"
        );
        tried += 1;
    }
    assert!(tried > 60, "{tried}");
    for changed in [
        format!("{text}# a comment\n"),
        text.replacen("version = 1", "version=1", 1),
        text.replacen(&whole.vkey.to_string(), &whole.old_vkey.to_string(), 1),
    ] {
        assert_ne!(changed, text);
        whole.write("sandbox.toml", changed.as_bytes());
        let found = whole.damage(&changed);
        assert!(found.contains("sandbox.toml"), "{found}");
    }
}

#[test]
fn every_field_of_epoch_json_is_in_the_seal_entry() {
    let whole = Whole::new();
    for epoch in ["e1", "e2"] {
        let path = format!("epochs/{epoch}/epoch.json");
        let text = fs::read_to_string(whole.dir().join(&path)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let all = changes(&value);
        assert!(all.len() > 15, "{}", all.len());
        for (what, changed) in all {
            whole.write(&path, changed.to_string().as_bytes());
            let found = whole.damage(&format!("{path} {what}"));
            assert!(found.contains(&path), "{what}: {found}");
            assert!(whole.verify(false).is_err(), "{what}: the public key is enough");
        }
        whole.write(&path, format!(" {text}").as_bytes());
        assert!(whole.damage("another spelling").contains(&path));
        whole.write(&path, text.as_bytes());
    }
    whole.verify(true).unwrap();
}

#[test]
fn keys_that_are_missing_or_another_are_found() {
    let (whole, other) = (Whole::new(), Whole::new());
    let read = |whole: &Whole, path: &str| fs::read(whole.dir().join(path)).unwrap();
    for path in ["keys/epoch-e2.key", "keys/sign.key", "keys/sandbox.key"] {
        let own = read(&whole, path);
        whole.write(path, &read(&other, path));
        assert!(whole.damage(path).contains(path), "{path} of another sandbox");
        whole.write(path, &own);
    }
    let key = read(&whole, "keys/epoch-e2.key");
    fs::remove_file(whole.dir().join("keys/epoch-e2.key")).unwrap();
    let found = whole.damage("a key that is missing");
    assert!(found == "keys/epoch-e2.key: is missing, and the epoch is not retired", "{found}");
    assert!(whole.verify(false).unwrap_err().contains("epoch-e2.key"), "nor without the root key");
    whole.write("keys/epoch-e2.key", &key);
    whole.write("keys/epoch-e1.key", &whole.retired_key);
    assert!(whole.damage("the key of a retired epoch").contains("retired"));
    fs::remove_file(whole.dir().join("keys/epoch-e1.key")).unwrap();
    // Sealed for another epoch, and of another sandbox.
    for strange in [&key, &other.retired_key] {
        whole.write("keys/epoch-e9.key", strange);
        let found = whole.damage("a key of no epoch");
        assert!(found.contains("keys/epoch-e9.key: is of an epoch that the log did not seal"), "{found}");
    }
    fs::remove_file(whole.dir().join("keys/epoch-e9.key")).unwrap();
    assert_eq!(whole.verify(true).unwrap().unfinished, Vec::<String>::new());
    // An auditor's copy has no keys, and says so.
    fs::remove_dir_all(whole.dir().join("keys")).unwrap();
    let public = whole.verify(false).unwrap();
    assert_eq!((public.signing_key, public.register), (None, RegisterCheck::NoKey));
}

#[test]
fn a_removed_ledger_is_found_without_the_root_key() {
    let whole = Whole::new();
    fs::remove_file(whole.dir().join("ledger.redb")).unwrap();
    for keys in [false, true] {
        assert_eq!(whole.verify(keys).unwrap_err(), "ledger.redb: is missing");
    }
}

#[test]
fn a_sealed_epoch_that_a_stop_left_without_its_name_is_unfinished_and_checked() {
    let whole = Whole::new();
    let (named, unnamed) = (whole.dir().join("epochs/e2"), whole.dir().join("epochs/e2.new"));
    let before = whole.verify(true).unwrap();
    fs::rename(&named, &unnamed).unwrap();
    let files: Vec<_> = whole.files().into_iter().filter(|path| path.starts_with("epochs/e2.new/")).collect();
    for keys in [true, false] {
        let found = whole.verify(keys).unwrap();
        assert_eq!((found.cubes, &found.unfinished), (before.cubes, &files));
    }
    for path in &files {
        let content = fs::read(whole.dir().join(path)).unwrap();
        whole.write(path, &[&content[..], b" "].concat());
        assert!(whole.damage(path).starts_with(path.as_str()), "{path}");
        fs::remove_file(whole.dir().join(path)).unwrap();
        assert!(whole.damage(path).contains("epochs/e2.new"), "{path} removed");
        whole.write(path, &content);
    }
    whole.write("epochs/e2.new/notes.txt", b"text");
    assert!(whole.damage("a stranger").starts_with("epochs/e2.new/notes.txt"));
    fs::remove_file(unnamed.join("notes.txt")).unwrap();
    fs::create_dir(&named).unwrap();
    fs::copy(unnamed.join("epoch.json"), named.join("epoch.json")).unwrap();
    assert_eq!(whole.damage("both"), "epochs/e2.new: lies beside the folder that it was renamed to");
    fs::remove_dir_all(&named).unwrap();
    let clock = Box::new(FixedClock::default());
    drop(Operator::open(&whole.dir(), Keys::InFolder, clock, std::time::Duration::ZERO).unwrap());
    assert!(named.exists() && whole.verify(true).unwrap().unfinished.is_empty());
}

#[test]
fn what_a_stopped_act_leaves_is_listed() {
    let whole = Whole::new();
    let (study, text) = (support::STUDY.replacen("small", "third", 1), "text");
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let adopted = fs::read_to_string(whole.dir().join("sandbox.toml")).unwrap();
    let left = [
        ("sandbox.toml.new".to_owned(), adopted.as_str()),
        ("epochs/e2/retired.json".into(), r#"{"entry":99,"epoch":"e2","v":1}"#),
        ("consents.redb.new".into(), text),
        ("keys/root.next".into(), text),
        ("epochs/e3.new/epoch.json".into(), text),
        ("epochs/e2/.epoch.json.tmp".into(), text),
        (".sandbox.toml.tmp".into(), text),
        ("log/.checkpoint.tmp".into(), text),
        (format!("studies/{}.toml", hash(&study)), &study),
        (format!("regimes/{}.toml", hash(text)), text),
    ];
    for (path, content) in &left {
        whole.write(path, content.as_bytes());
        let verified = whole.verify(true).unwrap_or_else(|found| panic!("{path}: {found}"));
        assert_eq!(&verified.unfinished, std::slice::from_ref(path));
        fs::remove_file(whole.dir().join(path)).unwrap();
    }
    // `keys/sign.key.new` opens, or nothing is known of it.
    whole.write("keys/sign.key.new", &fs::read(whole.dir().join("keys/sign.key")).unwrap());
    assert_eq!(whole.verify(true).unwrap().unfinished, ["keys/sign.key.new"]);
    fs::remove_file(whole.dir().join("keys/sign.key.new")).unwrap();
    for path in [
        "notes.txt",
        ".hidden",
        "sandbox.toml.new",
        "epochs/e2/retired.json",
        "epochs/e2/notes.txt",
        "epochs/e2/.hidden",
        "epochs/e2/deeper/epoch.json",
        "epochs/e2/small.somebody.cube",
        "epochs/e1/joined.sealed.old",
        "epochs/E5/notes.txt",
        "epochs/notes.txt",
        "keys/other.key",
        "keys/epoch-E5.key",
        "keys/.hidden",
        "log/.hidden",
        "log/tile/.entries",
        "studies/readme.toml",
        "studies/readme.sig",
        "regimes/deeper/x.toml",
        &format!("studies/{}.toml", hash("another text")),
        "receipts/one.txt",
    ] {
        whole.write(path, b"text");
        let found = whole.damage(path);
        assert!(found.starts_with(path) || found.contains(path), "{path}: {found}");
        fs::remove_file(whole.dir().join(path)).unwrap();
        if let Some((folder, _)) = path.rsplit_once('/') {
            // Only where it was made for this.
            let _ = fs::remove_dir(whole.dir().join(folder));
        }
    }
    std::os::unix::fs::symlink("/etc/hostname", whole.dir().join("epochs/e2/link")).unwrap();
    assert!(whole.damage("a symlink").contains("epochs/e2/link"));
}

/// A directory or a symlink in the place of a file is damage like any other change, not a failure of the system.
#[test]
fn a_directory_or_a_symlink_in_the_place_of_a_file_is_damage() {
    let whole = Whole::new();
    let elsewhere = whole.home.path().join("elsewhere");
    for path in whole.files() {
        // Nothing reads it; and the root key is asked for before anything is verified.
        if ["lock", "keys/root.key"].contains(&path.as_str()) {
            continue;
        }
        let place = whole.dir().join(&path);
        fs::rename(&place, &elsewhere).unwrap();
        fs::create_dir(&place).unwrap();
        whole.damage(&format!("{path} as a directory"));
        fs::remove_dir(&place).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &place).unwrap();
        whole.damage(&format!("{path} as a symlink"));
        fs::remove_file(&place).unwrap();
        fs::rename(&elsewhere, &place).unwrap();
    }
    whole.verify(true).unwrap();
}

/// Every object inside a value, by the path to it.
fn objects(value: &Value, path: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            all.push(path.to_owned());
            map.iter().for_each(|(name, value)| objects(value, &format!("{path}/{name}"), all));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| objects(value, &format!("{path}/{at}"), all));
        }
        _ => {}
    }
}

/// Promise: of an entry of the log nothing is passed over. A field that its kind does not have, at any depth, a word that is in no list,
/// and a field that is missing are damage with the number of the entry and the name of the field.
#[test]
fn a_field_or_a_word_that_no_entry_has_is_damage_with_its_place() {
    let whole = Whole::new();
    let folder = Folder::open(&whole.dir()).unwrap();
    let mut entries: Vec<Entry> = Vec::new();
    verify_each(&folder, &whole.vkey, |_, entry| {
        entries.push(entry.clone());
        Ok(())
    })
    .unwrap();
    let kinds: BTreeSet<Kind> = entries.iter().map(|entry| entry.kind).collect();
    assert!(kinds.len() >= 7, "{kinds:?}");
    let changed = |entry: &Entry, body: Value| {
        let Value::Object(body) = body else { panic!("an object") };
        Entry { body, ..entry.clone() }
    };
    let free = ["question", "note", "rules", "delta", "regime"];
    let (mut optional, mut tried) = (BTreeSet::new(), 0);
    for entry in &entries {
        entry.check_fields().unwrap();
        let body = Value::Object(entry.body.clone());
        let mut places = Vec::new();
        objects(&body, "", &mut places);
        for place in places {
            let names: Vec<String> =
                body.pointer(&place).unwrap().as_object().unwrap().keys().cloned().collect();
            let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                let mut body = body.clone();
                change(body.pointer_mut(&place).unwrap().as_object_mut().unwrap());
                changed(entry, body).check_fields()
            };
            let more = with(&|map| drop(map.insert("more".into(), "x".into())));
            let FieldFault::Unknown(name) = more.unwrap_err() else { panic!("{place}") };
            assert!(name == "more" || name.ends_with(".more"), "{name}");
            for name in &names {
                tried += 1;
                if with(&|map| drop(map.remove(name))).is_ok() {
                    optional.insert(name.clone());
                }
                for other in
                    [Value::Null, "no such word".into(), Value::Array(vec![Value::Null]), (-1).into()]
                {
                    let found = with(&|map| drop(map.insert(name.clone(), other.clone())));
                    let is_free = free.contains(&name.as_str()) && (other.is_string() || other.is_array());
                    assert!(found.is_err() || is_free, "{} {place} {name} {other}", entry.kind);
                }
            }
        }
        let seq = if entry.kind == Kind::Ask { None } else { Some(1) };
        assert!(Entry { ledger_seq: seq, ..entry.clone() }.check_fields().is_err());
    }
    println!("{tried} fields of {} entries", entries.len());
    let may_be_absent =
        ["anchor", "auditor", "consents", "demand", "inputs", "joined", "openings", "register"];
    let more = [
        "register_sealed",
        "replaces",
        "window_days",
        "recipient",
        "epoch",
        "study",
        "number",
        "hash",
        "question",
    ];
    assert!(
        optional.iter().all(|name| may_be_absent.iter().chain(&more).any(|known| known == name)),
        "{optional:?}"
    );

    // The operator can sign anything.
    let id = whole.vkey.name().trim_start_matches("hushtag/").to_owned();
    let keyring = Keyring::open_in_folder(&folder, &id).unwrap();
    let key = SigningKey::load(&folder, &keyring).unwrap();
    let signer = NamedKey { name: whole.vkey.name().into(), key };
    let last = entries.iter().rfind(|entry| entry.kind == Kind::Retire).unwrap();
    let approve = entries.iter().find(|entry| entry.kind == Kind::Approve).unwrap();
    let stranger = support::HandlerKey::new("stranger", 9).vkey();
    let with = |entry: &Entry, name: &str, value: Value| {
        let mut body = entry.body.clone();
        body.insert(name.into(), value);
        Entry { body, ..entry.clone() }
    };
    let files: Vec<(String, Vec<u8>)> = whole
        .files()
        .into_iter()
        .filter(|path| path.starts_with("log/"))
        .map(|path| {
            let content = fs::read(whole.dir().join(&path)).unwrap();
            (path, content)
        })
        .collect();
    for (entry, message) in [
        (with(last, "people", 7.into()), "`people`"),
        (with(last, "because", "a-whim".into()), "`because`"),
        (with(approve, "vkey", stranger.clone().into()), "does not pin"),
    ] {
        let mut log =
            Log::open(std::sync::Arc::new(Folder::open(&whole.dir()).unwrap()), &whole.vkey).unwrap();
        let index = log.append(&entry, &signer).unwrap().index();
        let found = whole.damage(message);
        assert!(found.contains(message) && found.contains(&format!("log entry {index}")), "{found}");
        fs::remove_dir_all(whole.dir().join("log")).unwrap();
        files.iter().for_each(|(path, content)| whole.write(path, content));
    }
    whole.verify(true).unwrap();
}
