//! SET, SHOW, transactions, parameters, EXPLAIN, limits: what drivers do besides queries.

use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use crate::client::connect;
use crate::support::{runtime, shared};

#[test]
fn settings_are_those_of_one_connection() {
    let _alone = crate::support::alone();
    let (connected, other) = (connect(shared()), connect(shared()));
    connected
        .rows("SET application_name = 'a'; SET extra_float_digits = 3; SET TIME ZONE 'UTC'; SET NAMES 'UTF8'")
        .unwrap();
    assert_eq!(connected.rows("SHOW application_name").unwrap().1, [[Some("a".to_owned())]]);
    assert_eq!(other.rows("SHOW application_name").unwrap().1, [[Some(String::new())]]);
    assert_eq!(
        connected.rows("SHOW transaction isolation level").unwrap().1,
        [[Some("read committed".to_owned())]]
    );
    assert_eq!(connected.error("SHOW nothing").0, "42704");
    connected.rows("RESET ALL").unwrap();
    assert_eq!(connected.rows("SHOW application_name").unwrap().1, [[Some(String::new())]]);
}

#[test]
fn a_price_is_that_of_the_statement_or_of_the_session() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let explain = |sql: &str| -> String {
        let rows = connected.rows(sql).unwrap().1;
        rows.into_iter().flatten().flatten().collect::<Vec<_>>().join("\n")
    };
    let spent = shared().spent();
    assert!(explain("EXPLAIN SELECT COUNT(*) FROM tags WITH (error = 71)").contains("within 71"));
    connected.rows("SET hushtag.price = 'error = 72'").unwrap();
    let shown = explain("EXPLAIN SELECT COUNT(*) FROM tags");
    assert!(shown.contains("within 72") && shown.contains("costs "), "{shown}");
    assert!(explain("EXPLAIN SELECT COUNT(*) FROM tags WITH (error = 73)").contains("within 73"));
    assert_eq!(connected.error("SELECT COUNT(*) FROM tags WITH (error = 0)").0, "22023");
    assert_eq!(explain("EXPLAIN SELECT 1"), "no private query, no charge");
    assert_eq!(connected.error("EXPLAIN ANALYZE SELECT COUNT(*) FROM tags").0, "0A000");
    assert_eq!(shared().spent(), spent, "EXPLAIN is free");
}

#[test]
fn a_failed_transaction_does_nothing_until_it_ends() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    connected.rows("BEGIN").unwrap();
    assert_eq!(connected.error("SELECT * FROM tags").0, "42501");
    assert_eq!(connected.error("SELECT 1").0, "25P02");
    connected.rows("ROLLBACK").unwrap();
    assert_eq!(connected.rows("SELECT 1 AS x").unwrap().1.len(), 1);
}

#[test]
fn parameters_are_values_and_never_text_of_the_statement() {
    let _alone = crate::support::alone();
    let world = shared();
    runtime().block_on(async {
        let (client, connection) = tokio_postgres::connect(&world.dsn(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let one = client
            .query("SELECT COUNT(*) AS n FROM tags WHERE lapsed = $1 WITH (error = 62)", &[&"never"])
            .await
            .unwrap();
        let text = client.simple_query("SELECT COUNT(*) AS n FROM tags WHERE lapsed = 'never' WITH (error = 62)").await.unwrap();
        let text = text.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        assert_eq!(Some(one[0].get::<_, i64>(0).to_string()), text);
        let labels: &[&str] = &["never", "lapsed"];
        let any = client
            .query("SELECT lapsed, COUNT(*) FROM tags WHERE lapsed = ANY($1) GROUP BY lapsed WITH (error = 62)", &[&labels])
            .await
            .unwrap();
        assert_eq!(any.len(), 4, "all groups of the vocabulary are released");
        let spent = world.spent();
        let attack = "never' OR 'a' = 'a";
        let error = client.query("SELECT COUNT(*) FROM tags WHERE lapsed = $1", &[&attack]).await.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().code().code(), "22023");
        assert_eq!(world.spent(), spent);
        let limited = client
            .query("SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed ORDER BY 1 LIMIT $1 WITH (error = 62)", &[&2_i64])
            .await
            .unwrap();
        assert_eq!(limited.len(), 2);
    });
}

#[test]
fn a_statement_is_cancelled_and_ends_in_its_time() {
    let _alone = crate::support::alone();
    let world = shared();
    let connected = connect(world);
    // 16 million rows over public words alone: no private query.
    let long = "SELECT COUNT(*) FROM vocabulary a, vocabulary b, vocabulary c, vocabulary d \
                WHERE md5(a.label || b.label || c.label || d.label) = 'x'";
    connected.rows("SET statement_timeout = '300ms'").unwrap();
    let started = Instant::now();
    let code = connected.error(long).0;
    assert!(code == "57014" || code == "42883", "{code}");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(connected.rows("SELECT 1 AS x").unwrap().1.len(), 1, "the connection goes on");
    assert_eq!(
        connected.error(
            "SELECT 1 FROM vocabulary a, vocabulary b, vocabulary c, vocabulary d, vocabulary e, vocabulary f"
        )
        .0,
        "54000"
    );
}

#[test]
fn nothing_is_written_and_no_function_is_a_table() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    for (sql, codes) in [
        ("CREATE TABLE a (b int)", &["0A000"][..]),
        ("CREATE VIEW v AS SELECT * FROM tags", &["0A000"]),
        ("DROP TABLE tags", &["0A000"]),
        ("INSERT INTO vocabulary VALUES ('a', 'b')", &["0A000"]),
        ("COPY (SELECT region FROM tags) TO 'leak.csv'", &["0A000", "42601"]),
        ("COPY tags TO STDOUT", &["0A000"]),
        ("CREATE EXTERNAL TABLE p STORED AS CSV LOCATION '/etc/passwd'", &["0A000", "42601"]),
        ("SELECT * FROM '/etc/passwd'", &["42P01", "42601"]),
        ("SELECT * FROM generate_series(1, 1000000000)", &["42501"]),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r",
            &["42501", "0A000"],
        ),
        ("SELECT repeat('x', 1000000000)", &["42883", "42000"]),
        ("SELECT * FROM other", &["42P01"]),
        ("SELEC 1", &["42601"]),
    ] {
        let (code, text) = connected.error(sql);
        assert!(codes.contains(&code.as_str()), "{sql}: {code} {text}");
    }
    let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(connected.error(&deep).0, "42601");
    assert_eq!(connected.rows("SELECT 1 AS x").unwrap().1.len(), 1);
}
