//! What is private, what is free, and what is refused.

use crate::client::connect;
use crate::support::shared;

#[test]
fn rows_of_people_never_leave_whatever_stands_around_them() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let spent = shared().spent();
    for (sql, code) in [
        ("SELECT * FROM tags", "42501"),
        ("SELECT region FROM tags LIMIT 1", "42501"),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM tags WHERE region = 'east')", "42501"),
        ("SELECT (SELECT region FROM tags LIMIT 1)", "42501"),
        ("SELECT label FROM vocabulary WHERE label IN (SELECT region FROM tags)", "42501"),
        ("SELECT COUNT(*) FROM (SELECT * FROM tags LIMIT 5) t", "42501"),
        ("SELECT COUNT(*) FROM (SELECT * FROM tags ORDER BY spend LIMIT 5) t", "42501"),
        ("SELECT COUNT(*) FROM tags a JOIN tags b ON a.region = b.region", "0A000"),
        (
            "SELECT v.label, COUNT(*) FROM tags t JOIN vocabulary v ON v.label = t.region GROUP BY v.label",
            "0A000",
        ),
        ("SELECT SUM(spend * 2) FROM tags", "0A000"),
        ("SELECT COUNT(*) FROM tags WHERE spend > 99.5", "42501"),
        ("SELECT MAX(spend) FROM tags", "42501"),
        ("SELECT STDDEV(spend) FROM tags", "42501"),
        ("SELECT region, COUNT(*) FROM tags GROUP BY ROLLUP (region)", "0A000"),
        ("SELECT COUNT(*) FROM tags WHERE random() < 0.5", "42501"),
        ("SELECT region, row_number() OVER (ORDER BY spend DESC) FROM tags", "42501"),
        ("SELECT array_agg(region) FROM tags", "0A000"),
        ("SELECT string_agg(region, ',') FROM tags", "0A000"),
        ("SELECT label, (SELECT COUNT(*) FROM tags t WHERE t.region = v.label) FROM vocabulary v", "0A000"),
        ("SELECT COUNT(DISTINCT region) FROM tags", "42501"),
        ("SELECT COUNT(*) FILTER (WHERE region = 'east') FROM tags", "0A000"),
        ("SELECT COUNT(*) FROM tags WHERE region = 'esat'", "22023"),
        ("SELECT COUNT(*) FROM tags WHERE region <> 'esat'::text", "22023"),
        ("SELECT COUNT(*) FROM tags WHERE region::text NOT IN ('esat', CAST('east' AS varchar))", "22023"),
        ("SELECT COUNT(*) FROM tags WHERE region IS DISTINCT FROM 'esat'", "22023"),
        ("SELECT COUNT(*) FROM tags WHERE region LIKE 'zz%'", "22023"),
        ("SELECT COUNT(*) FROM tags WHERE region = lapsed", "0A000"),
        ("SELECT spend, COUNT(*) FROM tags GROUP BY spend", "42501"),
        ("SELECT COUNT(*) FROM tags TABLESAMPLE BERNOULLI (10)", "0A000"),
        ("SELECT regoin, COUNT(*) FROM tags GROUP BY regoin", "42703"),
        ("TABLE tags", "0A000"),
        ("SELECT COUNT(*) FROM tags UNION ALL SELECT spend FROM tags", "42501"),
        ("SELECT * FROM tags NATURAL JOIN vocabulary", "0A000"),
        ("SELECT region, COUNT(*) FROM tags GROUP BY region HAVING spend > 5", "42803"),
    ] {
        let (found, text) = connected.error(sql);
        let close = [found.as_str(), "42601", "42000", "42803"];
        let fits = found == code || (code == "0A000" && close.contains(&found.as_str()) && found != "XX000");
        assert!(fits, "{sql}: {found} {text}");
    }
    assert_eq!(shared().spent(), spent, "nothing of it was charged");
}

#[test]
fn what_the_vocabulary_answers_is_free() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let spent = shared().spent();
    let rows = |sql: &str| connected.rows(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}")).1;
    let lapsed = rows("SELECT DISTINCT lapsed FROM tags ORDER BY 1");
    let public = rows("SELECT label FROM vocabulary WHERE tag = 'lapsed' ORDER BY 1");
    assert_eq!(lapsed, public);
    assert_eq!(rows("SELECT lapsed FROM tags GROUP BY lapsed ORDER BY lapsed"), public);
    assert_eq!(
        rows("SELECT upper(lapsed) AS u FROM tags WHERE lapsed LIKE 'n%' GROUP BY 1"),
        [[Some("NEVER".to_owned())]]
    );
    for probe in [
        "SELECT * FROM tags LIMIT 0",
        "SELECT * FROM tags WHERE 1 = 0",
        "SELECT COUNT(*) FROM tags LIMIT 0",
        "SELECT * FROM (SELECT region, COUNT(*) AS n FROM tags GROUP BY region) t LIMIT 0",
    ] {
        assert!(rows(probe).is_empty(), "{probe}");
    }
    assert_eq!(
        rows("SELECT scope FROM budget ORDER BY 1"),
        [[Some("pool".to_owned())], [Some("study".to_owned())]]
    );
    assert_eq!(rows("SELECT id FROM epochs WHERE answers"), [[Some("demo".to_owned())]]);
    rows("SELECT * FROM metrics");
    assert_eq!(shared().spent(), spent);
}

#[test]
fn expressions_over_one_tag_are_grouped_inside_and_summed_outside() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let rows = |sql: &str| connected.rows(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}")).1;
    let whole = rows("SELECT lapsed, COUNT(*) AS n FROM tags GROUP BY lapsed WITH (error = 64)");
    connected.charges();
    let spent = shared().spent();
    let number = |text: &Option<String>| text.as_ref().unwrap().parse::<i64>().unwrap();
    let of = |wanted: &[&str]| -> i64 {
        let wanted = |row: &&Vec<Option<String>>| wanted.contains(&row[0].as_deref().unwrap());
        whole.iter().filter(wanted).map(|row| number(&row[1])).sum()
    };
    let grouped = rows(
        "SELECT CASE WHEN lapsed IN ('active', 'cooling') THEN 'here' ELSE 'gone' END AS w, COUNT(*) AS n \
         FROM tags GROUP BY 1 ORDER BY 1 WITH (error = 64)",
    );
    assert_eq!(number(&grouped[0][1]), of(&["lapsed", "never"]));
    assert_eq!(number(&grouped[1][1]), of(&["active", "cooling"]));
    assert_eq!(shared().spent(), spent, "the same private query");
}

#[test]
fn intervals_stand_beside_their_numbers() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let (names, rows) = connected
        .rows(
            "SELECT region, COUNT(*) AS people, people_low, people_high, AVG(orders) AS mean, avg_orders_low, avg_orders_high \
             FROM tags GROUP BY region WITH (error = 66, error(orders) = 900)",
        )
        .unwrap();
    assert_eq!(
        names,
        ["region", "people", "people_low", "people_high", "mean", "avg_orders_low", "avg_orders_high"]
    );
    for row in rows {
        let number = |column: usize| row[column].as_ref().map(|text| text.parse::<f64>().unwrap());
        assert!(number(2) <= number(1) && number(1) <= number(3), "{row:?}");
        assert!(number(4).is_none() || number(5) <= number(4).map(|mean| mean + 1.0), "{row:?}");
    }
}

#[test]
fn a_table_that_is_used_twice_with_other_columns_is_one_query() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let sql = "WITH t AS (SELECT lapsed AS k, COUNT(*) AS n, SUM(orders) AS s FROM tags GROUP BY lapsed) \
               SELECT k, (SELECT MAX(n) FROM t) AS m, s FROM t ORDER BY k WITH (error = 3157, error(orders) = 150001)";
    connected.rows(sql).unwrap();
    assert_eq!(connected.charges(), 1);
}

#[test]
fn the_price_of_the_count_that_is_paid_with_a_sum_is_the_one_that_was_written() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let sql =
        "SELECT a, b FROM (SELECT lapsed AS a, COUNT(*) AS n, SUM(orders) AS b FROM tags GROUP BY lapsed) t";
    let (_, lines) =
        connected.rows(&format!("EXPLAIN {sql} WITH (error = 2345, error(orders) = 150002)")).unwrap();
    let text = lines.into_iter().flatten().flatten().collect::<Vec<_>>().join("\n");
    assert!(text.contains("COUNT(*) within 2345 "), "not the study's own error: {text}");
}

#[test]
fn a_statement_that_the_budget_does_not_hold_is_refused_as_a_whole() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let spent = shared().spent();
    // Each alone fits, all together do not.
    let left = 400.0;
    let each = left * 0.7;
    let sql = format!(
        "SELECT 'a' AS w, COUNT(*) FROM tags WHERE region = 'east' \
         UNION ALL SELECT 'b', COUNT(*) FROM tags WHERE region = 'south' WITH (epsilon = {each})"
    );
    assert_eq!(connected.error(&sql).0, "53400");
    assert_eq!(shared().spent(), spent, "none of them was asked");
}
