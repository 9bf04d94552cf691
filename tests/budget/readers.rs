//! Promise: readers go on. Budget, status, vocabulary and forecasts are read while another process writes; what they show is
//! a state that was, and never one that goes back.

use crate::support;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{CHEAP, FixedClock, RECIPIENT, STUDY};
use hushtag::operator::{
    Answer, Keys, Operator, OperatorError, Reader, StudySource, VerifyTerms, verify_sandbox,
};
use hushtag::release::Released;
use hushtag::storage::{Blocks, Folder, Image, Storage, StorageError};
use hushtag::types::{RecipientId, StudyId};

fn writer(dir: &Path) -> Operator {
    let anchor = Some(dir.with_file_name("anchor"));
    let setup = support::setup("100000").with_anchor(anchor);
    let operator = Operator::init(dir, setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    operator.without_response_slot()
}

fn reader(dir: &Path) -> Reader {
    Reader::open(dir, Keys::InFolder, Box::new(FixedClock::default())).unwrap()
}

#[test]
fn a_reader_sees_states_that_were_while_four_threads_ask() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    let operator = writer(&dir);
    let recipient = RecipientId::new(RECIPIENT).unwrap();
    let ended = AtomicBool::new(false);
    let (mut last, mut different) = ((0, 0), 0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (analyst, ended) = (support::analyst(&operator), &ended);
            scope.spawn(move || {
                for number in 0.. {
                    if ended.load(Ordering::SeqCst) {
                        break;
                    }
                    let question =
                        format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number * 4 + thread);
                    analyst.ask(&question, None).unwrap();
                }
            });
        }
        for _ in 0..150 {
            let reader = reader(&dir);
            let (status, view) = (reader.status().unwrap(), reader.view(&recipient, None).unwrap());
            let remaining = view.remaining().unwrap();
            let now = (remaining.spent, status.log_size);
            assert!(now.0 >= last.0 && now.1 >= last.1, "{now:?} after {last:?}");
            assert_eq!((status.epochs.len(), view.vocabulary().tags.len()), (1, 5));
            assert!(view.forecast(CHEAP).unwrap().cost > 0);
            different += u32::from(now != last);
            last = now;
        }
        ended.store(true, Ordering::SeqCst);
    });
    assert!(different > 20, "the writer was at rest: only {different} states");
    assert_eq!(reader(&dir).status().unwrap().totals.pool, operator.status().unwrap().totals.pool);
}

/// All who read, at rest or not.
type Look = Arc<Mutex<Option<Box<dyn FnMut(&str) + Send>>>>;

/// A folder that calls someone after each durable step.
struct Watched {
    folder: Folder,
    look: Look,
}

impl Watched {
    fn after<T>(&self, what: &str, done: T) -> T {
        if let Some(look) = self.look.lock().unwrap().as_mut() {
            look(what);
        }
        done
    }
}

impl Storage for Watched {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.folder.read(path)
    }
    fn write(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        let done = self.folder.write(path, content);
        self.after(&format!("write {path}"), done)
    }
    fn remove(&self, path: &str) -> Result<(), StorageError> {
        let done = self.folder.remove(path);
        self.after(&format!("remove {path}"), done)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let done = self.folder.rename(from, to);
        self.after(&format!("rename {from}"), done)
    }
    fn rename_over(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let done = self.folder.rename_over(from, to);
        self.after(&format!("rename {from}"), done)
    }
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        self.folder.list(directory)
    }
    fn blocks(&self, path: &str) -> Result<Box<dyn Blocks>, StorageError> {
        self.folder.blocks(path)
    }

    fn read_blocks(&self, path: &str) -> Result<Option<Box<dyn Blocks>>, StorageError> {
        self.folder.read_blocks(path)
    }

    fn files(&self) -> Result<Vec<String>, StorageError> {
        self.folder.files()
    }
}

/// What a reader sees of `dir`: the studies that name recipients, and the price of a question under the first.
fn read(dir: &Path) -> (usize, u128) {
    let reader =
        Reader::open(dir, Keys::Given(support::root_key()), Box::new(FixedClock::default())).unwrap();
    let recipient = RecipientId::new(RECIPIENT).unwrap();
    let study = StudyId::new("small").unwrap();
    let cost = reader.view(&recipient, Some(&study)).unwrap().forecast(CHEAP).unwrap().cost;
    (reader.status().unwrap().recipients.len(), cost)
}

#[test]
fn readers_beside_an_adoption_see_the_old_law_or_the_new_one_at_every_step() {
    let place = tempfile::tempdir().unwrap();
    let dir: PathBuf = place.path().join("box");
    let handlers = support::handlers(1);
    let look = Look::default();
    let storage = Watched { folder: Folder::create(&dir).unwrap(), look: Arc::clone(&look) };
    let setup = support::signed_setup("8", STUDY, &handlers).with_anchor(place.path().join("anchor"));
    let keys = Keys::Given(support::root_key());
    let operator =
        Operator::init_on(Arc::new(storage), setup, keys, Box::new(FixedClock::default())).unwrap();
    let old = read(&dir);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (watched, observed) = (dir.clone(), Arc::clone(&seen));
    *look.lock().unwrap() =
        Some(Box::new(move |what: &str| observed.lock().unwrap().push((what.to_owned(), read(&watched)))));
    let source = StudySource::new("study.toml", support::changed_study());
    operator.adopt(&support::signed(source, &handlers.each_ref())).unwrap();
    *look.lock().unwrap() = None;
    let new = read(&dir);
    assert_ne!(old.1, new.1);
    let seen = seen.lock().unwrap();
    let turn = seen.iter().position(|(_, state)| *state == new).unwrap();
    assert!(seen[..turn].iter().all(|(_, state)| *state == old), "{seen:#?}");
    assert!(seen[turn..].iter().all(|(_, state)| *state == new), "{seen:#?}");
    let steps: Vec<&str> = seen.iter().map(|(what, _)| what.split('/').next().unwrap()).collect();
    let order = [
        "write regimes",
        "write studies",
        "write studies",
        "write sandbox.toml.new",
        "write log",
        "write log",
        "write log",
        "write log",
        "remove log",
        "remove log",
        "write sandbox.toml",
        "remove sandbox.toml.new",
    ];
    assert_eq!(steps, order);
}

/// The noisy numbers of the first group, whatever they are called.
fn numbers(released: &Released) -> Vec<i128> {
    released.rows.iter().flat_map(|row| row.cells.iter().filter_map(|cell| cell.noisy)).collect()
}

#[test]
fn answers_are_read_again_as_they_were_given_and_nothing_is_charged() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("box");
    let handlers = support::handlers(1);
    let setup = support::signed_setup("100000", STUDY, &handlers);
    let operator = Operator::init(&dir, setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap();
    let operator = operator.without_response_slot();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    let ask = |operator: &Operator, question: &str| match support::analyst(operator).ask(question, None) {
        Ok(Answer::Released(released)) => *released,
        other => panic!("{question}: {other:?}"),
    };
    // Each releases the same numbers in the same order under its canonical question.
    let mut asked: Vec<Released> = [
        CHEAP,
        "SELECT SUM(spend) AS fen, COUNT(*) AS people, region FROM tags GROUP BY region WITH (error = 9, confidence = 0.95)",
        "SELECT HISTOGRAM(spend) FROM tags WHERE NOT (region IN ('east', 'south') OR spend_tier = 'none')",
        "SELECT COUNT(*) FROM tags WITH (epsilon = 0.5)",
    ]
    .map(|question| ask(&operator, question))
    .into();
    let source = StudySource::new("study.toml", support::changed_study());
    operator.adopt(&support::signed(source, &handlers.each_ref())).unwrap();
    operator.seal(&support::terms("e2"), support::sources(&support::population(30, 2))).unwrap();
    asked.push(ask(&operator, CHEAP));
    let (reader, before) = (reader(&dir), operator.status().unwrap().totals);
    let given: Vec<_> = reader.given().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(operator.status().unwrap().totals, before);
    assert_eq!(given.len(), asked.len());
    for (given, asked) in given.iter().zip(&asked) {
        let again = &given.released;
        assert_eq!((&again.question, again.index, again.units), (&asked.question, asked.index, asked.units));
        assert_eq!((&again.policy, &again.epoch), (&asked.policy, &asked.epoch));
        // An alias is no part of an answer, so a stored one has the names of the canonical question.
        let noise = |part: &hushtag::release::Part| (part.mechanism, part.sensitivity, part.half_width);
        assert!(again.parts.iter().map(noise).eq(asked.parts.iter().map(noise)));
        assert!(again.stored && given.at == FixedClock::default().0);
        let hidden = asked.question.starts_with("SELECT COUNT(*), HISTOGRAM");
        let same = if hidden {
            numbers(again).ends_with(&numbers(asked))
        } else {
            again.rows.len() == asked.rows.len()
        };
        assert!(same, "{}: {:?} {:?}", asked.question, again.rows, asked.rows);
        let intervals = |released: &Released| -> Vec<_> {
            // The history adds averages and quantiles of the released numbers, whether or not they were asked for.
            let cells = released.rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.noisy.is_some());
            let mut all: Vec<_> = cells.map(|cell| (cell.noisy, cell.low, cell.high)).collect();
            all.sort_unstable();
            all
        };
        assert!(hidden || intervals(again) == intervals(asked), "{}", asked.question);
        let suppressed =
            |released: &Released| released.rows.iter().map(|row| row.suppressed).collect::<Vec<_>>();
        assert_eq!(suppressed(again), suppressed(asked));
    }
    assert_ne!(asked[0].policy, asked[4].policy, "under the text of then");
    let charged: u128 = reader.charges().unwrap().map(|charge| charge.unwrap().units).sum();
    assert_eq!(charged, before.lifetime);
    assert_eq!(reader.studies().count(), 1);
    assert_eq!(reader.entries().map(Result::unwrap).count() as u64, reader.status().unwrap().log_size);
}

/// Whether `verify_sandbox` beside a writer says damage, or that a writer was at work.
fn verified_beside(storage: &dyn Storage) -> Result<u64, OperatorError> {
    let terms = VerifyTerms::new().with_keys(Keys::Given(support::root_key())).beside_a_writer();
    verify_sandbox(storage, terms).map(|verified| verified.charges.unwrap())
}

/// Promise: an answer that is charged and logged while the folder is verified is no damage: the ledger is read first, and answers that
/// are newer than it are not judged by it.
#[test]
fn an_answer_beside_a_verification_is_no_damage_at_its_first_reading() {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    support::analyst(&operator).ask(CHEAP, None).unwrap();
    for place in ["ledger.redb", "log/checkpoint", "sandbox.toml"] {
        for after in 0..3 {
            let (readings, asked) = (AtomicU32::new(0), AtomicU32::new(0));
            let (analyst, ledger) = (support::analyst(&operator), Arc::new(AtomicU32::new(0)));
            let error = 900 + 10 * after;
            let counted = Arc::clone(&ledger);
            let hook: support::Hook = Box::new(move |what, path| {
                counted
                    .fetch_add(u32::from((what, path) == ("read_blocks", "ledger.redb")), Ordering::SeqCst);
                let reading = path == place && readings.fetch_add(1, Ordering::SeqCst) == after;
                if reading && asked.fetch_add(1, Ordering::SeqCst) == 0 {
                    let question = format!("{CHEAP} WITH (error = {error}{})", place.len());
                    assert!(matches!(analyst.ask(&question, None).unwrap(), Answer::Released(_)));
                }
            });
            let storage = support::Hooked { storage: image.clone(), hook };
            verified_beside(&storage).unwrap();
            assert_eq!(ledger.load(Ordering::SeqCst), 1, "{place} {after}: read again");
        }
    }
}

/// Promise: where a writer changes what is read at every try, that is what is reported, with exit code 1, and never that the folder is damaged;
/// what stays damaged under books at rest is damage.
#[test]
fn a_writer_that_is_always_at_work_is_no_damage() {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), "8").unwrap();
    let consents = hushtag::engine::Input::Reader("consents".into(), support::population(20, 1).consents());
    operator.consents().import(consents, None).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    drop(operator);
    for place in ["ledger.redb", "consents.redb"] {
        let whole = image.read(place).unwrap().unwrap();
        let torn = |at: u32| {
            let mut torn = whole.clone();
            // In the middle of a page that is in use, another one each time.
            torn[4096 + 64..].iter_mut().for_each(|byte| *byte ^= u8::try_from(at % 255).unwrap() + 1);
            torn
        };
        let (live, tries) = (image.clone(), AtomicU32::new(0));
        let bytes = (0..40).map(torn).collect::<Vec<_>>();
        let hook: support::Hook = Box::new(move |what, path| {
            if (what, path) == ("read", "sandbox.toml") {
                let at = usize::try_from(tries.fetch_add(1, Ordering::SeqCst)).unwrap();
                live.write(place, &bytes[at % bytes.len()]).unwrap();
            }
        });
        let busy = verified_beside(&support::Hooked { storage: image.clone(), hook });
        assert!(matches!(busy, Err(OperatorError::WriterAtWork)), "{place}: {busy:?}");
        image.write(place, &torn(3)).unwrap();
        assert!(verified_beside(&image).unwrap_err().is_damage(), "{place}");
        image.write(place, &whole).unwrap();
        verified_beside(&image).unwrap();
    }
}
