//! Promise 4: wherever a sandbox stops, the budget never comes back, no answer is lost or drawn again, and an epoch is
//! there as a whole or not at all; a study that was being adopted is in force or is not.
//!
//! Two ways to stop: a storage in memory that fails at its k-th operation, and a child process that ends itself after
//! its n-th durable step on a real folder.

use crate::support;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hushtag::audit::{Entry, Kind, VerifierKey, verify_each};
use hushtag::keys::{Keyring, RootKey};
use hushtag::operator::{
    Analyst, Answer, Keys, NewRoot, Operator, OperatorError, Setup, StudySource, verify_log,
};
use hushtag::storage::{Blocks, Fault, Folder, Image, Storage, StorageError};
use serde::{Deserialize, Serialize};

use crate::support::{CHEAP, FixedClock, SOCIAL, STUDY};

const BUDGET: &str = "8";
const EPOCH: &str = "e1";
const PEOPLE: u32 = 30;
/// What is asked, in this order; some repeated, the fourth beyond the budget.
const QUESTIONS: [&str; 7] = [
    CHEAP,
    SOCIAL,
    CHEAP,
    "SELECT audience_size, COUNT(*) FROM tags GROUP BY audience_size WITH (error = 1)",
    "SELECT COUNT(*) FROM tags WHERE region IN ('east', 'south')",
    SOCIAL,
    "SELECT list_size, COUNT(*) FROM tags GROUP BY list_size",
];
const BEYOND_BUDGET: usize = 3;

/// What someone outside has seen happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Initialised,
    Sealed,
    Answered { question: usize, index: u64, units: u64, rows: String },
    Refused,
    Adopted,
    Recorded,
    Erased,
    NewRoot,
    Spent(u64),
    Steps(u64),
}

fn spent(analyst: &Analyst) -> Result<u64, OperatorError> {
    analyst.remaining().map(|remaining| u64::try_from(remaining.spent).unwrap())
}

fn ask(analyst: &Analyst, question: usize) -> Result<(Event, bool), OperatorError> {
    Ok(match analyst.ask(QUESTIONS[question], None)? {
        Answer::Refused(_) => (Event::Refused, false),
        Answer::Released(answer) => {
            let (index, units) = (answer.index, u64::try_from(answer.units).unwrap());
            (Event::Answered { question, index, units, rows: format!("{:?}", answer.rows) }, answer.stored)
        }
    })
}

fn seal(operator: &Operator) -> Result<(), OperatorError> {
    operator.seal(&support::terms(EPOCH), support::sources(&support::population(PEOPLE, 1))).map(|_| ())
}

/// The study, which also pays for counts of people by consent: a seal takes every step that there is.
fn first_study() -> String {
    STUDY.replacen("[release]", "[release]\nconsent_error = 400", 1)
}

/// Both handlers approve, and an auditor gets figures.
fn first_setup() -> Setup {
    let auditor = format!("x25519:09{}", "0".repeat(62)).parse().unwrap();
    support::signed_setup(BUDGET, &first_study(), &support::handlers(1)).with_auditor(auditor)
}

/// A whole life of a sandbox. Failures are passed over, as a careless caller would.
fn live(storage: Arc<dyn Storage>, see: &mut dyn FnMut(Event)) {
    let keys = Keys::Given(support::root_key());
    let setup = first_setup();
    let operator = Operator::init_on(storage, setup, keys, Box::new(FixedClock::default()));
    let Ok(operator) = operator.map(Operator::without_response_slot) else { return };
    see(Event::Initialised);
    if seal(&operator).is_ok() {
        see(Event::Sealed);
    }
    let analyst = support::analyst(&operator);
    for question in 0..QUESTIONS.len() {
        if let Ok((event, _)) = ask(&analyst, question) {
            see(event);
        }
        if let Ok(spent) = spent(&analyst) {
            see(Event::Spent(spent));
        }
    }
    drop(analyst);
    for text in [support::changed_study(), third_study()] {
        if operator.adopt(&signed(&text)).is_ok() {
            see(Event::Adopted);
        }
    }
    if operator.rotate_root(NewRoot::Given(second_root())).is_ok() {
        see(Event::NewRoot);
    }
    if let Ok(spent) = spent(&support::analyst(&operator)) {
        see(Event::Spent(spent));
    }
}

/// A word of a person for the register.
fn said_by(person: &str) -> hushtag::register::Event {
    let event = hushtag::register::Event::from_cells(|column| match column {
        "person" => Some(person.to_owned()),
        "ids" => Some("phone".to_owned()),
        "event" => Some("refused".to_owned()),
        "at" => Some("2026-09-01T00:00:00Z".to_owned()),
        _ => None,
    });
    event.unwrap()
}

/// A sandbox with a register from which a person is erased.
fn live_with_a_register(storage: Arc<dyn Storage>, see: &mut dyn FnMut(Event)) {
    let operator = support::init(storage, BUDGET).unwrap();
    for person in ["1", "2"] {
        operator.consents().record(&[said_by(person)]).unwrap();
        see(Event::Recorded);
    }
    operator.consents().erase(None, "1").unwrap();
    see(Event::Erased);
}

/// Of the two with events the first was erased afterwards: a whole erasure or none, and nothing of the other one is lost.
fn check_register(seen: &[Event], operator: &Operator) {
    let consents = operator.consents();
    let recorded = |person| consents.events_of(("phone", person)).unwrap().len();
    let erased = consents.tombstone_of(("phone", "1")).unwrap().is_some();
    assert!(erased || !seen.contains(&Event::Erased), "an erasure is gone");
    if erased {
        assert_eq!(recorded("1"), 0, "half an erasure");
    }
    let acknowledged = seen.iter().filter(|event| matches!(event, Event::Recorded)).count();
    assert!(recorded("1") + recorded("2") + usize::from(erased) >= acknowledged, "what was recorded is gone");
    consents.erase(None, "1").unwrap();
    assert_eq!(recorded("1"), 0);
}

/// The root key that a life ends with.
fn second_root() -> RootKey {
    RootKey::from_hex(&"6b".repeat(32), "the second root key").unwrap()
}

/// The root key under which the sandbox on `storage` opens; the other one opens nothing.
fn root_in_force(seen: &[Event], storage: &dyn Storage) -> RootKey {
    let file = storage.read("sandbox.toml").unwrap().map(|text| String::from_utf8(text).unwrap());
    let Some(file) = file else { return support::root_key() };
    let id = file.parse::<toml::Table>().unwrap()["id"].as_str().unwrap().to_owned();
    let opens = |root: RootKey| Keyring::open(storage, &root, &id).is_ok();
    let (first, second) = (opens(support::root_key()), opens(second_root()));
    assert!(first != second, "one root key opens and the other does not");
    assert!(second || !seen.contains(&Event::NewRoot), "the new root key is gone");
    if second { second_root() } else { support::root_key() }
}

/// Every change of the root key has its entry, whether it was acknowledged or not.
fn logged_roots(storage: &dyn Storage, vkey: &VerifierKey) -> usize {
    let mut roots = 0;
    let count = |_: &_, entry: &Entry| {
        roots += usize::from(entry.kind == Kind::Key);
        Ok(())
    };
    verify_each(storage, vkey, count).unwrap();
    roots
}

/// A text of the study with the signatures of both handlers.
fn signed(text: &str) -> StudySource {
    let [one, other] = support::handlers(1);
    support::signed(StudySource::new("study.toml", text), &[&one, &other])
}

/// The study in force is the one that the log adopted last; afterwards it is the first one again.
fn check_law(seen: &[Event], storage: &dyn Storage, operator: &mut Operator) {
    let mut adopted = Vec::new();
    let read = |_: &_, entry: &Entry| {
        adopted.extend((entry.kind == Kind::Adopt).then(|| entry.body["adopted"]["hash"].to_string()));
        Ok(())
    };
    verify_each(storage, &operator.status().unwrap().vkey, read).unwrap();
    let acknowledged = seen.iter().filter(|event| matches!(event, Event::Adopted)).count();
    assert!(adopted.len() >= acknowledged, "an adoption is gone");
    assert_eq!(storage.read("sandbox.toml.new").unwrap(), None, "half an adoption is left");
    let hash = |text: &str| format!("\"{}\"", StudySource::new("study.toml", text).parse().unwrap().0.hash);
    let texts = [first_study(), support::changed_study(), third_study()];
    let last =
        adopted.last().map_or(&texts[0], |last| texts.iter().find(|text| hash(text) == *last).unwrap());
    assert!(!operator.adopt(&signed(last)).unwrap().changed, "the law is not what the log says");
    operator.adopt(&signed(&first_study())).unwrap();
}

/// One more change, tried by a caller who passes over the failure of the first.
fn third_study() -> String {
    format!("{}# changed again\n", support::changed_study())
}

fn logged_seals(storage: &dyn Storage, vkey: &VerifierKey) -> usize {
    let mut seals = 0;
    let count = |_: &_, entry: &Entry| {
        seals += usize::from(entry.kind == Kind::Seal);
        Ok(())
    };
    verify_each(storage, vkey, count).unwrap();
    seals
}

/// Everything that must hold of what a stop has left on `storage`, and of going on from there.
fn check(
    seen: &[Event],
    storage: Arc<dyn Storage>,
    reopen: impl FnOnce(RootKey) -> Result<Operator, OperatorError>,
    whole: u64,
) {
    let root = || root_in_force(seen, &*storage);
    let mut operator = match reopen(root()) {
        Err(OperatorError::NotASandbox(_)) => {
            assert!(!seen.contains(&Event::Initialised), "the sandbox is gone");
            return;
        }
        other => other.unwrap(),
    };
    check_law(seen, &*storage, &mut operator);
    let analyst = support::analyst(&operator);
    let kept = spent(&analyst).unwrap();
    let acknowledged =
        seen.iter().filter_map(|event| if let Event::Spent(spent) = event { Some(*spent) } else { None });
    let acknowledged = acknowledged.max().unwrap_or(0);
    assert!(kept >= acknowledged, "spent fell from {acknowledged} to {kept}");
    let verified = verify_log(&*storage, None, Some(Keys::Given(root())), None).unwrap();
    assert!(verified.charges.is_some());

    let status = operator.status().unwrap();
    let changed = Keyring::open(&*storage, &second_root(), &status.sandbox).is_ok();
    assert_eq!(
        (verified.root_changes, logged_roots(&*storage, &status.vkey)),
        (u64::from(changed), usize::from(changed))
    );
    assert_eq!(status.epochs.len(), logged_seals(&*storage, &status.vkey), "the log tells of another epoch");
    if status.epochs.is_empty() {
        assert!(!seen.contains(&Event::Sealed), "the epoch is gone");
        assert_eq!(storage.list("epochs").unwrap(), [""; 0], "half an epoch is left");
        let keys = storage.list("keys").unwrap();
        assert!(!keys.iter().any(|key| key.starts_with("epoch-")), "a key of no epoch is left: {keys:?}");
        seal(&operator).unwrap();
    }
    // A seal that was not over counts people by consent again, or finds them counted.
    let kept = spent(&analyst).unwrap();

    let mut paid = 0;
    for event in seen {
        if let Event::Answered { question, units, .. } = event {
            let (again, stored) = ask(&analyst, *question).unwrap();
            assert!(stored && again == *event, "handed out {event:?}, and now {again:?}");
            paid += if QUESTIONS[..*question].contains(&QUESTIONS[*question]) { 0 } else { *units };
        }
    }
    assert!(kept >= paid, "answers for {paid} were handed out and {kept} was charged");
    assert_eq!(spent(&analyst).unwrap(), kept, "an answer that was handed out was charged again");

    // Going on costs each question once, whatever had become of it.
    for question in 0..QUESTIONS.len() {
        let (event, _) = ask(&analyst, question).unwrap();
        assert_eq!(event == Event::Refused, question == BEYOND_BUDGET, "{event:?}");
    }
    assert_eq!(spent(&analyst).unwrap(), whole);
    drop((analyst, operator));
    verify_log(&*storage, None, Some(Keys::Given(root())), None).unwrap();
}

/// A life without a stop: how many operations it takes, and what it spends.
fn undisturbed() -> (u64, u64) {
    let (image, mut seen) = (Image::new(), Vec::new());
    live(Arc::new(image.clone()), &mut |event| seen.push(event));
    let answered = seen.iter().filter(|event| matches!(event, Event::Answered { .. })).count();
    assert_eq!((answered, seen.contains(&Event::Refused)), (QUESTIONS.len() - 1, true), "{seen:#?}");
    let Some(Event::Spent(whole)) = seen.last() else { panic!("{seen:#?}") };
    (image.operations(), *whole)
}

/// Fails every `stride`-th operation with every fault, and reopens what a power cut then leaves.
fn fail_every(stride: usize) {
    let (operations, whole) = undisturbed();
    for (offset, fault) in
        [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite].into_iter().enumerate()
    {
        for at in (1 + offset as u64..=operations).step_by(stride) {
            let (image, mut seen) = (Image::new(), Vec::new());
            image.fail_at(at, fault);
            live(Arc::new(image.clone()), &mut |event| seen.push(event));
            for (name, left) in [("clean", image.crash()), ("torn", image.crash_torn(at))] {
                println!("{fault:?} at operation {at} of {operations}, {name}");
                let storage: Arc<dyn Storage> = Arc::new(left);
                let reopen = |root| support::open_under(Arc::clone(&storage), &root);
                check(&seen, Arc::clone(&storage), reopen, whole);
            }
        }
    }
}

#[test]
fn a_failing_storage_costs_no_promise() {
    fail_every(STRIDE);
}

/// Of some 350 operations; each fault starts one later than the one before.
const STRIDE: usize = 7;

#[test]
#[ignore = "every operation: most of a minute"]
fn a_failing_storage_costs_no_promise_at_any_operation() {
    fail_every(1);
}

/// Two adoptions one after the other, each of which fails once, at any of its operations: whatever the log has adopted last
/// is in force after a stop.
#[test]
fn an_adoption_that_failed_is_not_lost_with_the_next_one() {
    let made = || {
        let (image, keys) = (Image::new(), Keys::Given(support::root_key()));
        let setup = first_setup();
        let storage = Arc::new(image.clone());
        let operator = Operator::init_on(storage, setup, keys, Box::new(FixedClock::default())).unwrap();
        (image, operator)
    };
    let texts = [support::changed_study(), third_study()];
    let steps = {
        let (image, operator) = made();
        let before = image.operations();
        operator.adopt(&signed(&texts[0])).unwrap();
        image.operations() - before
    };
    for (first, second) in (1..=steps).flat_map(|first| (1..=steps + 2).map(move |second| (first, second))) {
        println!("failures at operations {first} and {second}");
        let (image, operator) = made();
        let mut seen = Vec::new();
        for (text, at) in texts.iter().zip([first, second]) {
            image.fail_at(image.operations() + at, Fault::Error);
            seen.extend(operator.adopt(&signed(text)).is_ok().then_some(Event::Adopted));
        }
        let storage: Arc<dyn Storage> = Arc::new(image.crash());
        let mut operator = support::open(Arc::clone(&storage)).unwrap();
        check_law(&seen, &*storage, &mut operator);
        drop(operator);
        verify_log(&*storage, None, Some(Keys::Given(support::root_key())), None).unwrap();
    }
}

/// A real folder that ends the process after so many durable steps.
#[derive(Debug)]
struct Ending {
    folder: Folder,
    steps: Arc<Steps>,
}

#[derive(Debug)]
struct Steps {
    done: AtomicU64,
    last: u64,
}

impl Steps {
    fn after<T>(&self, result: T) -> T {
        if self.done.fetch_add(1, Ordering::SeqCst) + 1 == self.last {
            std::process::abort();
        }
        result
    }
}

impl Storage for Ending {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.folder.read(path)
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.steps.after(self.folder.write(path, content))
    }

    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.steps.after(self.folder.remove(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.steps.after(self.folder.rename(from, to))
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.steps.after(self.folder.rename_over(from, to))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        self.folder.list(directory)
    }

    fn blocks(&self, path: &str) -> Result<Box<dyn Blocks>, StorageError> {
        let blocks = self.steps.after(self.folder.blocks(path))?;
        Ok(Box::new(EndingBlocks { blocks, steps: Arc::clone(&self.steps) }))
    }

    fn read_blocks(&self, path: &str) -> Result<Option<Box<dyn Blocks>>, StorageError> {
        self.folder.read_blocks(path)
    }

    fn files(&self) -> Result<Vec<String>, StorageError> {
        self.folder.files()
    }
}

#[derive(Debug)]
struct EndingBlocks {
    blocks: Box<dyn Blocks>,
    steps: Arc<Steps>,
}

impl Blocks for EndingBlocks {
    fn len(&self) -> std::io::Result<u64> {
        self.blocks.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.blocks.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.blocks.set_len(len)
    }

    fn write_at(&self, offset: u64, content: &[u8]) -> std::io::Result<()> {
        self.blocks.write_at(offset, content)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.steps.after(self.blocks.sync())
    }
}

/// The folder of the child and the step after which it ends.
const CHILD: &str = "HUSHTAG_TEST_CRASH_AFTER";
/// That its life is one with a register.
const CHILD_WITH_A_REGISTER: &str = "HUSHTAG_TEST_CRASH_REGISTER";
const EVENTS: &str = "events.jsonl";

/// Does nothing unless it is the child.
#[test]
fn the_child_process() {
    let Ok(asked) = std::env::var(CHILD) else { return };
    let (last, folder) = asked.split_once(' ').unwrap();
    let steps = Arc::new(Steps { done: AtomicU64::new(0), last: last.parse().unwrap() });
    let mut out = OpenOptions::new().append(true).open(Path::new(folder).join(EVENTS)).unwrap();
    let mut see = |event: Event| writeln!(out, "{}", serde_json::to_string(&event).unwrap()).unwrap();
    let sandbox = Folder::create(&Path::new(folder).join("sandbox")).unwrap();
    let ending = Arc::new(Ending { folder: sandbox, steps: Arc::clone(&steps) });
    match std::env::var(CHILD_WITH_A_REGISTER) {
        Ok(_) => live_with_a_register(ending, &mut see),
        Err(_) => live(ending, &mut see),
    }
    see(Event::Steps(steps.done.load(Ordering::SeqCst)));
}

/// What a child that ends after `last` steps in `folder` has let be seen.
fn child(folder: &Path, last: u64) -> Vec<Event> {
    child_with(folder, last, None)
}

fn child_with(folder: &Path, last: u64, life: Option<&str>) -> Vec<Event> {
    File::create(folder.join(EVENTS)).unwrap();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["crash::the_child_process", "--exact", "--test-threads=1"])
        .env(CHILD, format!("{last} {}", folder.display()))
        .envs(life.map(|life| (life, "1")))
        .output()
        .unwrap();
    let text = std::fs::read_to_string(folder.join(EVENTS)).unwrap();
    let seen: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finished = matches!(seen.last(), Some(Event::Steps(_)));
    // Killed by its own signal, and by nothing else such as a failed assertion.
    assert_eq!((ended.status.success(), ended.status.code().is_none()), (finished, !finished), "{ended:?}");
    seen
}

#[test]
fn a_process_that_ends_after_any_durable_step_costs_no_promise() {
    let place = tempfile::tempdir().unwrap();
    let whole_life = child(place.path(), u64::MAX);
    let [.., Event::Spent(whole), Event::Steps(steps)] = whole_life.as_slice() else {
        panic!("{whole_life:#?}")
    };
    assert!(*steps >= 40, "only {steps} steps");
    for last in 1..=*steps {
        println!("the process ends after step {last} of {steps}");
        let place = tempfile::tempdir().unwrap();
        let seen = child(place.path(), last);
        let sandbox = place.path().join("sandbox");
        let storage = Arc::new(Folder::open(&sandbox).unwrap());
        let reopen = |root| {
            let clock = Box::new(FixedClock::default());
            Operator::open(&sandbox, Keys::Given(root), clock, Duration::ZERO)
                .map(Operator::without_response_slot)
        };
        check(&seen, storage, reopen, *whole);
    }
}

/// Promise: a process that is killed in an erasure leaves the person erased or the register as it was.
#[test]
fn a_process_that_ends_in_an_erasure_leaves_all_of_it_or_nothing() {
    let place = tempfile::tempdir().unwrap();
    let life = Some(CHILD_WITH_A_REGISTER);
    let whole_life = child_with(place.path(), u64::MAX, life);
    let [Event::Recorded, Event::Recorded, Event::Erased, Event::Steps(steps)] = whole_life.as_slice() else {
        panic!("{whole_life:#?}")
    };
    let (mut before, mut after) = (0, 0);
    for last in 1..=*steps {
        let place = tempfile::tempdir().unwrap();
        let seen = child_with(place.path(), last, life);
        if !seen.contains(&Event::Recorded) {
            continue;
        }
        println!("the process ends after step {last} of {steps}");
        let sandbox = place.path().join("sandbox");
        let operator = Operator::open(
            &sandbox,
            Keys::Given(support::root_key()),
            Box::new(FixedClock::default()),
            Duration::ZERO,
        )
        .unwrap();
        let left = std::fs::read_dir(&sandbox).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("consents")).collect();
        assert_eq!(left, ["consents.redb"], "a half-written register is left");
        let erased = operator.consents().tombstone_of(("phone", "1")).unwrap().is_some();
        *if erased { &mut after } else { &mut before } += 1;
        check_register(&seen, &operator);
        drop(operator);
        let storage = Folder::open(&sandbox).unwrap();
        verify_log(&storage, None, Some(Keys::Given(support::root_key())), None).unwrap();
    }
    assert!(before > 5 && after > 0, "{before} stops before an erasure, {after} after it");
}
