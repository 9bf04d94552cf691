//! Membership is applied last: a seal asks the allocator for the same bytes, independent of who is in.
//!
//! The allocator of this binary counts; it counts one thread, so a seal here has one.
#![cfg(test)]

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use allocation_counter::AllocationInfo;
use hushtag::engine::{Input, MemoryBudget, Sources};
use hushtag::operator::{Keys, Operator, OperatorError, SealTerms, StudySource};
use hushtag::storage::Image;

pub mod support;

/// Rows of the person whose consent is asked about.
const ROWS: usize = 30_000;
const OTHERS: usize = 400;
/// A reach that no list is longer than, and one to which the list of one person is truncated.
const WHOLE: usize = 2 * ROWS;
const CUT: usize = 2;

/// The small study with every kind of measure that gathers something; each owner reaches so many people.
fn study(more: &str, reach: usize) -> String {
    let text = support::STUDY.replacen("max_reach = 2", &format!("max_reach = {reach}"), 1).replacen(
        "fields = { amount = \"amount\", at = \"time\" }",
        &format!(
            "{more}\nfields = {{ amount = \"amount\", at = \"time\", shop = \"text\", referrer = {{ type = \"person\", max_reach = {reach}, optional = true }} }}"
        ),
        1,
    );
    let tags = r#"
[tags.shops]
measure = { from = "payments", distinct = "shop", cap = 4096 }
bands = { few = 0, many = 9 }
[tags.named]
measure = { from = "payments", distinct = "referrer", cap = 4096 }
bands = { few = 0, many = 9 }
[tags.often]
measure = { from = "payments", share = { amount = { from = 20 } } }
bands = { seldom = 0, often = 50 }
absent = "none"
[tags.mutual]
measure = { over = "follows", role = "mutual", size = true }
bands = { none = 0, some = 1 }
[tags.strong]
measure = { over = "follows", role = "strong" }
bands = { weak = 0, strong = 50 }
absent = "none"
[tags.referrals]
measure = { from = "payments", referred = "referrer", count = true }
bands = { none = 0, some = 1 }
[measures.average]
from = "payments"
mean = "amount"
clamp = [0, 1000]
[tags.audience_average]
measure = { over = "follows", role = "audience", mean = "average" }
bands = { low = 0, high = 500 }
absent = "none"
[release]
"#;
    let sets = r#"
[tag_sets]
one = ["spend_tier", "audience_size", "audience_spend", "list_size", "region"]
two = ["shops", "named", "often", "mutual", "strong"]
three = ["referrals", "audience_average"]
"#;
    text.replacen("\n[release]\n", tags, 1) + sets
}

/// Ids of one length, so that files of equal numbers of rows have equal sizes.
fn id(person: usize) -> String {
    format!("138{person:08}")
}

/// Tables in which person 0 has many rows, and everybody else a few.
fn write_tables(folder: &Path) {
    let mut follows = "follower,followee\n".to_owned();
    let mut payments = "payer,amount,at,shop,referrer\n".to_owned();
    let mut members = "user,region\n".to_owned();
    for row in 0..ROWS {
        let other = id(1_000 + row);
        let _ = write!(follows, "{},{other}\n{other},{}\n", id(0), id(0));
        let _ = writeln!(payments, "{},{},2026-09-20T00:00:00Z,shop {row},{other}", id(0), 10 + row % 50);
    }
    for person in 0..OTHERS {
        let _ = writeln!(follows, "{},{}", id(person), id((person + 1) % OTHERS));
        let _ = writeln!(payments, "{},30,2026-09-20T00:00:00Z,shop,{}", id(person), id(person / 2));
        let _ = writeln!(members, "{},east", id(person));
    }
    for (name, text) in [("follows.csv", follows), ("payments.csv", payments), ("members.csv", members)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// Events of everybody, one row for each trigger; those who stay out were shown another notice, so that theirs are flawed.
fn write_consents(path: &Path, stays_out: impl Fn(usize) -> bool) {
    let mut text = "person,event,trigger,purpose,recipient,handler,kind,categories,methods,notice,notice_version,shown_at,at,giver,own_step,pre_ticked,bundle_size,service_gate\n".to_owned();
    for person in 0..OTHERS {
        // The last one stays out in any case: a row that differs from others in its words is read once more.
        let version = if stays_out(person) || person == OTHERS - 1 { 2 } else { 3 };
        for trigger in ["SC23", "SC29"] {
            let _ = writeln!(
                text,
                "{},given,{trigger},campaign-measurement,LEGAL-ID-C,social-platform,separate,social-relation|payment-record|profile,aggregate,N-2026-04,{version},2026-09-01T00:00:00Z,2026-09-01T00:00:00Z,self,true,false,1,false",
                id(person)
            );
        }
    }
    std::fs::write(path, text).unwrap();
}

fn sources(folder: &Path, consents: &str) -> Sources {
    let table = |name: &str| (name.parse().unwrap(), Input::Path(folder.join(format!("{name}.csv"))));
    Sources::new(
        ["follows", "payments", "members"].map(table).into(),
        vec![Input::Path(folder.join(consents))],
    )
}

fn operator(study: &str) -> Operator {
    let setup = support::setup("40").with_studies(vec![StudySource::new("study.toml", study)]);
    let keys = Keys::Given(support::root_key());
    let image = Arc::new(Image::new());
    Operator::init_on(image, setup, keys, Box::new(support::FixedClock::default()))
        .unwrap()
        .without_response_slot()
}

fn terms(memory: MemoryBudget) -> SealTerms {
    let terms = support::terms("autumn");
    let reading = terms.reading.clone().with_threads(NonZeroUsize::MIN).with_memory(memory);
    terms.with_reading(reading)
}

/// What one thread asks of the allocator while it seals, and how many people the answer says are in, about.
fn seal(folder: &Path, consents: &str, reach: usize) -> (AllocationInfo, i128) {
    let (operator, terms) = (operator(&study("", reach)), terms(MemoryBudget::default()));
    let mut sources = Some(sources(folder, consents));
    let info = allocation_counter::measure(|| {
        operator.seal(&terms, sources.take().unwrap()).unwrap();
    });
    let answer = support::analyst(&operator).ask("SELECT COUNT(*) FROM tags WITH (error = 3)", None).unwrap();
    let hushtag::operator::Answer::Released(released) = answer else { panic!("the question is permitted") };
    (info, released.rows[0].cells[0].noisy.unwrap())
}

/// Guards the promise that memory is independent of one person's consent, in total and at its peak, however many rows they have.
#[test]
fn bytes_do_not_depend_on_who_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_tables(path);
    write_consents(&path.join("all.csv"), |_| false);
    write_consents(&path.join("out.csv"), |person| person == 0);
    write_consents(&path.join("odd.csv"), |person| person % 2 == 0);
    let sizes = ["all.csv", "out.csv", "odd.csv"].map(|name| path.join(name).metadata().unwrap().len());
    assert!(sizes.iter().all(|size| *size == sizes[0]));
    for reach in [WHOLE, CUT] {
        // What is made once in a process is made before.
        seal(path, "all.csv", reach);
        let [(inside, all), (outside, _), (odd, half)] =
            ["all.csv", "out.csv", "odd.csv"].map(|file| seal(path, file, reach));
        println!("{inside:?}\n{outside:?}\n{odd:?}");
        // The files differ in who is in.
        assert!(all > 350 && half < 250, "{all}, {half}");
        // The rows of one person are really there.
        assert!(inside.bytes_max > 100 * ROWS as u64, "{inside:?}");
        for one in [outside, odd] {
            if reach == WHOLE {
                assert_eq!(one, inside);
                continue;
            }
            // Which targets a truncated list keeps is drawn anew for every epoch, so the lists of some targets are longer in one seal
            // of a file than in the next; the rows of one person are more than a fifth of all bytes.
            let near = |one: u64, other: u64| one.abs_diff(other) < other / 50;
            assert_eq!((one.bytes_max, one.count_max), (inside.bytes_max, inside.count_max));
            assert!(near(one.bytes_total, inside.bytes_total), "{one:?} {inside:?}");
            assert!(near(one.count_total, inside.count_total), "{one:?} {inside:?}");
        }
    }
}

/// Guards the limits: what is refused is independent of who is in, with a number of owners or of mebibytes and nothing else.
#[test]
fn limits_refuse_regardless_of_who_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_tables(path);
    write_consents(&path.join("all.csv"), |_| false);
    write_consents(&path.join("out.csv"), |person| person == 0);
    let refused = |study: &str, memory: MemoryBudget, file: &str| -> String {
        match operator(study).seal(&terms(memory), sources(path, file)) {
            Err(error @ OperatorError::Engine(_)) => error.to_string(),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it is too large"),
        }
    };
    let limited = study("max_rows_per_owner = 30_000", CUT);
    let rows = ["all.csv", "out.csv"].map(|file| refused(&limited, MemoryBudget::default(), file));
    assert_eq!(rows[0], rows[1]);
    assert!(
        rows[0].contains("dataset `payments`: 1 of its owners") && rows[0].contains("30000"),
        "{}",
        rows[0]
    );
    let whole = study("", WHOLE);
    let memory = ["all.csv", "out.csv"].map(|file| refused(&whole, "6MiB".parse().unwrap(), file));
    assert_eq!(memory[0], memory[1]);
    assert!(memory[0].contains("MiB of memory"), "{}", memory[0]);
}
