//! Statements in the shapes that BI tools send, written anew: a dashboard that refreshes is charged once, however it wraps.

use crate::client::connect;
use crate::support::shared;

/// One inner query in the shapes of several tools. All of them are one private query.
const SHAPES: [(&str, &str); 11] = [
    (
        "metabase",
        r#"SELECT "public"."tags"."region" AS "region", COUNT(*) AS "count" FROM "public"."tags" GROUP BY "public"."tags"."region" ORDER BY "count" DESC, "public"."tags"."region" ASC LIMIT 2000"#,
    ),
    (
        "metabase nested",
        r#"SELECT "source"."region" AS "region", SUM("source"."count") AS "sum" FROM (SELECT "public"."tags"."region" AS "region", COUNT(*) AS "count" FROM "public"."tags" GROUP BY "public"."tags"."region") AS "source" GROUP BY "source"."region" ORDER BY "source"."region" ASC LIMIT 10000"#,
    ),
    (
        "superset",
        "SELECT region AS region, COUNT(*) AS count FROM public.tags GROUP BY region ORDER BY count DESC LIMIT 50001",
    ),
    (
        "superset virtual",
        "SELECT region AS region, sum(n) AS \"SUM(n)\" FROM (SELECT region, COUNT(*) AS n FROM tags GROUP BY region) AS virtual_table GROUP BY region ORDER BY \"SUM(n)\" DESC LIMIT 1000",
    ),
    (
        "grafana",
        "SELECT now() AS \"time\", region AS metric, count(*) AS value FROM tags GROUP BY 1, 2 ORDER BY 1",
    ),
    (
        "tableau",
        r#"SELECT "tags"."region" AS "region", COUNT(1) AS "cnt:tags:ok" FROM "public"."tags" "tags" GROUP BY 1"#,
    ),
    (
        "tableau having",
        r#"SELECT "t0"."region" AS "region", SUM(1) AS "sum:records:ok" FROM (SELECT "tags"."region" AS "region" FROM "public"."tags" "tags") "t0" GROUP BY "t0"."region" HAVING (COUNT(1) > 0)"#,
    ),
    (
        "power bi",
        r#"select "_"."region", "_"."a0" from (select "rows"."region" as "region", count(1) as "a0" from (select "_"."region" from "public"."tags" "_") "rows" group by "region") "_" where not "_"."a0" is null limit 1000001"#,
    ),
    (
        "power bi cast",
        r#"select "rows"."region" as "region", cast(count(*) as decimal) as "a0" from "public"."tags" "rows" group by "region" order by "region" limit 1001"#,
    ),
    (
        "window",
        "SELECT region, COUNT(*) AS n, RANK() OVER (ORDER BY COUNT(*) DESC) AS r, SUM(COUNT(*)) OVER () AS total FROM tags GROUP BY region",
    ),
    (
        "share",
        "WITH a AS (SELECT region, COUNT(*) n FROM tags GROUP BY region) SELECT x.region, x.n * 1.0 / y.total AS share FROM a x CROSS JOIN (SELECT SUM(n) AS total FROM a) y ORDER BY share DESC",
    ),
];

/// A count, also where it is cast to another type.
fn whole(text: Option<&str>) -> i64 {
    text.unwrap().split('.').next().unwrap().parse().unwrap()
}

#[test]
fn a_dashboard_is_charged_once_however_often_and_however_wrapped() {
    let _alone = crate::support::alone();
    let world = shared();
    let connected = connect(world);
    connected.rows("SET hushtag.price = 'error = 23'").unwrap();
    let before = world.spent();
    let mut numbers = Vec::new();
    for (tool, sql) in SHAPES {
        let (_, rows) = connected.rows(sql).unwrap_or_else(|error| panic!("{tool}: {error:?}"));
        assert!(!rows.is_empty(), "{tool}");
        if !matches!(tool, "share" | "grafana") {
            let mut shown: Vec<(String, i64)> =
                rows.iter().map(|row| (row[0].clone().unwrap(), whole(row[1].as_deref()))).collect();
            shown.sort();
            numbers.push((tool, shown));
        }
    }
    let first = &numbers[0].1;
    for (tool, shown) in &numbers {
        assert_eq!(shown, first, "{tool}");
    }
    assert_eq!(connected.charges(), 1, "one charge for all of them");
    let once = world.spent();
    assert!(once > before);
    for _ in 0..3 {
        for (tool, sql) in SHAPES {
            connected.rows(sql).unwrap_or_else(|error| panic!("{tool}: {error:?}"));
        }
    }
    assert_eq!((connected.charges(), world.spent()), (0, once), "every refresh is free");
}

#[test]
fn filters_are_the_sets_of_labels_that_they_mean() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    connected.rows("SET hushtag.price = 'error = 82'").unwrap();
    let filters = [
        "lapsed IN ('active', 'cooling')",
        "lapsed = 'active' OR lapsed = 'cooling'",
        "NOT (lapsed = 'never' OR lapsed = 'lapsed')",
        "lapsed < 'd'",
        "lapsed BETWEEN 'a' AND 'd'",
        "lower(lapsed) LIKE '%c%'",
        "CASE WHEN lapsed = 'active' THEN true WHEN lapsed = 'cooling' THEN true ELSE false END",
        "lapsed ~ '^(a|c)'",
        "(lapsed = 'active' OR lapsed = 'cooling' OR lapsed = NULL)",
        "lapsed NOT IN ('never', 'lapsed')",
    ];
    let mut answers = Vec::new();
    for filter in filters {
        let sql = format!("SELECT COUNT(*) AS n FROM tags WHERE {filter}");
        answers.push(connected.rows(&sql).unwrap_or_else(|error| panic!("{filter}: {error:?}")).1);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(connected.charges(), 1);
}

#[test]
fn clients_that_look_around_are_answered() {
    let _alone = crate::support::alone();
    let connected = connect(shared());
    let rows = |sql: &str| connected.rows(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}")).1;
    assert_eq!(rows("select pg_catalog.version()").len(), 1);
    assert_eq!(rows("select current_schema()").len(), 1);
    let columns = rows(
        "select COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE, DATA_TYPE from INFORMATION_SCHEMA.columns \
         where TABLE_SCHEMA = 'public' and TABLE_NAME = 'vocabulary' order by ORDINAL_POSITION",
    );
    assert_eq!(columns[0], ["tag", "1", "NO", "text"].map(|text| Some(text.to_owned())));
    let tables = rows(
        "SELECT n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'v') AND n.nspname = 'public' ORDER BY 2",
    );
    let names: Vec<_> = tables.iter().map(|row| row[1].clone().unwrap()).collect();
    assert_eq!(names, ["budget", "epochs", "metrics", "tags", "vocabulary"]);
    let attributes = rows(
        "SELECT a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         WHERE c.relname = 'vocabulary' AND a.attnum > 0 ORDER BY a.attnum",
    );
    assert_eq!(attributes, [[Some("tag".to_owned())], [Some("label".to_owned())]]);
}
