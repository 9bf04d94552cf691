//! Promise 4 once more, with real kills: a process that answers in four threads is killed at any moment, again and again on
//! one folder. What it has let be seen stays, the budget never comes back, and the books verify after every kill.

use crate::support;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::support::FixedClock;
use hushtag::operator::{Answer, Keys, Operator, verify_log};
use hushtag::storage::Folder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CHILD: &str = "HUSHTAG_TEST_KILLED_IN";
const SEEN: &str = "seen";
const QUESTIONS: u32 = 100_000;

fn open(folder: &Path) -> Operator {
    let keys = Keys::Given(support::root_key());
    let operator =
        Operator::open(&folder.join("box"), keys, Box::new(FixedClock::default()), Duration::from_secs(5));
    operator.unwrap().without_response_slot()
}

fn question(number: u32) -> String {
    format!("SELECT COUNT(*) FROM tags WHERE region <> 'north' WITH (error = {})", 1_000 + number)
}

/// Does nothing unless it is the child: asks in four threads until it is killed, and writes down what it was answered.
#[test]
fn the_child_process() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let folder = Path::new(&folder);
    let operator = open(folder);
    let out = Mutex::new(OpenOptions::new().append(true).create(true).open(folder.join(SEEN)).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (analyst, out) = (support::analyst(&operator), &out);
            scope.spawn(move || {
                for number in (0..QUESTIONS).filter(|number| number % 4 == thread) {
                    if let Answer::Released(answer) = analyst.ask(&question(number), None).unwrap() {
                        let noisy = answer.rows[0].cells.first().map(|cell| cell.noisy);
                        let line = format!("{number} {:?} {}\n", noisy, answer.index);
                        out.lock().unwrap().write_all(line.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
}

/// What the children of this folder have seen so far: number, answer and place in the log.
fn seen(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join(SEEN)).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap());
    let mut all = BTreeMap::new();
    for line in whole.lines() {
        let (number, answer) = line.split_once(' ').unwrap();
        let before = all.insert(number.to_owned(), answer.to_owned());
        assert!(before.is_none_or(|before| before == answer), "question {number} has two answers");
    }
    all
}

fn kill_again_and_again(times: u32, seed: u64) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let setup = support::setup("100000");
    let keys = Keys::Given(support::root_key());
    let operator = Operator::init(&folder.join("box"), setup, keys, Box::new(FixedClock::default())).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    drop(operator);
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut spent, mut answered) = (0, 0);
    for time in 0..times {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::the_child_process", "--exact", "--test-threads=1"])
            .env(CHILD, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(20..400)));
        child.kill().unwrap();
        assert!(child.wait().unwrap().code().is_none(), "it ended by itself before kill {time}");
        let verify = || {
            let keys = Some(Keys::Given(support::root_key()));
            verify_log(&Folder::open(&folder.join("box")).unwrap(), None, keys, None)
        };
        // What a killed writer leaves is no damage, before the next open as after it.
        verify().unwrap_or_else(|found| panic!("kill {time}: {found:?}"));
        let acknowledged = seen(folder);
        let operator = open(folder);
        let remaining = support::analyst(&operator).remaining().unwrap();
        assert!(remaining.spent >= spent, "kill {time}: {} after {spent}", remaining.spent);
        spent = remaining.spent;
        drop(operator);
        let verified = verify().unwrap();
        assert!(verified.unfinished.is_empty(), "kill {time}: {:?}", verified.unfinished);
        assert!(
            verified.charges.unwrap() >= acknowledged.len() as u64,
            "kill {time}: an answer without its charge"
        );
        answered = acknowledged.len();
    }
    // The same questions once more: what was seen is answered in the same words.
    let acknowledged = seen(folder);
    let operator = open(folder);
    let analyst = support::analyst(&operator);
    for (number, answer) in acknowledged.iter().take(200) {
        let Answer::Released(again) = analyst.ask(&question(number.parse().unwrap()), None).unwrap() else {
            panic!("question {number} is refused");
        };
        let noisy = again.rows[0].cells.first().map(|cell| cell.noisy);
        assert!(again.stored && format!("{noisy:?} {}", again.index) == *answer, "question {number}");
    }
    assert_eq!(analyst.remaining().unwrap().spent, spent, "asking again is free");
    assert!(answered > usize::try_from(times).unwrap(), "only {answered} answers were under way");
}

#[test]
fn killed_at_random_moments() {
    kill_again_and_again(12, 1);
}

#[test]
#[ignore = "500 kills: some minutes"]
fn killed_five_hundred_times() {
    kill_again_and_again(500, 2);
}
