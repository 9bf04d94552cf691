//! A measure without a window stops at as-of, by the field that it names: what plain loops say, where records know several instants
//! and some of them are missing.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray, TimestampSecondArray};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::Sources;
use super::each::{AS_OF, PEOPLE, table_of, text};
use super::{DAY, PLAIN, consents, input, slow::Terms};
use crate::policy::Study;
use crate::types::Secret;

const MEASURES: &str = r#"
[measures]
by_at = { from = "payments", count = true, time = "at", clamp = [0, 99] }
by_settled = { from = "payments", count = true, time = "settled", clamp = [0, 99] }
lately_settled = { from = "payments", count = true, time = "settled", window = "9d", clamp = [0, 99] }
since = { from = "payments", days_since_last = "at", clamp = [-99, 99] }
since_settled = { from = "payments", days_since_last = "settled", clamp = [-99, 99] }
since_of_lately_settled = { from = "payments", days_since_last = "at", time = "settled", window = "9d", clamp = [-99, 99] }
first_of_settled = { from = "payments", days_since_first = "at", time = "settled", clamp = [-99, 99] }
"#;

/// When a payment was made and when it was settled, if it was.
type Payment = (&'static str, i64, Option<i64>);

/// Every measure of one person by name.
fn values(payments: &[Payment], person: &str) -> Vec<(&'static str, Option<i64>)> {
    let own = || payments.iter().filter(|row| row.0 == person);
    let has_happened = |at: i64| at < AS_OF;
    let is_late = |at: i64| has_happened(at) && at >= AS_OF - 9 * DAY;
    let count = |rows: usize| i64::try_from(rows).ok();
    let days = |at: Option<i64>| at.map(|at| (AS_OF - at) / DAY);
    let made = || own().filter(|row| has_happened(row.1));
    vec![
        ("by_at", count(made().count())),
        ("by_settled", count(own().filter(|row| row.2.is_some_and(has_happened)).count())),
        ("lately_settled", count(own().filter(|row| row.2.is_some_and(is_late)).count())),
        ("since", days(made().map(|row| row.1).max())),
        ("since_settled", days(own().filter_map(|row| row.2).filter(|at| has_happened(*at)).max())),
        (
            "since_of_lately_settled",
            days(made().filter(|row| row.2.is_some_and(is_late)).map(|row| row.1).max()),
        ),
        (
            "first_of_settled",
            days(made().filter(|row| row.2.is_some_and(has_happened)).map(|row| row.1).min()),
        ),
    ]
}

fn tables(payments: &[Payment]) -> Sources {
    let words = |words: Vec<&str>| Arc::new(StringArray::from(words)) as ArrayRef;
    let times = |of: fn(&Payment) -> Option<i64>| {
        let times = payments.iter().map(of).collect::<TimestampSecondArray>();
        Arc::new(times.with_timezone("UTC")) as ArrayRef
    };
    let columns = vec![
        ("payer", words(payments.iter().map(|row| row.0).collect())),
        ("at", times(|row| Some(row.1))),
        ("settled", times(|row| row.2)),
    ];
    let names = || words(PEOPLE.to_vec());
    let everybody = PEOPLE.map(ToOwned::to_owned).into_iter().collect();
    let terms =
        Terms { as_of: AS_OF, max_reach: 2, window_days: 9, spend_clamp: (0, 1), recent_clamp: (0, 1) };
    let data = [
        ("follows", vec![("follower", words(vec![])), ("followee", words(vec![]))]),
        ("payments", columns),
        ("members", vec![("user", names()), ("word", names())]),
    ];
    Sources {
        data: data.map(|(name, columns)| (name.parse().unwrap(), input(name, columns))).into(),
        consents: vec![consents(&everybody, "READER", &terms, PLAIN)],
    }
}

#[test]
fn a_record_counts_once_the_instant_that_its_measure_names_has_come() {
    let tags = format!("[tags]\nwho = {{ field = \"members.word\", values = {PEOPLE:?} }}\n");
    let whole = text(MEASURES, &tags);
    let (before, fields) = whole.split_once("[datasets.payments.fields]\n").unwrap();
    let (_, after) = fields.split_once("at = \"time\"\n").unwrap();
    let fields =
        "[datasets.payments.fields]\nat = \"time\"\nsettled = { type = \"time\", optional = true }\n";
    let study = Study::parse("until.toml", &format!("{before}{fields}{after}")).unwrap();
    let mut rng = StdRng::seed_from_u64(17);
    let instants = [-1, 0, 1, 3 * DAY, 9 * DAY, 9 * DAY + 1, 30 * DAY, -2 * DAY];
    for case in 0..40 {
        let mut instant = || AS_OF - instants[rng.random_range(0..instants.len())];
        let mut payments: Vec<Payment> = (0..40).map(|_| ("", instant(), Some(instant()))).collect();
        for payment in &mut payments {
            payment.0 = PEOPLE[rng.random_range(0..PEOPLE.len())];
            payment.2 = payment.2.filter(|_| rng.random_bool(0.7));
        }
        let found = table_of(&study, tables(&payments), &Secret::new(rng.random()), 1 + case % 2);
        for (person, (counts, sums)) in PEOPLE.iter().zip(&found) {
            for (name, wanted) in values(&payments, person) {
                let named =
                    |measure: usize| study.catalogue.measures()[measure].name.as_deref() == Some(name);
                let columns = study.catalogue.columns();
                let of = columns.measures.iter().find(|of| named(of.measure)).unwrap();
                let value = (counts[of.present] == 1).then_some(sums[of.sum]);
                assert_eq!(value, wanted.map(i128::from), "case {case}, {person}, {name}");
            }
        }
    }
}
