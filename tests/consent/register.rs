//! Promise 1 for services without a store of their own: the consent register says what a file with the same events says, all
//! of a file is recorded or nothing, and what is in it is found when changed.

use crate::support;
use std::sync::Arc;

use crate::support::CHEAP;
use hushtag::audit::{Entry, Kind, verify_each};
use hushtag::engine::{Input, Sources};
use hushtag::operator::{Answer, Keys, Operator, OperatorError, Sealed, verify_log};
use hushtag::register::{Event, FILE};
use hushtag::storage::{Fault, Image, Storage};

const PEOPLE: u32 = 400;
/// At this price noise is so small that answers show every difference of one person.
const BUDGET: &str = "4000000";

fn sandbox() -> (Image, Operator) {
    let image = Image::new();
    let operator = support::init(Arc::new(image.clone()), BUDGET).unwrap();
    (image, operator)
}

fn consents() -> Input {
    Input::Reader("consents".into(), support::population(PEOPLE, 1).consents())
}

fn import(operator: &Operator) {
    let report = operator.consents().import(consents(), None).unwrap();
    assert!(report.events > u64::from(PEOPLE), "{report:?}");
}

fn seal(operator: &Operator, with_file: bool) -> Sealed {
    let sources = support::sources(&support::population(PEOPLE, 1));
    let consents = if with_file { vec![consents()] } else { Vec::new() };
    operator.seal(&support::terms("e1"), Sources::new(sources.data, consents)).unwrap()
}

/// Estimates at a price at which the noise is zero but for one draw in e^600, of questions that no random cut moves.
fn answers(operator: &Operator) -> Vec<String> {
    let analyst = support::analyst(operator);
    let ask = |question: &str| match analyst.ask(&format!("{question} WITH (epsilon = 900)"), None).unwrap() {
        Answer::Released(released) => format!("{:?}", released.rows),
        Answer::Refused(reasons) => panic!("{reasons:?}"),
    };
    let lists = "SELECT list_size, COUNT(*) FROM tags GROUP BY list_size";
    [CHEAP, lists, "SELECT region, COUNT(*) FROM tags GROUP BY region"].map(ask).to_vec()
}

fn verified(image: &Image) -> Result<(), OperatorError> {
    verify_log(image, None, Some(Keys::Given(support::root_key())), None).map(drop)
}

fn opened(image: &Image) -> Operator {
    support::open(Arc::new(image.clone())).unwrap()
}

#[test]
fn a_seal_from_a_file_the_register_or_both_is_one_and_the_same() {
    let (file_image, by_file) = sandbox();
    seal(&by_file, true);
    let (register_image, by_register) = sandbox();
    import(&by_register);
    let sealed = seal(&by_register, false);
    assert!(sealed.hygiene.files.iter().any(|file| file.file == FILE && file.dropped.is_empty()));
    let (both_image, by_both) = sandbox();
    import(&by_both);
    seal(&by_both, true);
    let wanted = answers(&by_file);
    assert_eq!(answers(&by_register), wanted);
    assert_eq!(answers(&by_both), wanted);
    for image in [file_image, register_image, both_image] {
        verified(&image).unwrap();
    }
    // The same question shows one person more or less, or the comparison would be empty.
    let (_, less) = sandbox();
    import(&less);
    let consents = less.consents();
    let in_all = support::population(PEOPLE, 1);
    let first = (0..PEOPLE).find(|person| in_all.expected_in(*person)).unwrap();
    let withdrawn = Event::from_cells(|column| match column {
        "person" => Some(in_all.id(first)),
        "ids" => Some("phone".into()),
        "event" => Some("withdrawn".into()),
        "at" => Some(support::as_of().to_string()),
        _ => None,
    });
    consents.record(&[withdrawn.unwrap()]).unwrap();
    seal(&less, true);
    assert_ne!(answers(&less), wanted, "a withdrawal in the register counts whatever the file says");
}

fn seal_entry(image: &Image, operator: &Operator) -> Entry {
    let mut found = None;
    let read = |_: &_, entry: &Entry| {
        found = (entry.kind == Kind::Seal).then(|| entry.clone()).or(found.take());
        Ok(())
    };
    verify_each(image, &operator.status().unwrap().vkey, read).unwrap();
    found.unwrap()
}

#[test]
fn a_seal_commits_to_the_register_and_recording_is_no_log_entry() {
    let (image, operator) = sandbox();
    let before = operator.status().unwrap().log_size;
    import(&operator);
    assert_eq!(operator.status().unwrap().log_size, before);
    seal(&operator, false);
    let commitment = seal_entry(&image, &operator).body.get("register").unwrap().as_str().unwrap().to_owned();
    assert_eq!(commitment.len(), 64);
    verified(&image).unwrap();
    let place = "epochs/e1/register.sealed";
    let sealed = image.read(place).unwrap().unwrap();
    for byte in 0..sealed.len() {
        let mut changed = sealed.clone();
        if let Some(byte) = changed.get_mut(byte) {
            *byte ^= 1;
        }
        image.write(place, &changed).unwrap();
        assert!(verified(&image).unwrap_err().is_damage(), "byte {byte}");
    }
    image.remove(place).unwrap();
    assert!(verified(&image).unwrap_err().is_damage());
    image.write(place, &sealed).unwrap();
    verified(&image).unwrap();

    let (image, without) = sandbox();
    seal(&without, true);
    assert!(!seal_entry(&image, &without).body.contains_key("register"));
    assert!(!image.list("").unwrap().contains(&FILE.to_owned()));
    verified(&image).unwrap();
}

#[test]
fn a_register_that_lost_events_after_a_seal_is_found() {
    let (image, operator) = sandbox();
    let early = support::population(3, 7);
    let first = Input::Reader("few".into(), early.consents());
    operator.consents().import(first, None).unwrap();
    drop(operator);
    let old = image.read(FILE).unwrap().unwrap();
    let operator = opened(&image);
    import(&operator);
    seal(&operator, false);
    drop(operator);
    assert!(opened(&image).consents().snapshot().unwrap().is_some());
    let fails =
        |image: &Image| opened(image).consents().snapshot().err().is_some_and(|error| error.is_damage());
    let whole = image.read(FILE).unwrap().unwrap();
    image.write(FILE, &old).unwrap();
    assert!(fails(&image), "rolled back to before the seal");
    image.remove(FILE).unwrap();
    assert!(fails(&image), "gone");
    let found = verify_log(&image, None, None, None).unwrap_err();
    assert!(found.is_damage() && found.to_string().starts_with("consents.redb: is missing"), "{found}");
    image.write(FILE, &whole).unwrap();
    assert!(!fails(&image));
}

/// An event that was changed in the store stops the seal as damage, and nothing of the epoch stays.
#[test]
fn a_seal_from_a_damaged_register_stops_as_damage() {
    let (image, operator) = sandbox();
    import(&operator);
    drop(operator);
    let content = image.read(FILE).unwrap().unwrap();
    let mark = b"hushseal";
    let found =
        content.windows(mark.len()).enumerate().filter(|(_, window)| window == mark).map(|(at, _)| at);
    let places: Vec<usize> = found.collect();
    assert!(places.len() > 100);
    let mut changed = content.clone();
    if let Some(byte) = places.get(places.len() / 2).and_then(|at| changed.get_mut(at + 60)) {
        *byte ^= 1;
    }
    image.write(FILE, &changed).unwrap();
    let operator = opened(&image);
    let sources = support::sources(&support::population(PEOPLE, 1));
    let error = operator.seal(&support::terms("e1"), sources).unwrap_err();
    assert!(error.is_damage(), "{error:?}");
    assert!(!image.list("epochs").unwrap().iter().any(|name| name.starts_with("e1")));
    drop(operator);
    image.write(FILE, &content).unwrap();
    seal(&opened(&image), true);
}

/// Wherever a sandbox with a register stops: what was acknowledged is there, an epoch is there as a whole or not at all, and
/// the books agree.
#[test]
fn a_stop_anywhere_between_recording_and_sealing_costs_no_promise() {
    let people = || support::population(12, 1);
    let act = |operator: &Operator, acknowledged: &mut [bool; 3]| {
        let withdrawn = Event::from_cells(|column| match column {
            "person" => Some(people().id(0)),
            "ids" => Some("phone".into()),
            "event" => Some("withdrawn".into()),
            "at" => Some(support::as_of().to_string()),
            _ => None,
        });
        let consents = operator.consents();
        let input = Input::Reader("consents".into(), people().consents());
        let imported = consents.import(input, None).is_ok();
        let recorded = consents.record(&[withdrawn.unwrap()]).is_ok();
        let sources = Sources::new(support::sources(&people()).data, Vec::new());
        let sealed = operator.seal(&support::terms("e1"), sources).is_ok();
        *acknowledged = [imported, recorded, sealed];
    };
    let (image, operator) = sandbox();
    let before = image.operations();
    act(&operator, &mut [false; 3]);
    let (operations, all) = (image.operations() - before, events(&operator));
    assert!(all > 10 && operations > 20, "{all} events, {operations} operations");
    let mut stopped = 0;
    for (offset, fault) in
        [Fault::Error, Fault::FullDisk, Fault::LostSync, Fault::TornWrite].into_iter().enumerate()
    {
        for at in (1 + offset as u64..=operations).step_by(STRIDE) {
            let (image, operator) = sandbox();
            let mut acknowledged = [false; 3];
            image.fail_at(image.operations() + at, fault);
            act(&operator, &mut acknowledged);
            drop(operator);
            stopped += usize::from(acknowledged != [true; 3]);
            for left in [image.crash(), image.crash_torn(at)] {
                println!("{fault:?} at operation {at}: {acknowledged:?}");
                let operator = opened(&left);
                let found = events(&operator);
                let least = if acknowledged[0] { all - 1 } else { 0 } + u64::from(acknowledged[1]);
                assert!(found >= least && [0, 1, all - 1, all].contains(&found), "{found} of {all} events");
                let epochs = operator.status().unwrap().epochs.len();
                assert!(epochs == 1 || !acknowledged[2], "the epoch is gone");
                verified(&left).unwrap();
                if epochs == 0 {
                    seal(&operator, true);
                }
            }
        }
    }
    assert!(stopped > 20, "the faults were not felt: {stopped}");
}

/// Each fault starts one operation later than the one before; with 1 all pass too, in a minute.
const STRIDE: usize = 4;

/// How many events the register has.
fn events(operator: &Operator) -> u64 {
    let snapshot = operator.consents().snapshot().unwrap();
    snapshot
        .map_or(0, |snapshot| snapshot.walk().unwrap().inspect(|event| assert!(event.is_ok())).count() as u64)
}

/// Ten million events in, and folded out again; run it alone, in release:
/// `cargo test --release --test register ten_million -- --ignored --nocapture`.
#[test]
#[ignore = "minutes, and some gigabytes of disk"]
fn ten_million_events_are_imported_and_walked_in_bounded_memory() {
    let people: u32 = std::env::var("HUSHTAG_TEST_PEOPLE").map_or(4_000_000, |text| text.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let folder = hushtag::storage::Folder::create(&place.path().join("s")).unwrap();
    let operator = support::init(Arc::new(folder), BUDGET).unwrap();
    let start = std::time::Instant::now();
    let reader = Input::Reader("consents".into(), support::population(people, 1).consents());
    let report = operator.consents().import(reader, None).unwrap();
    let (imported, peak) = (start.elapsed(), peak_memory());
    let start = std::time::Instant::now();
    let walked = operator.consents().snapshot().unwrap().unwrap().walk().unwrap();
    let count = walked.map(|event| event.map(drop)).inspect(|event| assert!(event.is_ok())).count() as u64;
    println!(
        "{count} events: imported in {imported:?}, walked in {:?}; peak memory {peak} MiB, at the end {} MiB",
        start.elapsed(),
        peak_memory()
    );
    assert_eq!(count, report.events);
    let start = std::time::Instant::now();
    let asked = 1_000;
    let made = support::population(people, 1);
    for person in 0..asked {
        operator.consents().events_of(("phone", &made.id(person * 7 % people))).unwrap();
    }
    println!("one person in {:?}", start.elapsed() / asked);
    assert!(peak_memory() < 1_500, "memory grows with the register");
}

/// The most memory that this process ever had, in MiB (Linux).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
