//! Promise: companies whose ids differ join through a links table, and only there; a table that is missing, dirty or of
//! another type stops the seal with what is wrong, and nothing is left behind.

use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

use crate::command::{Case, has_no_result, id, stderr, stdout, study};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

const PEOPLE: u32 = 60;

/// Payments by card, and a links table between cards and phones; a pool so large that the noise hides no one.
fn linked() -> Case {
    let case = Case::new(PEOPLE);
    let (before, after) = study()
        .replace("epsilon = 4.0", "epsilon = 100000.0")
        .replace("min_people = 20", "min_people = 0")
        .split_once("ids = \"phone\"\nowner = \"payer\"")
        .map(|(before, after)| (before.to_owned(), after.to_owned()))
        .unwrap();
    let table = "[datasets.bindings]\nkind = \"links\"\nhandler = \"payment-platform\"\ncategory = \"profile\"\n\
                 columns = { phone = \"mobile\", card = \"number\" }\n";
    let text = format!("{before}ids = \"card\"\nowner = \"payer\"{after}");
    case.write(
        "study.toml",
        &text.replacen("[datasets.members]", &format!("{table}\n[datasets.members]"), 1),
    );
    let mut payments = "payer,amount,at\n".to_owned();
    let mut bindings = "mobile,number\n".to_owned();
    for person in 0..PEOPLE {
        writeln!(payments, "{},10000,2026-09-10T10:00:00+08:00", card(person)).unwrap();
        writeln!(bindings, "{},{}", id(person), card(person)).unwrap();
    }
    case.write("payments.csv", &payments);
    case.write("bindings.csv", &bindings);
    let consents = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    let with_ids = consents
        .lines()
        .enumerate()
        .map(|(row, line)| format!("{line},{}\n", if row == 0 { "ids" } else { "phone" }));
    let with_ids: String = with_ids.collect();
    case.write("consents.csv", &with_ids);
    let made =
        case.run(&["init", "box", "--study", "study.toml", "--epsilon", "100000", "--approval", "none"]);
    assert!(made.status.success(), "{}", stderr(&made));
    case
}

/// Spelled like the phone of the next person.
fn card(person: u32) -> String {
    id(person + 1)
}

fn seal(case: &Case, bindings: &[&str]) -> Output {
    let mut arguments = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01", "--format", "json"];
    let files = ["follows=follows.csv", "payments=payments.csv", "members=members.csv"];
    arguments.extend(files.iter().chain(bindings).flat_map(|file| ["--data", file]));
    arguments.extend(["--consents", "consents.csv"]);
    case.run(&arguments)
}

/// How many people pay little, and how many nothing.
fn payers(case: &Case) -> [i64; 2] {
    let question = "SELECT spend_tier, COUNT(*) AS people FROM tags WHERE spend_tier IN ('none', 'low') \
                    GROUP BY spend_tier WITH (error = 1)";
    let asked = case.ask(question);
    let answer: Value = serde_json::from_str(&stdout(&asked)).unwrap();
    ["low", "none"].map(|label| {
        let mut rows = answer["rows"].as_array().unwrap().iter();
        let row = rows.find(|row| row["group"]["spend_tier"] == label).unwrap();
        row["people"]["estimate"].as_i64().unwrap()
    })
}

#[track_caller]
fn near(found: [i64; 2], expected: [i64; 2]) {
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= 5);
    assert!(near, "{found:?} instead of {expected:?}");
}

fn refused(case: &Case, bindings: &[&str], message: &str) {
    let sealed = seal(case, bindings);
    assert_eq!(sealed.status.code(), Some(1), "{}", stderr(&sealed));
    assert!(stderr(&sealed).contains(message), "{}", stderr(&sealed));
    let epochs = std::fs::read_dir(case.path("box/epochs")).map_or(0, Iterator::count);
    assert_eq!((epochs, has_no_result(&sealed)), (0, true));
}

#[test]
fn payments_by_card_are_those_of_the_people_whose_phones_consent() {
    let case = linked();
    let sealed = seal(&case, &["bindings=bindings.csv"]);
    assert_eq!(sealed.status.code(), Some(0), "{}", stderr(&sealed));
    near(payers(&case), [60, 0]);
}

#[test]
fn ambiguous_ids_are_reported_and_not_joined() {
    let case = linked();
    // Twenty people share one phone more with their neighbour: of forty groups none is one person.
    let more: String = (0..20).map(|pair| format!("{},{}\n", id(2 * pair), card(2 * pair + 1))).collect();
    case.write("more.csv", &format!("mobile,number\n{more}{},{}\n", id(59), card(59)));
    let sealed = seal(&case, &["bindings=bindings.csv", "bindings=more.csv"]);
    assert_eq!(sealed.status.code(), Some(0), "{}", stderr(&sealed));
    let report: Value = serde_json::from_str(&stdout(&sealed)).unwrap();
    let file = |name: &str| {
        report["files"].as_array().unwrap().iter().find(|file| file["file"] == name).unwrap().clone()
    };
    let (first, second) = (file("bindings.csv"), file("more.csv"));
    assert_eq!(
        [&first["rows"], &first["used"], &first["duplicates"], &first["ambiguous_ids"]],
        [60, 59, 1, 80]
    );
    assert_eq!([&second["rows"], &second["ambiguous_ids"]], [21, 0]);
    // Their phones are in and have paid nothing; their cards are in for no one.
    near(payers(&case), [20, 40]);
}

#[test]
fn a_links_table_that_is_missing_or_cannot_be_read_stops_the_seal() {
    let case = linked();
    refused(&case, &[], "no file for dataset `bindings`: add `--data bindings=PATH`");
    refused(&case, &["bindings=absent.csv"], "absent.csv: cannot be opened");
    case.write("other.csv", "mobile,numbr\n1,2\n");
    refused(&case, &["bindings=other.csv"], "other.csv: column `number` is missing; did you mean `numbr`?");
    case.write("holes.csv", "mobile,number\n,2\n3,\n");
    let bad = "holes.csv: 2 of 2 rows are bad, more than the allowed 0.1 %; the first: row 1, column `mobile`: no id; \
               row 2, column `number`: no id";
    refused(&case, &["bindings=holes.csv"], bad);
    let columns: [(&str, ArrayRef); 2] = [
        ("mobile", Arc::new(Int64Array::from(vec![1, 2]))),
        ("number", Arc::new(Float64Array::from(vec![1.5, 2.0]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let place: PathBuf = case.path("floats.parquet");
    let mut writer = ArrowWriter::try_new(File::create(place).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let wrong = "floats.parquet: column `number` is Float64, but ids are text or whole numbers";
    refused(&case, &["bindings=floats.parquet"], wrong);
}

#[test]
fn consents_say_of_which_namespace_their_ids_are() {
    let case = linked();
    let consents = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    case.write("consents.csv", &consents.replace(",ids\n", ",namespace\n"));
    let meant = "consents.csv: column `namespace` is no column of a consent table: did you mean `ids`?";
    refused(&case, &["bindings=bindings.csv"], meant);
    case.write("consents.csv", &consents.replace(",phone\n", ",\n"));
    let bad = "row 1, column `ids`: no namespace, and the study has several";
    refused(&case, &["bindings=bindings.csv"], bad);
    case.write("consents.csv", &consents.replace(",phone\n", ",email\n"));
    refused(&case, &["bindings=bindings.csv"], "row 1, column `ids`: not a namespace of the study");
    // The same spellings as cards: everybody but the first is someone else's card, and the last card has no consent.
    case.write("consents.csv", &consents.replace(",phone\n", ",card\n"));
    let sealed = seal(&case, &["bindings=bindings.csv"]);
    assert_eq!(sealed.status.code(), Some(0), "{}", stderr(&sealed));
    near(payers(&case), [59, 1]);
}
