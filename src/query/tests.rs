//! One small catalogue, every spelling, every refusal.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::dp::{Accounting, Delta};
use crate::tags::{Aggregate, Inbound, Rows};
use crate::tags::{
    Bands, Catalogue, CatalogueDraft, Clamp, Grid, Label, Measure, Relation, Source, Tag, TagSource,
};
use crate::types::{DatasetName, NanoEpsilon};

mod affordable;

fn catalogue() -> Catalogue {
    catalogue_draft().check().unwrap()
}

fn catalogue_draft() -> CatalogueDraft {
    let dataset = |name| DatasetName::new(name).unwrap();
    let measure = |name: &str, source, clamp: Option<(i64, i64)>| Measure {
        name: Some(name.into()),
        source,
        clamp: clamp.map(|(low, high)| Clamp::new(low, high).unwrap()),
        grid: clamp.and_then(|(low, high)| {
            let grid = Grid::new(vec![low, high / 2, high], Clamp::new(low, high).unwrap(), low);
            (name == "spend").then_some(grid.unwrap())
        }),
        floor: Some(0),
        unit: None,
    };
    let bands =
        |labels: &[(&str, i64)]| Bands::new(labels.iter().map(|(l, b)| ((*l).to_owned(), *b))).unwrap();
    let field = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| Label::new(value).unwrap()).collect();
        Tag::new(name, TagSource::Field { dataset: dataset("members"), field: name.into(), values }).unwrap()
    };
    let rows = Rows { dataset: dataset("payments"), window: None, conditions: vec![] };
    let spend = Source::Own { rows, what: Aggregate::Sum { field: "amount".into() } };
    let tiers = bands(&[("none", 0), ("low", 1), ("high", 100)]);
    let audience = bands(&[("small", 0), ("large", 10)]);
    CatalogueDraft {
        relations: vec![Relation { dataset: dataset("follows"), field: None, max_reach: Some(8) }],
        measures: vec![
            measure("spend", spend.clone(), Some((0, 1000))),
            measure("fans", Source::Audience { relation: 0, what: Inbound::Size }, Some((0, 50))),
            measure("unbounded", spend, None),
            measure(
                "fans_spend",
                Source::Audience { relation: 0, what: Inbound::Mean { of: 0 } },
                Some((0, 1000)),
            ),
        ],
        tags: vec![
            Tag::new("spend_tier", TagSource::Banded { measure: 0, bands: tiers, absent: None }).unwrap(),
            Tag::new("audience", TagSource::Banded { measure: 1, bands: audience, absent: None }).unwrap(),
            field("region", &["east", "south", "north", "west"]),
            field("plan", &["free", "paid"]),
        ],
        sets: vec![
            ("main".into(), vec!["spend_tier".into(), "audience".into(), "region".into()]),
            ("plans".into(), vec!["plan".into(), "region".into()]),
        ],
        max_cells: 1000,
    }
}

fn defaults() -> Defaults {
    Defaults { default_error: 200, default_error_of: [("spend".into(), 5000)].into(), min_people: 20 }
}

const ZCDP: Accounting = Accounting::Zcdp { delta: Delta::DEFAULT };

fn plan_of(ask: &Query) -> Result<Plan, QueryError> {
    Plan::new(ask, &catalogue(), &defaults(), ZCDP)
}

fn plan(text: &str) -> Result<Plan, QueryError> {
    plan_of(&parse(text, &catalogue())?)
}

fn question(text: &str) -> String {
    plan(text).unwrap_or_else(|error| panic!("{}", error.render(text))).question().to_owned()
}

#[test]
fn sql_builder_and_json_meet_in_one_question() {
    let sql = "select Spend_Tier, sum(SPEND) as total, count(*) people from TAGS -- a comment\n\
        where region in ('south','east') and not (audience = 'small') group by spend_tier;";
    let built =
        Query::count().and_sum("spend").by("spend_tier").filter(tag("region").is_in(["east", "south"]));
    let built = built.filter(tag("audience").is_not("small"));
    let json = r#"{"select":[{"item":"count","as":"n"},{"item":{"sum":"spend"}}],"group_by":["spend_tier"],
        "where":{"all":[{"not":{"in":{"tag":"audience","labels":["small"]}}},
        {"in":{"tag":"region","labels":["south","east","south"]}}]}}"#;
    let expected = "SELECT spend_tier, COUNT(*), SUM(spend) FROM tags \
        WHERE audience = 'large' AND region IN ('east', 'south') GROUP BY spend_tier \
        WITH (error = 200, error(spend) = 5000)";
    assert_eq!(question(sql), expected);
    assert_eq!(question(expected), expected);
    assert_eq!(plan_of(&built).unwrap().question(), expected);
    assert_eq!(plan_of(&serde_json::from_str(json).unwrap()).unwrap().question(), expected);
    let round: Query = serde_json::from_str(&serde_json::to_string(&built).unwrap()).unwrap();
    assert_eq!(round, built);
    assert!(serde_json::from_str::<Query>(r#"{"select":[],"rows":true}"#).is_err());
    assert!(serde_json::from_str::<Query>(r#"{"select":[],"price":{"epsilon":"1e308"}}"#).is_err());

    let shown = plan(sql).unwrap();
    let names: Vec<_> = shown.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["spend_tier", "total", "people"]);
    assert_eq!(shown.columns()[1].kind, ColumnKind::Number { part: 1, offset: 0 });
}

#[test]
fn different_questions_have_different_hashes() {
    let texts = [
        "SELECT COUNT(*) FROM tags",
        "SELECT COUNT(*) FROM tags WITH (error = 201)",
        "SELECT COUNT(*) FROM tags WITH (epsilon = 0.5)",
        "SELECT SUM(spend) FROM tags",
        "SELECT MEDIAN(spend) FROM tags",
        "SELECT AVG(fans_spend) FROM tags WITH (error(fans_spend) = 5000)",
        "SELECT COUNT(*) FROM tags GROUP BY region",
        "SELECT COUNT(*) FROM tags WHERE region = 'east'",
        "SELECT COUNT(*) FROM tags WHERE region <> 'east'",
        "SELECT COUNT(*) FROM tags WHERE region = 'east' OR audience = 'large'",
        "SELECT COUNT(*) FROM tags WHERE region = 'east' AND audience = 'large'",
    ];
    let hashes: std::collections::BTreeSet<_> =
        texts.iter().map(|t| plan(t).unwrap().claim().question).collect();
    assert_eq!(hashes.len(), texts.len());
    // The default price written out, and the confidence, make no other query.
    assert_eq!(
        question(texts[0]),
        question("SELECT COUNT(*) FROM tags WITH (confidence = 0.99, error = 200)")
    );
}

#[test]
fn what_is_released_makes_the_question_and_not_how_it_is_shown() {
    let both = question("SELECT COUNT(*), SUM(spend) FROM tags");
    for same in ["SUM(spend)", "AVG(spend)", "COUNT(spend), avg(Spend)", "AVG(spend), SUM(spend) AS total"] {
        assert_eq!(question(&format!("SELECT {same} FROM tags")), both, "{same}");
    }
    let quantiles = question("SELECT MEDIAN(spend) FROM tags");
    assert_eq!(quantiles, "SELECT COUNT(*), HISTOGRAM(spend) FROM tags WITH (error = 200)");
    for same in
        ["QUANTILE(spend, 0.5)", "QUANTILE(spend, 0.9) AS high, HISTOGRAM(spend)", "median(SPEND), count(*)"]
    {
        assert_eq!(question(&format!("SELECT {same} FROM tags")), quantiles, "{same}");
    }
    assert_eq!(question(&quantiles), quantiles);
    // Some people have no audience, so who is averaged over is counted apart.
    let absent = plan("SELECT AVG(fans_spend) AS mean FROM tags WITH (error(fans_spend) = 9000)").unwrap();
    let parts: Vec<_> = absent.parts().iter().map(|part| (part.name.as_str(), part.hidden)).collect();
    assert_eq!(parts, [("COUNT(*)", true), ("COUNT(fans_spend)", false), ("SUM(fans_spend)", false)]);
    assert_eq!(absent.columns()[0].kind, ColumnKind::Average { sum: 2, count: 1, range: (0, 1000) });
}

#[test]
fn a_histogram_releases_a_number_for_every_cell_of_the_grid() {
    let plan = plan(
        "SELECT region, HISTOGRAM(spend), MEDIAN(spend), QUANTILE(spend, 0.995) FROM tags GROUP BY region",
    )
    .unwrap();
    let names: Vec<_> = plan.columns().iter().map(|column| column.name.as_str()).collect();
    let grid = ["histogram_spend_to_499", "histogram_spend_to_999", "histogram_spend_to_1000"];
    assert_eq!(names[1..4], grid);
    assert_eq!(names[4..], ["median_spend", "p99_5_spend"]);
    assert_eq!((plan.claim().parts[1].cells, plan.cells()), (15, 5));
    // A histogram has several cells also without GROUP BY.
    let alone = self::plan("SELECT HISTOGRAM(spend) FROM tags WHERE audience = 'small'").unwrap();
    let sensitivity: Vec<_> = alone.claim().parts.iter().map(|part| part.sensitivity.l2_squared).collect();
    assert_eq!(sensitivity, [81, 9 * 9 + 8 * 8]);
}

#[test]
fn a_question_releases_no_more_cells_than_the_study_allows() {
    let mut draft = catalogue_draft();
    draft.max_cells = 60;
    let (catalogue, ask) = (draft.check().unwrap(), Query::quantile("spend", Probability::HALF));
    let plan = |ask: &Query| Plan::new(ask, &catalogue, &defaults(), ZCDP);
    assert!(plan(&ask.clone().by("region").by("audience")).is_ok());
    let all = plan(&ask.by("region").by("audience").by("spend_tier")).unwrap_err();
    assert_eq!(all.what, Problem::TooManyCells { cells: 90, limit: 60 });
}

/// Promise: no number of an answer is hidden behind another one of its name, and none is read in the unit of another one.
#[test]
fn columns_have_names_of_their_own() {
    let refused = |text: &str| match plan(text).map_err(|error| error.what) {
        Err(Problem::SameName { name }) => name,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(refused("SELECT COUNT(*), COUNT(*) FROM tags"), "people");
    assert_eq!(refused("SELECT COUNT(*) AS x, SUM(spend) AS x FROM tags"), "x");
    assert_eq!(refused("SELECT region AS x, plan AS x, COUNT(*) FROM tags GROUP BY region, plan"), "x");
    assert_eq!(refused("SELECT region, COUNT(*) AS region FROM tags GROUP BY region"), "region");
    assert_eq!(refused("SELECT COUNT(*) AS region FROM tags GROUP BY region"), "region");
    let good = [
        "SELECT COUNT(*), COUNT(*) AS again FROM tags",
        "SELECT region, region, COUNT(*) FROM tags GROUP BY region",
        "SELECT region AS r, COUNT(*) AS region FROM tags GROUP BY region",
    ];
    good.iter().for_each(|text| drop(plan(text).unwrap()));
}

#[test]
fn an_answer_has_no_more_columns_than_a_table() {
    let medians = |many: usize| {
        let columns: Vec<String> = (0..many).map(|column| format!("MEDIAN(spend) AS c{column}")).collect();
        plan(&format!("SELECT {} FROM tags", columns.join(", "))).map_err(|error| error.what)
    };
    assert!(medians(MAX_COLUMNS).is_ok());
    assert_eq!(medians(MAX_COLUMNS + 1).unwrap_err(), Problem::TooManyColumns);
}

#[test]
fn the_forecast_shows_how_wide_an_average_will_be() {
    let forecast = plan("SELECT AVG(spend), MEDIAN(spend) FROM tags WITH (error = 40)").unwrap().forecast();
    let [average, median] = forecast.computed.as_slice() else { panic!("{:?}", forecast.computed) };
    assert_eq!((average.name.as_str(), average.unit), ("avg_spend", WidthUnit::Value));
    assert_eq!(median.unit, WidthUnit::PercentOfPeople);
    for widths in [&average.widths, &median.widths] {
        let known: Vec<_> = widths.iter().filter_map(|width| width.half_width).collect();
        assert!(known.len() >= 3 && known.is_sorted_by(|a, b| a > b), "{known:?}");
    }
    assert!(serde_json::to_value(&forecast).unwrap()["computed"][0]["widths"][3]["half_width"].is_string());
}

#[test]
fn the_normal_form_simplifies_within_one_tag() {
    let text = |filter: &str| question(&format!("SELECT COUNT(*) FROM tags WHERE {filter}"));
    assert_eq!(text("audience IN ('small', 'large')"), question("SELECT COUNT(*) FROM tags"));
    assert_eq!(text("NOT NOT region = 'east'"), text("region IN ('east')"));
    assert_eq!(text("region <> 'east' AND region <> 'south'"), text("region NOT IN ('south', 'east')"));
    assert_eq!(
        text("region = 'east' AND region = 'south' OR audience = 'large'"),
        text("audience = 'large'")
    );
    let other = text("NOT (region = 'east' AND (audience = 'large' OR spend_tier = 'low'))");
    assert_eq!(other, text("region <> 'east' OR spend_tier <> 'low' AND audience = 'small'"));
}

#[test]
fn the_plan_prices_each_part_by_what_it_reads() {
    let own = plan("SELECT COUNT(*) FROM tags GROUP BY region").unwrap();
    assert_eq!((own.claim().reach, own.cells(), own.set()), (1, 5, 0));
    let audience = plan("SELECT SUM(fans) FROM tags WITH (error(fans) = 900)").unwrap();
    assert_eq!((audience.claim().reach, audience.cells()), (9, 1));
    // The COUNT for min_people is paid and hidden: one number moved by 1 + 8, and a sum by 50 + 8 * 50.
    let sensitivity: Vec<_> = audience.claim().parts.iter().map(|part| part.sensitivity.l2_squared).collect();
    assert_eq!((sensitivity.as_slice(), audience.parts()[0].hidden), ([81, 450 * 450].as_slice(), true));
    let forecast = audience.forecast();
    assert_eq!(forecast.cost, audience.claim().cost(ZCDP).unwrap());
    assert_eq!(forecast.cost, forecast.parts.iter().map(|part| part.cost).sum::<u128>());
    assert!(forecast.parts[1].half_width <= 900 && forecast.reach_because.contains("follows"));
    assert!(serde_json::to_value(&forecast).unwrap()["epsilon"].as_f64().unwrap() > 0.0);
}

#[test]
fn epsilon_is_never_exceeded() {
    let ask =
        parse("SELECT COUNT(*), SUM(spend) FROM tags GROUP BY region WITH (epsilon = 0.5)", &catalogue())
            .unwrap();
    for accounting in [ZCDP, Accounting::Pure] {
        let plan = Plan::new(&ask, &catalogue(), &defaults(), accounting).unwrap();
        let epsilon = plan.forecast().epsilon;
        assert!(
            epsilon <= NanoEpsilon::new(500_000_000) && epsilon > NanoEpsilon::new(490_000_000),
            "{epsilon}"
        );
    }
}

#[test]
fn cells_and_filter_read_the_codes_of_the_set() {
    let plan =
        plan("SELECT COUNT(*) FROM tags WHERE audience = 'large' GROUP BY region, spend_tier").unwrap();
    assert_eq!(plan.group_names().collect::<Vec<_>>(), ["spend_tier", "region"]);
    let groups: BTreeMap<u32, u32> = plan.groups().into_iter().collect();
    assert_eq!(groups.len(), 3 * 5);
    let mut seen = Vec::new();
    for tier in 0..3 {
        for region in 0..5 {
            let cell = groups[&u32::try_from((tier * 2 + 1) * 5 + region).unwrap()] as usize;
            let labels: Vec<_> = plan.group_labels(cell).iter().map(|label| label.as_str()).collect();
            assert_eq!(
                labels,
                [["none", "low", "high"][tier], ["east", "south", "north", "west", "other"][region]]
            );
            seen.push(cell);
        }
    }
    assert_eq!(seen, (0..15).collect::<Vec<_>>());
}

/// Text, the column of the place on line 1 (0: none), a word of the message, a word of the hint.
const REFUSED: &[(&str, u64, &str, &str)] = &[
    ("SELECT person FROM tags", 8, "unknown tag `person`", "vocabulary"),
    ("SELECT * FROM tags", 8, "`*`", "COUNT(*)"),
    ("SELECT COUNT(*) FROM people", 22, "`people` is not a table", "FROM tags"),
    ("SELECT COUNT(*) FROM tags t", 22, "not a table", "no alias"),
    ("SELECT COUNT(*) FROM tags, tags", 28, "not a table", "FROM tags"),
    ("SELECT COUNT(*) FROM tags JOIN tags", 27, "`JOIN`", "already joined"),
    ("SELECT COUNT(*)", 1, "not a table", "FROM tags"),
    ("SELECT COUNT(*) FROM (SELECT COUNT(*) FROM tags)", 23, "not a table", "FROM tags"),
    ("SELECT COUNT(*) FROM tags WHERE region IN (SELECT region FROM tags)", 33, "IN (SELECT", "sub-queries"),
    ("SELECT spend FROM tags", 8, "`spend` is outside a function", "SUM(spend)"),
    ("SELECT COUNT(*) FROM tags WHERE spend = 'x'", 33, "outside a function", "SUM(spend)"),
    ("SELECT COUNT(*) + 1 FROM tags", 8, "outside the query language", "released numbers"),
    ("SELECT SUM(spend * 2) FROM tags", 8, "SUM(spend * 2)", "SUM(measure)"),
    ("SELECT SUM(unbounded) FROM tags", 12, "no declared clamp", "clamp"),
    ("SELECT SUM(region) FROM tags", 12, "unknown measure", "vocabulary"),
    ("SELECT COUNT(region) FROM tags", 14, "unknown measure", "vocabulary"),
    ("SELECT COUNT(DISTINCT region) FROM tags", 14, "`DISTINCT`", "once"),
    ("SELECT AVG(spend, 2) FROM tags", 8, "AVG(spend, 2)", "single"),
    ("SELECT AVG(DISTINCT spend) FROM tags", 12, "`DISTINCT`", "once"),
    ("SELECT AVG(unbounded) FROM tags", 12, "no declared clamp", "clamp"),
    ("SELECT MEDIAN(fans) FROM tags", 15, "no declared grid", "grid = ["),
    ("SELECT QUANTILE(spend) FROM tags", 8, "QUANTILE(spend)", "level"),
    ("SELECT QUANTILE(spend, 1) FROM tags", 24, "`1`", "between 0.001 and 0.999"),
    ("SELECT QUANTILE(spend, -0.5) FROM tags", 25, "`-0.5`", "between 0.001 and 0.999"),
    ("SELECT QUANTILE(spend, fans) FROM tags", 24, "`fans`", "such as 0.5"),
    ("SELECT HISTOGRAM(*) FROM tags", 8, "HISTOGRAM(*)", "grid"),
    ("SELECT VARIANCE(spend) FROM tags", 8, "VARIANCE(spend)", "the functions are"),
    ("SELECT COUNT(*) AS 'a\tb' FROM tags", 0, "outside", "alias"),
    ("SELECT region FROM tags GROUP BY region", 1, "no number", "COUNT(*)"),
    ("SELECT region, COUNT(*) FROM tags", 8, "not grouped by", "GROUP BY region"),
    ("SELECT COUNT(*) FROM tags GROUP BY 1", 36, "`1`", "GROUP BY tag"),
    ("SELECT COUNT(*) FROM tags WHERE regoin = 'east'", 33, "unknown tag `regoin`", "`region`"),
    ("SELECT COUNT(*) FROM tags WHERE region = 'East'", 42, "no label `East`", "'east'"),
    ("SELECT COUNT(*) FROM tags WHERE region = \"east\"", 42, "`\"east\"`", "'east'"),
    ("SELECT COUNT(*) FROM tags WHERE `region` = 'east'", 33, "`region`", "double ones or none"),
    ("SELECT COUNT(*) FROM tags WHERE \"regoin\" = 'east'", 33, "unknown tag `regoin`", "`region`"),
    ("SELECT COUNT(*) FROM tags WITH (\"error\" = 5)", 33, "error", "without quotes"),
    ("SELECT COUNT(*) FROM tags WHERE region = east", 42, "`east`", "'east'"),
    ("SELECT COUNT(*) FROM tags WHERE 'east' = region", 33, "'east'", "tag first"),
    ("SELECT COUNT(*) FROM tags WHERE r\u{435}gion = 'east'", 34, "`\u{435}`", "a to z"),
    ("SELECT COUNT(*) FROM tags WHERE region = 'east'\0", 48, "outside", "names"),
    ("SELECT COUNT(*) FROM tags WHERE region LIKE 'e%'", 40, "`LIKE`", "IN"),
    ("SELECT COUNT(*) FROM tags WHERE region IS NULL", 40, "`IS`", "null"),
    ("SELECT COUNT(*) FROM tags WHERE region > 'east'", 33, "region > 'east'", "IN"),
    ("SELECT COUNT(*) FROM tags WHERE region", 33, "`region`", "tag = 'label'"),
    ("SELECT COUNT(*) FROM tags WHERE region = 'east' AND region = 'west'", 0, "no person passes", "OR"),
    ("SELECT COUNT(*) FROM tags WHERE region = 'east", 42, "cannot read", "quote"),
    ("SELECT COUNT(*) FROM tags WHERE plan = 'free' GROUP BY spend_tier", 0, "no tag set", "`main`"),
    ("SELECT COUNT(*) FROM tags; SELECT COUNT(*) FROM tags", 26, "`;`", "one query"),
    ("SELECT COUNT(*) FROM tags LIMIT -1", 34, "`-1`", "whole number"),
    ("SELECT COUNT(*) FROM tags LIMIT 5 OFFSET 5", 35, "`OFFSET`", "LIMIT alone"),
    ("SELECT COUNT(*) FROM tags ORDER BY region", 36, "`region`", "a selected column: people"),
    ("SELECT COUNT(*) FROM tags HAVING SUM(spend) > 5", 34, "SUM(spend)", "select it as well"),
    ("SELECT COUNT(*) FROM tags HAVING people > 'many'", 43, "many", "whole number"),
    ("SELECT COUNT(*) FROM tags UNION SELECT COUNT(*) FROM tags", 27, "`UNION`", "one by one"),
    ("DROP TABLE tags", 1, "`DROP`", "SELECT"),
    ("EXPLAIN SELECT COUNT(*) FROM tags", 1, "`EXPLAIN`", "SELECT"),
    ("SELECT COUNT(*) FROM tags GROUP BY region WITH ROLLUP", 43, "`WITH`", "last clause"),
    ("WITH x AS (SELECT COUNT(*) FROM tags) SELECT COUNT(*) FROM tags", 1, "`WITH`", "last clause"),
    ("SELECT COUNT(*) FROM tags WITH (error = 5) WITH (error = 5)", 27, "`WITH`", "once"),
    ("SELECT COUNT(*) FROM tags WITH ()", 33, "WITH ()", "error"),
    ("SELECT COUNT(*) FROM tags WITH (error = 0)", 33, "error = 0", "from 1 to"),
    ("SELECT COUNT(*) FROM tags WITH (error = -1)", 33, "`error = - 1`", "error = n"),
    ("SELECT COUNT(*) FROM tags WITH (epsilon = 1e308)", 33, "1e308", "to 1000"),
    ("SELECT COUNT(*) FROM tags WITH (epsilon = 1, error = 5)", 46, "error = 5", "either"),
    ("SELECT COUNT(*) FROM tags WITH (error = 5, error = 5)", 44, "error = 5", "once"),
    ("SELECT COUNT(*) FROM tags WITH (errror = 5)", 33, "errror", "`error`"),
    ("SELECT COUNT(*) FROM tags WITH (confidence = 1)", 33, "confidence = 1", "between"),
    ("SELECT COUNT(*) FROM tags WITH (error(spent) = 5)", 33, "unknown measure `spent`", "`spend`"),
    ("SELECT COUNT(*) FROM tags WITH (error(spend) = 5)", 0, "`error(spend)`", "drop it"),
    ("SELECT SUM(fans) FROM tags", 0, "no default error", "error(fans)"),
    ("", 1, "cannot read", "SELECT"),
    ("SELECT COUNT(*) FROM tags WHERE", 27, "the end", "WHERE"),
];

#[test]
fn refusals_name_the_place_and_what_to_write() {
    let mut wrong = Vec::new();
    for (text, column, message, hint) in REFUSED {
        let error = plan(text).map(|plan| plan.question().to_owned()).expect_err(text);
        let rendered = error.render(text);
        let placed = error.place.map_or(0, |place| place.column) == *column;
        let worded = error.what.to_string().contains(message) && error.hint.contains(hint);
        if !placed || !worded || rendered.lines().any(|line| line.chars().count() > 200) {
            wrong.push(rendered);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_caret_is_under_the_word() {
    let text = "SELECT COUNT(*)\nFROM tags\nWHERE regoin = 'east'";
    let rendered = plan(text).unwrap_err().render(text);
    assert_eq!(
        rendered,
        "unknown tag `regoin`\nline 3, column 7: WHERE regoin = 'east'\n                        ^\nhint: did you mean `region`?"
    );
}

#[test]
fn bombs_are_refused_early() {
    let nested = |depth: usize, inner: &str| format!("{}{inner}{}", "(".repeat(depth), ")".repeat(depth));
    let ask = |filter: &str| plan(&format!("SELECT COUNT(*) FROM tags WHERE {filter}")).map(drop);
    assert_eq!(ask(&nested(MAX_DEPTH, "region IN ('east')")), Ok(()));
    assert_eq!(ask(&nested(MAX_DEPTH + 1, "region = 'east'")).unwrap_err().what, Problem::TooDeep);
    assert_eq!(ask(&format!("{}region = 'east'", "NOT ".repeat(10_000))).unwrap_err().what, Problem::TooDeep);
    assert!(ask(&"NOT (".repeat(10_000)).is_err());
    assert!(plan(&"(".repeat(60_000)).is_err() && plan(&"SELECT (".repeat(8_000)).is_err());
    assert!(plan(&"/*".repeat(30_000)).is_err());
    let chain = |count: usize, text: &str| vec![text; count].join(" OR ");
    assert_eq!(ask(&chain(MAX_CONDITIONS, "region = 'east'")), Ok(()));
    assert_eq!(ask(&chain(MAX_CONDITIONS + 1, "region = 'east'")).unwrap_err().what, Problem::TooMany);
    assert_eq!(ask(&chain(4000, "region")).unwrap_err().what, Problem::TooMany);
    assert!(ask(&format!("region = 'east'{}", "=1".repeat(20_000))).is_err());
    assert!(plan(&format!("SELECT {} FROM tags", "a.".repeat(20_000))).is_err());
    assert_eq!(ask(&"x".repeat(1 << 20)).unwrap_err().what, Problem::TooLong);
    let deep = (0..10_000).fold(tag("region").is("east"), |filter, _| !filter);
    let deep = Query::count().filter(deep);
    assert_eq!(plan_of(&deep).unwrap_err().what, Problem::TooDeep);
}

fn filters() -> impl Strategy<Value = Filter> {
    let labels = |tag: &'static str, all: &'static [&'static str]| {
        proptest::sample::subsequence(all, 1..=all.len()).prop_map(move |labels| self::tag(tag).is_in(labels))
    };
    let leaf = prop_oneof![
        labels("spend_tier", &["none", "low", "high"]),
        labels("audience", &["small", "large"]),
        labels("region", &["east", "south", "north", "west", "other"]),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Filter::All),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Filter::Any),
            inner.prop_map(|filter| !filter),
        ]
    })
}

/// Spells `filter` in one of many ways, chosen by the bits of `seed`.
fn spell(filter: &Filter, seed: &mut u64) -> String {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let bits = *seed >> 40;
    let case = |word: &str| if bits & 1 == 0 { word.to_uppercase() } else { word.to_owned() };
    let name = |tag: &str| if bits & 128 == 0 { case(tag) } else { format!("\"{tag}\"") };
    let space = [" ", "\n", "\t ", " /* x */ "][usize::try_from(bits >> 1 & 3).unwrap()];
    let text = match filter {
        Filter::In { tag, labels } => {
            let mut labels: Vec<_> = labels.iter().map(|label| format!("'{label}'")).collect();
            if bits & 8 != 0 {
                labels.reverse();
                labels.push(labels[0].clone());
            }
            match labels.as_slice() {
                [one] if bits & 16 != 0 => format!("{}{space}={one}", name(tag)),
                [one] => format!(
                    "{} {}{space}{} {one}",
                    case("not"),
                    name(tag),
                    if bits & 4 == 0 { "<>" } else { "!=" }
                ),
                _ => format!("{}{space}{} ({})", name(tag), case("in"), labels.join(",")),
            }
        }
        Filter::Not(inner) => format!("{}{space}({})", case("not"), spell(inner, seed)),
        Filter::All(parts) | Filter::Any(parts) => {
            let word = if matches!(filter, Filter::All(_)) { "and" } else { "or" };
            let mut parts: Vec<_> = parts.iter().map(|part| format!("({})", spell(part, seed))).collect();
            if bits & 32 != 0 {
                parts.reverse();
                parts.push(parts[0].clone());
            }
            parts.join(&format!("{space}{}{space}", case(word)))
        }
    };
    if bits & 64 == 0 { text } else { format!("{} {} ({text})", case("not"), case("not")) }
}

fn holds(filter: &Filter, codes: &[usize], catalogue: &Catalogue) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| holds(part, codes, catalogue)),
        Filter::Any(parts) => parts.iter().any(|part| holds(part, codes, catalogue)),
        Filter::Not(inner) => !holds(inner, codes, catalogue),
        Filter::In { tag, labels } => {
            let (position, tag) = catalogue.tag(tag).unwrap();
            labels.iter().any(|label| tag.code(label) == Some(codes[position]))
        }
    }
}

proptest! {
    #[test]
    fn every_spelling_has_one_question_and_one_meaning(filter in filters(), mut seed: u64, order: bool) {
        let catalogue = catalogue();
        let plain = Query::count().by("region").by("audience").filter(filter.clone());
        let plain = plan_of(&plain.and_average("spend").and_quantile("spend", Probability::HALF));
        let (first, second) = if order { ("region", "AUDIENCE") } else { ("Audience", "region") };
        let spelled = spell(&filter, &mut seed);
        // All release people, a sum and a histogram.
        let numbers = [
            "count ( * ) as n, Avg(SPEND), median(spend)",
            "QUANTILE( Spend , 0.999 ),sum(spend) total",
            "histogram(\"spend\"), COUNT(spend), avg(\"spend\") AS \"a \"\"b\"\"\", avg(spend) AS b",
        ][usize::try_from(seed >> 9 & 1).unwrap() + usize::from(order)];
        let tags = if seed & 1 << 11 == 0 { "tags" } else { "\"tags\"" };
        let (first, second) = if seed & 1 << 12 == 0 { (first.to_owned(), second) } else { (format!("\"{first}\""), second) };
        let text = format!("Select {numbers}, {first} fROM {tags} Where {spelled} group BY {second},{first}");
        match (plain, plan(&text)) {
            (Ok(plain), Ok(spelled)) => {
                prop_assert_eq!(plain.question(), spelled.question());
                prop_assert_eq!(plain.claim(), spelled.claim());
                prop_assert_eq!(question(plain.question()), plain.question());
                let codes = |n: &usize| [n / 10, n / 5 % 2, n % 5];
                // By audience and region.
                let wanted = (0..30).filter(|n| holds(&filter, &codes(n), &catalogue)).map(|n| (n, codes(&n)));
                let wanted = wanted.map(|(n, codes)| (n, codes[1] * 5 + codes[2]));
                let chosen = plain.groups().into_iter().map(|(cell, group)| (cell as usize, group as usize));
                prop_assert_eq!(chosen.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
            }
            (Err(plain), Err(spelled)) => prop_assert!(
                plain.what == spelled.what || matches!(spelled.what, Problem::TooMany | Problem::TooDeep)
            ),
            (plain, Err(error)) => prop_assert!(
                matches!(error.what, Problem::TooMany | Problem::TooDeep), "{plain:?} {error}\n{text}"
            ),
            (Err(error), Ok(spelled)) => prop_assert!(false, "{error} {}", spelled.question()),
        }
    }

    #[test]
    fn no_text_panics(text in "(SELECT|COUNT|\\(|\\)|\\*|FROM|tags|WHERE|region|=|<>|'east'|IN|NOT|AND|OR|,|WITH|error|5|;|SUM|spend|\\.|-| |\n|\u{0}|\u{435}){0,40}") {
        if let Err(error) = plan(&text) {
            prop_assert!(error.render(&text).len() < 1024);
        }
    }
}
