//! What several integration tests share: a small study, tiny populations as Arrow readers, a fixed clock, and a sandbox
//! on any storage.
//!
//! Take it in with `pub mod support;`: what one test leaves unused is then no warning.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hushtag::audit::{Note, Signer, VerifierKey, approval_text};
use hushtag::engine::{Input, Reading, Sources};
use hushtag::keys::{Keyring, RootKey};
use hushtag::operator::{
    Analyst, Approval, Keys, Operator, OperatorError, PoolTerms, SealTerms, Setup, StudySource,
};
use hushtag::storage::{Blocks, Storage, StorageError};
use hushtag::types::{Clock, EpochId, HandlerId, NanoEpsilon, RecipientId, Timestamp};
use hushtag_population::{Population, PopulationConfig};
use ring::signature::{Ed25519KeyPair, KeyPair};

/// A study over the tables of a [`Population`]: own-record, own-list, audience and field tags, and two measures to sum.
pub const STUDY: &str = include_str!("study.toml");
/// Its recipient.
pub const RECIPIENT: &str = "brand-insights";
/// A question about own records alone.
pub const CHEAP: &str = "SELECT spend_tier, COUNT(*) FROM tags GROUP BY spend_tier";
/// A question that other people move.
pub const SOCIAL: &str =
    "SELECT audience_size, COUNT(*), SUM(spend) FROM tags WHERE region <> 'other' GROUP BY audience_size";

/// The instant up to which windows and consents of the populations run.
pub fn as_of() -> Timestamp {
    Timestamp::from_seconds(PopulationConfig::default().as_of)
}

/// A clock that is eight hours after [`as_of`].
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Default for FixedClock {
    fn default() -> Self {
        Self(Timestamp::from_seconds(as_of().seconds() + 8 * 3600))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A clock that a test sets, in seconds of 1970; clones are the same clock.
#[derive(Debug, Clone)]
pub struct MovingClock(Arc<AtomicI64>);

impl Default for MovingClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(FixedClock::default().0.seconds())))
    }
}

impl MovingClock {
    /// Sets the present instant.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.seconds(), Ordering::SeqCst);
    }
}

impl Clock for MovingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// A few people; the same seed makes the same ones.
pub fn population(people: u32, seed: u64) -> Population {
    let config = PopulationConfig {
        people,
        seed,
        follows_per_person: 4,
        payments_per_person: 3,
        ..Default::default()
    };
    Population::new(config).unwrap()
}

/// Everything of a population that [`STUDY`] reads, as Arrow readers.
pub fn sources(population: &Population) -> Sources {
    let table = |name: &str, reader| (name.parse().unwrap(), Input::Reader(name.into(), reader));
    Sources::new(
        vec![
            table("follows", population.follows()),
            table("payments", population.payments()),
            table("members", population.members()),
        ],
        vec![Input::Reader("consents".into(), population.consents())],
    )
}

/// The terms of a seal as of [`as_of`]; tiny populations may have any share of bad rows.
pub fn terms(epoch: &str) -> SealTerms {
    SealTerms::new(EpochId::new(epoch).unwrap(), as_of())
        .with_reading(Reading::default().with_max_bad_rows("100".parse().unwrap()))
}

/// A sandbox with [`STUDY`] and a zCDP pool of `epsilon`.
pub fn setup(epsilon: &str) -> Setup {
    let epsilon = NanoEpsilon::parse(epsilon).unwrap();
    Setup::new(
        vec![StudySource::new("study.toml", STUDY)],
        PoolTerms::new(epsilon).with_delta("1e-12".parse().unwrap()),
    )
    .with_approval(Approval::None)
}

/// [`STUDY`] with a retention that ends in another century: what was sealed by the clock of the tests answers by that of the
/// machine too.
pub fn lasting_study() -> String {
    let text = STUDY.replacen("retention = \"90d\"", "retention = \"36500d\"", 1);
    assert_ne!(text, STUDY);
    text
}

/// [`STUDY`] at another price: a changed study of the same id.
pub fn changed_study() -> String {
    let text = STUDY.replacen("default_error = ", "default_error = 1", 1);
    assert_ne!(text, STUDY);
    text
}

/// The key of a handler, made of one byte, under the name that its lines have.
pub struct HandlerKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl HandlerKey {
    /// The key of this byte.
    pub fn new(name: &str, seed: u8) -> Self {
        Self { name: name.into(), pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    /// Its public half.
    pub fn vkey(&self) -> String {
        VerifierKey::of(self).unwrap().to_string()
    }
}

impl Signer for HandlerKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn public_key(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().unwrap()
    }
}

/// The keys of the two handlers of [`STUDY`], the social platform's first.
pub fn handlers(seed: u8) -> [HandlerKey; 2] {
    [HandlerKey::new("a-name", seed), HandlerKey::new("another-name", seed + 1)]
}

/// The study with the signatures of these keys.
pub fn signed(source: StudySource, keys: &[&HandlerKey]) -> StudySource {
    let (study, regime) = source.parse().unwrap();
    let text = approval_text(&study, &regime).unwrap();
    let (first, others) = keys.split_first().unwrap();
    let note = Note::sign(&text, *first).unwrap();
    let note = others.iter().fold(note, |note, key| note.signed_by(*key).unwrap());
    source.with_signatures(note.to_string())
}

/// As [`setup`], with a study that both handlers have signed.
pub fn signed_setup(epsilon: &str, study: &str, keys: &[HandlerKey; 2]) -> Setup {
    let [social, payment] = keys;
    let pinned = [("social-platform", social), ("payment-platform", payment)];
    setup(epsilon)
        .with_handlers(pinned.map(|(id, key)| (HandlerId::new(id).unwrap(), key.vkey())).to_vec())
        .with_approval(Approval::Signatures)
        .with_studies(vec![signed(StudySource::new("study.toml", study), &[social, payment])])
}

/// The root key of every sandbox made here.
pub fn root_key() -> RootKey {
    RootKey::from_hex(&"5a".repeat(32), "the root key of the tests").unwrap()
}

/// Makes a sandbox on `storage` that answers at once.
pub fn init(storage: Arc<dyn Storage>, epsilon: &str) -> Result<Operator, OperatorError> {
    let keys = Keys::Given(root_key());
    Operator::init_on(storage, setup(epsilon), keys, Box::new(FixedClock::default()))
        .map(Operator::without_response_slot)
}

/// Opens the sandbox on `storage` by the normal path.
pub fn open(storage: Arc<dyn Storage>) -> Result<Operator, OperatorError> {
    open_under(storage, &root_key())
}

/// As [`open`], under another root key.
pub fn open_under(storage: Arc<dyn Storage>, root: &RootKey) -> Result<Operator, OperatorError> {
    let text =
        storage.read("sandbox.toml")?.ok_or_else(|| OperatorError::NotASandbox("the storage".into()))?;
    let file: toml::Table = toml::from_str(&String::from_utf8(text).unwrap()).unwrap();
    let keyring = Keyring::open(&*storage, root, file["id"].as_str().unwrap())?;
    Operator::open_on(storage, keyring, Box::new(FixedClock::default())).map(Operator::without_response_slot)
}

/// The handle of [`RECIPIENT`].
pub fn analyst(operator: &Operator) -> Analyst {
    operator.analyst(&RecipientId::new(RECIPIENT).unwrap(), None).unwrap()
}

/// What is done before a storage reads: `read`, `list` or `read_blocks`, and the path.
pub type Hook = Box<dyn Fn(&str, &str) + Send + Sync>;

/// A storage that calls someone before each reading.
pub struct Hooked<S> {
    /// What is read.
    pub storage: S,
    /// Who is called.
    pub hook: Hook,
}

impl<S: Storage> Storage for Hooked<S> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        (self.hook)("read", path);
        self.storage.read(path)
    }
    fn write(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.storage.write(path, content)
    }
    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.storage.remove(path)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.storage.rename(from, to)
    }
    fn rename_over(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.storage.rename_over(from, to)
    }
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        (self.hook)("list", directory);
        self.storage.list(directory)
    }
    fn blocks(&self, path: &str) -> Result<Box<dyn Blocks>, StorageError> {
        self.storage.blocks(path)
    }
    fn read_blocks(&self, path: &str) -> Result<Option<Box<dyn Blocks>>, StorageError> {
        (self.hook)("read_blocks", path);
        self.storage.read_blocks(path)
    }
    fn files(&self) -> Result<Vec<String>, StorageError> {
        self.storage.files()
    }
}
