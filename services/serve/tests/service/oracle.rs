//! Random statements around random private queries give what a real PostgreSQL gives over the released rows, and are charged what the
//! inner query's forecast says.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio_postgres::SimpleQueryMessage;

use crate::client::{Connected, connect};
use crate::postgres::Server;
use crate::support::{runtime, shared};

type Rows = Vec<Vec<Option<String>>>;

/// A private query with columns `k`, `n`, `s`.
fn inner() -> impl Strategy<Value = String> {
    let tag = prop::sample::select(vec!["lapsed", "order_freq", "spend_tier", "following"]);
    let filter = prop::sample::select(vec![
        "",
        "WHERE region <> 'other'",
        "WHERE region LIKE '%s%'",
        "WHERE NOT (following = 'nobody' AND order_freq = 'none')",
        "WHERE spend_tier IN ('low', 'mid') OR region = 'east'",
    ]);
    (tag, filter).prop_map(|(tag, filter)| {
        format!("SELECT {tag} AS k, COUNT(*) AS n, SUM(orders) AS s FROM tags {filter} GROUP BY {tag}")
    })
}

/// What is around the relation `t`, which is ordered wherever rows could come in any order.
fn outer() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        "n",
        "s",
        "n + s",
        "n * 2 - 1",
        "coalesce(n, 0)",
        "CASE WHEN n > 500 THEN 1 ELSE 0 END",
        "abs(n - 700)",
        "n % 7",
        "nullif(n, 0)",
        "greatest(n, 10)",
        "n::numeric / 4",
    ]);
    let text = prop::sample::select(vec![
        "k",
        "upper(k)",
        "k || '!'",
        "substr(k, 1, 2)",
        "length(k)::text",
        "coalesce(k, '-')",
    ]);
    let condition = prop::sample::select(vec![
        "n > 100",
        "k <> 'never'",
        "k LIKE '%e%'",
        "n IS NOT NULL",
        "n BETWEEN 1 AND 900",
        "NOT (n < 300)",
    ]);
    let limit = 0_u32..5;
    (number, text, condition, limit, 0_u8..8).prop_map(|(number, text, condition, limit, shape)| match shape {
        0 => format!("SELECT {text} AS a, {number} AS b FROM t WHERE {condition} ORDER BY k, n LIMIT {limit}"),
        1 => format!("SELECT SUM({number}) AS a, COUNT(*) AS b, MIN(k) AS c, MAX(n) AS d FROM t WHERE {condition}"),
        2 => format!("SELECT {text} AS a, SUM({number}) AS b FROM t GROUP BY {text} ORDER BY 1, 2 OFFSET {limit}"),
        3 => format!("SELECT k, RANK() OVER (ORDER BY n DESC, k) AS r, SUM(n) OVER () AS w FROM t WHERE {condition} ORDER BY k"),
        4 => format!("SELECT k, n FROM t UNION ALL SELECT {text}, 7 FROM t WHERE {condition} ORDER BY 1, 2"),
        5 => format!("SELECT x.k, y.n FROM t x JOIN t y ON x.k = y.k AND x.{condition} ORDER BY 1, 2"),
        6 => format!("SELECT k, (SELECT MAX(n) FROM t) AS m, {number} AS b FROM t ORDER BY k"),
        _ => format!("SELECT DISTINCT {text} AS a FROM t WHERE n IN (SELECT n FROM t WHERE {condition}) ORDER BY 1"),
    })
    .prop_map(|text| text.replace("x.NOT (n", "NOT (x.n"))
}

/// Both numbers are used, so that none is dropped and the private query is the inner one.
fn with(outer: &str, relation: &str) -> String {
    format!("WITH t AS (SELECT k, n, s FROM ({relation}) i WHERE n IS NOT NULL OR s IS NOT NULL) {outer}")
}

fn oracle(server: &Server, sql: &str) -> Result<Rows, String> {
    let messages =
        runtime().block_on(server.client.simple_query(sql)).map_err(|error| format!("{error:?}"))?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// Numbers are compared as numbers: PostgreSQL shows more digits of a quotient.
fn same(left: &Rows, right: &Rows) -> bool {
    let close = |(left, right): (&Option<String>, &Option<String>)| match (left, right) {
        (Some(left), Some(right)) if left != right => {
            matches!((left.parse::<f64>(), right.parse::<f64>()), (Ok(left), Ok(right)) if (left - right).abs() <= 1e-3)
        }
        (left, right) => left == right,
    };
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| left.len() == right.len() && left.iter().zip(right).all(close))
}

fn literal(rows: &Rows) -> String {
    let value = |text: &Option<String>| text.as_ref().map_or("NULL".to_owned(), |text| format!("'{text}'"));
    let row = |row: &Vec<Option<String>>| {
        format!("({}::text, {}::bigint, {}::numeric)", value(&row[0]), value(&row[1]), value(&row[2]))
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("SELECT * FROM (VALUES {}) AS v(k, n, s)", rows.join(", "))
}

fn check(server: &Server, connected: &Connected, inner: &str, outer: &str) -> Result<(), TestCaseError> {
    const PRICE: &str = "WITH (error = 90, error(orders) = 4000)";
    let world = shared();
    let (_, released) = connected
        .rows(&format!("{inner} {PRICE}"))
        .map_err(|e| TestCaseError::fail(format!("{inner}: {e:?}")))?;
    let spent = world.spent();
    let sql = format!("{} {PRICE}", with(outer, inner));
    let ours = connected.rows(&sql).map(|(_, rows)| rows).map_err(|error| format!("{error:?}"));
    prop_assert_eq!(world.spent(), spent, "wrapped, it is the same private query: {}", sql);
    let theirs = oracle(server, &with(outer, &literal(&released)));
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            prop_assert!(same(ours, theirs), "{}\nours   {:?}\ntheirs {:?}", sql, ours, theirs)
        }
        (ours, theirs) => {
            prop_assert!(ours.is_err() == theirs.is_err(), "{}\nours   {:?}\ntheirs {:?}", sql, ours, theirs)
        }
    }
    Ok(())
}

#[test]
fn what_stands_around_gives_what_postgresql_gives() {
    let _alone = crate::support::alone();
    let Some(server) = Server::start() else { return };
    let connected = connect(shared());
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    runner.run(&(inner(), outer()), |(inner, outer)| check(&server, &connected, &inner, &outer)).unwrap();
}

/// What EXPLAIN says that a statement costs.
fn forecast(connected: &Connected, sql: &str) -> u128 {
    let (_, lines) =
        connected.rows(&format!("EXPLAIN {sql}")).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let costs = lines.iter().flatten().flatten().filter_map(|line| line.trim().strip_prefix("costs "));
    costs.map(|line| line.split(' ').next().unwrap().parse::<u128>().unwrap()).sum()
}

#[test]
fn the_charge_is_the_forecast_of_the_inner_query() {
    let _alone = crate::support::alone();
    let (world, connected) = (shared(), connect(shared()));
    let mut runner = TestRunner::new(Config {
        cases: 32,
        failure_persistence: None,
        // What was charged once is stored, so a smaller case of the same price would not be the same.
        max_shrink_iters: 0,
        ..Config::default()
    });
    let prices = 200_u32..4_000;
    runner
        .run(&(inner(), outer(), prices), |(inner, outer, price)| {
            let price = format!("WITH (error = {price}, error(orders) = {})", price * 50);
            let alone = forecast(&connected, &format!("{inner} {price}"));
            for wrapped in [with(&outer, &inner), format!("WITH t AS ({inner}) {outer}")] {
                let sql = format!("{wrapped} {price}");
                let Ok((_, _)) = connected.rows(&format!("EXPLAIN {sql}")) else { continue };
                let (wanted, before) = (forecast(&connected, &sql), world.spent());
                let ran = connected.rows(&sql).is_ok();
                let charged = world.spent() - before;
                prop_assert!(!ran || charged == wanted, "{}: {} {}", sql, charged, wanted);
                prop_assert!(wanted <= alone, "{}: a column that nothing shows is not charged", sql);
            }
            Ok(())
        })
        .unwrap();
}
