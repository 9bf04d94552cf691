//! Promise: a root key that lives elsewhere is asked for by the id of the sandbox, at every open, and nothing of it is in the folder.

use crate::support;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::FixedClock;
use hushtag::keys::{KeyError, KeyProvider, RootKey};
use hushtag::operator::{Keys, NewRoot, Operator, OperatorError};

/// A service that has one key and keeps a list of who asked.
struct Service {
    digits: Option<&'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl KeyProvider for Service {
    fn root_key(&self, sandbox: &str) -> Result<RootKey, KeyError> {
        self.asked.lock().unwrap().push(sandbox.to_owned());
        let digits = self.digits.ok_or_else(|| KeyError::Provider("the service is away".into()))?;
        RootKey::from_hex(&digits.repeat(32), "the service")
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_provided_key_opens_what_it_made_and_lies_nowhere() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("box");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keys = |digits| Keys::Provided(Box::new(Service { digits, asked: Arc::clone(&asked) }));
    let clock = || Box::new(FixedClock::default());
    let made = Operator::init(&folder, support::setup("4"), keys(Some("a7")), clock()).unwrap();
    let id = made.status().unwrap().sandbox;
    drop(made);
    let open = |digits| Operator::open(&folder, keys(digits), clock(), Duration::ZERO).map(drop);
    open(Some("a7")).unwrap();
    assert_eq!(*asked.lock().unwrap(), [id.clone(), id.clone()]);
    for path in files(&folder) {
        let content = std::fs::read(&path).unwrap();
        for needle in ["a7".repeat(32).as_bytes(), [0xa7; 32].as_slice()] {
            assert!(!content.windows(32).any(|window| window == needle), "{}", path.display());
            assert!(!content.windows(64).any(|window| window == needle), "{}", path.display());
        }
    }
    assert!(!folder.join("keys/root.key").exists());
    assert!(open(Some("a8")).unwrap_err().is_damage(), "another key opens nothing");
    let rotated = Operator::open(&folder, keys(Some("a7")), clock(), Duration::ZERO).unwrap();
    let next = RootKey::from_hex(&"b6".repeat(32), "the service").unwrap();
    assert_eq!(rotated.rotate_root(NewRoot::Given(next)).unwrap().number, 1);
    drop(rotated);
    open(Some("b6")).unwrap();
    assert!(open(Some("a7")).unwrap_err().is_damage(), "the key before opens nothing");
    for path in files(&folder) {
        let content = std::fs::read(&path).unwrap();
        for byte in ["a7", "b6"] {
            let raw = [u8::from_str_radix(byte, 16).unwrap(); 32];
            let text = byte.repeat(32);
            assert!(!content.windows(32).any(|window| window == raw), "{}", path.display());
            assert!(!content.windows(64).any(|window| window == text.as_bytes()), "{}", path.display());
        }
    }
    assert!(!folder.join("keys/root.key").exists() && !folder.join("keys/root.next").exists());
    let away = open(None).unwrap_err();
    assert!(matches!(&away, OperatorError::Key(KeyError::Provider(_))) && !away.is_damage(), "{away}");
    // A holder of the folder alone has no key.
    let alone = Operator::open(&folder, Keys::InFolder, clock(), Duration::ZERO).map(drop).unwrap_err();
    assert!(matches!(alone, OperatorError::Key(KeyError::Absent(_))), "{alone}");
}
