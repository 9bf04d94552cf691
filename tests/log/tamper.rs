//! Promise 6: a byte of a sandbox that was changed, cut, added, or taken from another sandbox is found with its place, or
//! changes nothing that anybody reads.

use crate::support;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{CHEAP, FixedClock, SOCIAL};
use hushtag::operator::{Answer, Keys, Operator, OperatorError, verify_log};
use hushtag::storage::Folder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ASKED: [&str; 3] = [CHEAP, SOCIAL, "SELECT AVG(spend) FROM tags WITH (error = 30)"];

fn made(dir: &Path) {
    let keys = Keys::Given(support::root_key());
    let operator = Operator::init(dir, support::setup("8"), keys, Box::new(FixedClock::default())).unwrap();
    let operator = operator.without_response_slot();
    operator.seal(&support::terms("e1"), support::sources(&support::population(25, 1))).unwrap();
    ASKED.iter().for_each(|question| drop(support::analyst(&operator).ask(question, None).unwrap()));
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// Everything that is read of a sandbox: both books verified, then every answer once more, and what was spent.
fn reading(dir: &Path) -> Result<String, OperatorError> {
    let keys = || Keys::Given(support::root_key());
    let verified = verify_log(&Folder::open(dir)?, None, Some(keys()), None)?;
    let operator = Operator::open(dir, keys(), Box::new(FixedClock::default()), Duration::ZERO)?;
    let operator = operator.without_response_slot();
    let analyst = support::analyst(&operator);
    let mut text = format!("{:?} {:?} {}", verified.charges, verified.log.kinds, analyst.remaining()?.spent);
    for question in ASKED {
        match analyst.ask(question, None)? {
            Answer::Released(answer) => text.push_str(&format!("{:?} {}", answer.rows, answer.stored)),
            Answer::Refused(reasons) => text.push_str(&format!("{reasons:?}")),
        }
    }
    Ok(text)
}

/// The folder put back as it was, then `change`d; what is read of it must be as before, or an error with a place.
struct Tampered {
    home: tempfile::TempDir,
    whole: Vec<(PathBuf, Vec<u8>)>,
    before: String,
    found: u32,
    harmless: u32,
}

impl Tampered {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("box");
        made(&dir);
        let before = reading(&dir).unwrap();
        let whole = files(&dir).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        Self { home, whole, before, found: 0, harmless: 0 }
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("box")
    }

    fn restore(&self) {
        for path in files(&self.dir()) {
            if !self.whole.iter().any(|(known, _)| *known == path) {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, content) in &self.whole {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if fs::read(path).ok().as_ref() != Some(content) {
                fs::write(path, content).unwrap();
            }
        }
    }

    fn check(&mut self, what: &str, change: impl FnOnce(&Path)) {
        self.restore();
        change(&self.dir());
        match reading(&self.dir()) {
            Ok(read) => {
                assert_eq!(read, self.before, "{what} changes what is read");
                self.harmless += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty(), "{what}");
                self.found += 1;
            }
        }
    }

    /// As [`Tampered::check`] where nothing may be passed over.
    fn must_find(&mut self, what: &str, change: impl FnOnce(&Path)) {
        let before = self.harmless;
        self.check(what, change);
        assert_eq!(self.harmless, before, "{what} is not found");
    }

    /// The files under a folder of the sandbox, with their content.
    fn under(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = self.dir().join(folder);
        self.whole.iter().filter(|(path, _)| path.starts_with(&folder)).cloned().collect()
    }
}

#[test]
fn every_changed_byte_of_the_log_is_found() {
    let mut sandbox = Tampered::new();
    for (path, content) in sandbox.under("log") {
        for place in 0..content.len() {
            let mut changed = content.clone();
            changed[place] ^= 1 << (place % 8);
            let what = format!("{} with byte {place} changed", path.display());
            sandbox.must_find(&what, |_| fs::write(&path, changed).unwrap());
        }
        for (what, other) in [
            ("cut", content[..content.len() / 2].to_vec()),
            ("emptied", Vec::new()),
            ("longer", [content.as_slice(), b"\0"].concat()),
        ] {
            sandbox.must_find(&format!("{} {what}", path.display()), |_| fs::write(&path, other).unwrap());
        }
        sandbox.must_find(&format!("{} removed", path.display()), |_| fs::remove_file(&path).unwrap());
    }
    let stray = |dir: &Path| fs::write(dir.join("log/tile/entries/001"), b"stray").unwrap();
    sandbox.check("a stray tile", stray);
}

#[test]
fn no_changed_byte_of_ledger_cubes_or_keys_changes_what_is_read() {
    let mut sandbox = Tampered::new();
    let mut rng = StdRng::seed_from_u64(3);
    for folder in ["ledger.redb", "epochs", "keys", "studies", "sandbox.toml"] {
        for (path, content) in sandbox.under(folder) {
            let places: Vec<usize> = if content.len() <= 64 {
                (0..content.len()).collect()
            } else {
                (0..60).map(|_| rng.random_range(0..content.len())).collect()
            };
            for place in places {
                let mut changed = content.clone();
                changed[place] ^= 1 << rng.random_range(0..8);
                let what = format!("{} with byte {place} changed", path.display());
                sandbox.check(&what, |_| fs::write(&path, changed).unwrap());
            }
            let what = format!("{} emptied", path.display());
            sandbox.must_find(&what, |_| fs::write(&path, b"").unwrap());
            let half = content[..content.len() / 2].to_vec();
            sandbox.must_find(&format!("{} cut", path.display()), |_| fs::write(&path, half).unwrap());
            sandbox.must_find(&format!("{} removed", path.display()), |_| fs::remove_file(&path).unwrap());
        }
    }
    // The store has pages that nothing uses; everything else is found.
    assert!(sandbox.found > 200, "{} found, {} harmless", sandbox.found, sandbox.harmless);
}

#[test]
fn files_of_another_sandbox_are_strangers() {
    let mut sandbox = Tampered::new();
    let other = tempfile::tempdir().unwrap();
    let strange = other.path().join("box");
    made(&strange);
    for path in files(&strange) {
        let name = path.strip_prefix(&strange).unwrap().to_owned();
        let place = sandbox.dir().join(&name);
        let content = fs::read(&path).unwrap();
        // Studies and times are the same in both, so some files are too; the lock names who holds it, and no one reads it.
        if fs::read(&place).ok().as_ref() == Some(&content) || name == Path::new("lock") {
            continue;
        }
        let what = format!("{} of another sandbox", name.display());
        sandbox.must_find(&what, |_| {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, content).unwrap();
        });
    }
    assert!(sandbox.found >= 6, "{}", sandbox.found);
}

/// With the public key alone: what `epoch.json` says is what the log says, and no epoch is beside those that were sealed.
#[test]
fn an_epoch_that_the_log_did_not_seal_so_is_found() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    made(&dir);
    let epoch = dir.join("epochs/e1/epoch.json");
    let text = fs::read_to_string(&epoch).unwrap();
    let verify = || verify_log(&Folder::open(&dir).unwrap(), None, None, None).map(|verified| verified.cubes);
    assert_eq!(verify().unwrap(), 1);
    let time = support::as_of().seconds().to_string();
    let other = text.replace(&time, &(support::as_of().seconds() + 1).to_string());
    let strange = text.replace("\"blake3:", "\"blake3:0");
    for changed in [String::new(), other, strange] {
        assert!(changed != text, "nothing was changed");
        fs::write(&epoch, changed).unwrap();
        let error = verify().unwrap_err();
        assert!(error.is_damage() && error.to_string().contains("epochs/e1/epoch.json"), "{error}");
    }
    fs::write(&epoch, &text).unwrap();
    fs::create_dir(dir.join("epochs/e2")).unwrap();
    fs::write(dir.join("epochs/e2/epoch.json"), text.replace("e1", "e2")).unwrap();
    let error = verify().unwrap_err();
    assert!(error.is_damage() && error.to_string().contains("epochs/e2/epoch.json"), "{error}");
}
