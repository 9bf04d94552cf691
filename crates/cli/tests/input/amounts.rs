//! Promise: an amount is read exactly from whatever type of column holds it, or refused by name and reason and never by a value;
//! results of amounts with a unit are shown in it, and are signed and charged in minor units.

use std::fmt::Write as _;
use std::fs::File;
use std::process::Output;
use std::sync::Arc;

use crate::command::{Case, id, stderr, stdout, study};
use arrow_array::types::{ArrowPrimitiveType, Decimal256Type};
use arrow_array::{
    ArrayRef, Decimal128Array, Decimal256Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

const PEOPLE: u32 = 40;
/// What everybody paid, in fen.
const FEN: i64 = 123_450;

/// A sandbox whose study declares amounts so.
fn case(declared: &str) -> Case {
    let case = Case::new(PEOPLE);
    let text =
        study().replace("amount = \"amount\"", &format!("amount = {{ type = \"amount\", {declared} }}"));
    let text = text.replace("epsilon = 4.0", "epsilon = 4000.0");
    assert!(text.contains(declared) && text.contains("4000.0"));
    case.write("study.toml", &text);
    let made = case.init("4000");
    assert!(made.status.success(), "{}", stderr(&made));
    case
}

/// Payments of everybody, as CSV, with this amount.
fn csv(case: &Case, amount: &str) {
    let mut text = "payer,amount,at\n".to_owned();
    for person in 0..PEOPLE {
        writeln!(text, "{},{amount},2026-08-01T10:00:00+08:00", id(person)).unwrap();
    }
    case.write("payments.csv", &text);
}

/// Payments of everybody, as Parquet, with these amounts.
fn parquet(case: &Case, amounts: ArrayRef) {
    let people: ArrayRef = Arc::new((0..PEOPLE).map(|person| Some(id(person))).collect::<StringArray>());
    let at: ArrayRef = Arc::new(StringArray::from(vec!["2026-08-01T10:00:00+08:00"; PEOPLE as usize]));
    let batch = RecordBatch::try_from_iter([("payer", people), ("amount", amounts), ("at", at)]).unwrap();
    let file = File::create(case.path("payments.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn seal(case: &Case, payments: &str) -> Output {
    let payments = format!("payments={payments}");
    let mut arguments = vec!["seal", "box", "--epoch", "e1", "--as-of", "2026-10-01", "--format", "json"];
    arguments.extend(["--data", "follows=follows.csv", "--data", "members=members.csv", "--data", &payments]);
    arguments.extend(["--consents", "consents.csv"]);
    case.run(&arguments)
}

fn is_sealed(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
    let all: Value = serde_json::from_str(&stdout(output)).unwrap();
    let file = all["files"].as_array().unwrap().iter().find(|file| file["dataset"] == "payments").unwrap();
    assert_eq!((&file["used"], &file["dropped"]), (&json!(PEOPLE), &json!({})), "{file}");
}

fn ask(case: &Case, format: &str, more: &[&str]) -> String {
    let mut arguments = vec!["ask", "box", "--recipient", "brand-insights", "--format", format];
    arguments.extend(more);
    arguments.push("SELECT SUM(spend) AS paid, AVG(spend) AS mean, COUNT(*) AS people FROM tags WITH (error = 2, error(spend) = 200000)");
    let output = case.run(&arguments);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Everybody paid 1,234.50, whatever says so.
fn everybody_paid(case: &Case) {
    let answer: Value = serde_json::from_str(&ask(case, "json", &[])).unwrap();
    let paid = answer["rows"][0]["paid"]["estimate"].as_i64().unwrap();
    assert!((paid - FEN * i64::from(PEOPLE)).abs() < 600_000, "{answer}");
}

#[test]
fn every_type_of_column_holds_the_same_amounts() {
    let all = |amount: i64| vec![amount; PEOPLE as usize];
    let wide = <Decimal256Type as ArrowPrimitiveType>::Native::from_i128(FEN.into());
    let narrow = Decimal128Array::from(vec![i128::from(FEN) * 100; PEOPLE as usize]);
    let columns: [(&str, ArrayRef); 6] = [
        ("scale = 2", Arc::new(StringArray::from(vec!["1234.5"; PEOPLE as usize]))),
        ("scale = 2", Arc::new(narrow.with_precision_and_scale(20, 4).unwrap())),
        ("scale = 2", {
            let wide = Decimal256Array::from(vec![wide; PEOPLE as usize]);
            Arc::new(wide.with_precision_and_scale(60, 2).unwrap())
        }),
        ("scale = 2, integers = \"minor\"", Arc::new(Int64Array::from(all(FEN)))),
        ("scale = 1, integers = \"major\", thousands = \",\"", Arc::new(Int64Array::from(all(FEN / 10)))),
        ("scale = 2, from_float = true", Arc::new(Float64Array::from(vec![1234.5; PEOPLE as usize]))),
    ];
    for (declared, amounts) in columns {
        let case = case(declared);
        parquet(&case, amounts);
        is_sealed(&seal(&case, "payments.parquet"));
        everybody_paid(&case);
        // A platform that tokenises hands over the same amounts.
        if declared == "scale = 2" {
            let made = case.run(&["key", "new", "--for", "token", "--out", "agreed.key"]);
            assert!(made.status.success(), "{}", stderr(&made));
            let tokens = [
                ("payments", "payments.parquet"),
                ("follows", "follows.csv"),
                ("members", "members.csv"),
                ("consents", "consents.csv"),
            ];
            for (dataset, file) in tokens {
                let out = format!("{dataset}.tokens.parquet");
                let made = case.run(&[
                    "tokenize",
                    "--study",
                    "study.toml",
                    "--dataset",
                    dataset,
                    file,
                    &out,
                    "--key",
                    "agreed.key",
                    "--as-of",
                    "2026-10-01",
                ]);
                assert!(made.status.success(), "{}", stderr(&made));
            }
            let mut arguments = vec![
                "seal".to_owned(),
                "box".into(),
                "--epoch".into(),
                "e2".into(),
                "--as-of".into(),
                "2026-10-02".into(),
            ];
            for dataset in ["payments", "follows", "members"] {
                arguments.extend(["--data".into(), format!("{dataset}={dataset}.tokens.parquet")]);
            }
            arguments.extend(["--consents".into(), "consents.tokens.parquet".into()]);
            let sealed = case.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            assert!(sealed.status.success(), "{}", stderr(&sealed));
            everybody_paid(&case);
        }
    }
}

#[test]
fn text_is_read_with_the_declared_separators_and_refused_by_reason() {
    for (declared, amount) in [
        ("scale = 2", "1234.50"),
        ("scale = 2, thousands = \",\"", "\"1,234.50\""),
        ("scale = 2, thousands = \"'\"", "1'234.5"),
        ("scale = 2, integers = \"minor\"", "123450"),
    ] {
        let case = case(declared);
        csv(&case, amount);
        is_sealed(&seal(&case, "payments.csv"));
        everybody_paid(&case);
    }
    let case = case("scale = 2");
    for (amount, reason) in [
        ("7.777", "more digits behind the point than `scale`"),
        ("7e3", "an amount with an exponent"),
        ("\u{ffe5}7.77", "a currency sign or code in an amount"),
        ("$7.77", "a currency sign or code in an amount"),
        ("7\u{ff17}.77", "an amount in full-width characters"),
        ("", "empty"),
        ("\"7,777.70\"", "digits in groups; declare `thousands`"),
        ("77777777777777777777.00", "an amount beyond 64 bits"),
        ("-7.77", "below zero"),
        ("(7.77)", "not an amount, such as 12.90"),
    ] {
        csv(&case, amount);
        let output = seal(&case, "payments.csv");
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains(&format!("row 1, column `amount`: {reason}")) && !text.contains("77"),
            "{text}"
        );
    }
}

#[test]
fn what_is_ambiguous_is_refused_with_both_readings() {
    let both = "declare `integers = \"minor\"` (1290 is 12.90) or `integers = \"major\"` (1290 is 1290.00)";
    let case = case("scale = 2");
    let refused = |payments: &str, says: &str| {
        let output = seal(&case, payments);
        let text = stderr(&output);
        assert!(output.status.code() == Some(1) && text.contains(says) && !text.contains("777"), "{text}");
    };
    csv(&case, "777");
    refused("payments.csv", both);
    parquet(&case, Arc::new(Int64Array::from(vec![777; PEOPLE as usize])));
    refused("payments.parquet", both);
    parquet(&case, Arc::new(Float64Array::from(vec![7.77; PEOPLE as usize])));
    refused("payments.parquet", "`from_float = true`");
    // Beside one amount with a point, whole numbers are of the same unit.
    csv(&case, "12");
    case.append("payments.csv", &format!("{},0.50,2026-08-01T10:00:00+08:00\n", id(0)));
    assert!(seal(&case, "payments.csv").status.success());
    let floats = self::case("scale = 2, from_float = true");
    for (number, reason) in [
        (7.777, "not within a millionth of a minor unit"),
        (f64::NAN, "not a finite number"),
        (f64::INFINITY, "not a finite number"),
        (7.7e20, "an amount beyond 64 bits"),
    ] {
        parquet(&floats, Arc::new(Float64Array::from(vec![number; PEOPLE as usize])));
        let text = stderr(&seal(&floats, "payments.parquet"));
        assert!(
            text.contains("row 1, column `amount`: ") && text.contains(reason) && !text.contains("7.7"),
            "{text}"
        );
    }
}

#[test]
fn results_are_shown_in_the_unit_and_signed_in_minor_units() {
    let case = case("scale = 2, unit = \"CNY\"");
    csv(&case, "1234.50");
    is_sealed(&seal(&case, "payments.csv"));
    let answer: Value = serde_json::from_str(&ask(&case, "json", &[])).unwrap();
    let paid = &answer["rows"][0]["paid"];
    let minor = paid["estimate"].as_i64().unwrap();
    let yuan = format!("{}.{:02}", minor / 100, minor % 100);
    assert_eq!(
        (&paid["major"]["unit"], &paid["major"]["estimate"]),
        (&json!("CNY"), &json!(yuan)),
        "{answer}"
    );
    assert!(answer["rows"][0]["people"].get("major").is_none(), "people are no yuan: {answer}");
    let mean = answer["rows"][0]["mean"]["major"]["estimate"].as_str().unwrap();
    assert!(mean.starts_with("1") && mean.split_once('.').unwrap().0.len() == 4, "{mean}");
    let (thousands, rest) = yuan.split_at(2);
    let grouped = format!("{thousands},{rest}");
    let table = ask(&case, "table", &[]);
    assert!(table.contains("paid (CNY)") && table.contains(&grouped), "{table}");
    assert!(!table.contains("people (CNY)") && !table.contains(&minor.to_string()), "{table}");
    let fen = ask(&case, "table", &["--minor-units"]);
    assert!(!fen.contains("CNY") && fen.replace(',', "").contains(&minor.to_string()), "{fen}");
    let csv = ask(&case, "csv", &[]);
    assert!(
        csv.starts_with(
            "paid_CNY,paid_CNY_low,paid_CNY_high,paid_CNY_unbiased,paid_CNY_error_percent,mean_CNY,"
        ) && csv.contains(&yuan),
        "{csv}"
    );
    let forecast = ask(&case, "table", &["--forecast"]);
    assert!(forecast.contains("\u{b1} 2,000.00 CNY") && !forecast.contains("people (CNY)"), "{forecast}");
    let words = stdout(&case.run(&["vocabulary", "box", "--recipient", "brand-insights"]));
    assert!(words.contains("5,000.00"), "{words}");
    // What is signed knows no yuan.
    let log = stdout(&case.run(&["audit", "show", "box"]));
    assert!(log.contains("SUM(spend)") && !log.contains("CNY"), "{log}");
    let made = case.run(&["report", "box", "--out", "page.html"]);
    assert!(made.status.success(), "{}", stderr(&made));
    let page = std::fs::read_to_string(case.path("page.html")).unwrap();
    assert!(page.contains("(CNY)") && page.contains(&grouped), "the page shows fen");
}

#[test]
fn a_declaration_that_contradicts_itself_is_refused_where_it_stands() {
    for (declared, says) in [
        ("scale = 10", "`scale` is between 0 and 9"),
        ("integers = \"minor\"", "`integers` declares what whole numbers are beside a `scale`"),
        ("from_float = true", "`from_float` needs `scale`"),
        ("unit = \"CNY\"", "`unit` is the major unit in which results are shown: declare `scale`"),
        ("scale = 2, unit = \"C N\"", "a unit has 1 to 16 characters"),
        ("scale = 2, thousands = \".\"", "unknown variant"),
        ("scale = 2, integers = \"fen\"", "unknown variant"),
    ] {
        let case = Case::new(1);
        let text =
            study().replace("amount = \"amount\"", &format!("amount = {{ type = \"amount\", {declared} }}"));
        case.write("study.toml", &text);
        let error = stderr(&case.init("4"));
        assert!(error.contains(says) && error.contains("study.toml:76:"), "{error}");
    }
    let case = Case::new(1);
    for key in
        ["scale = 2", "thousands = \",\"", "integers = \"minor\"", "from_float = true", "unit = \"CNY\""]
    {
        case.write(
            "study.toml",
            &study().replace("at = \"time\"", &format!("at = {{ type = \"time\", {key} }}")),
        );
        let error = stderr(&case.init("4"));
        assert!(error.contains("to fields of type amount"), "{error}");
    }
}
