//! A broken study file is refused with its line and column and with what was meant (the types it parses into cannot be
//! invalid).

use hushtag::policy::{Shape, Study, StudyError};

const STUDY: &str = include_str!("../../policies/demo/study.toml");

/// Replaces `old`, which must be there, and says what the parser says and at which line.
fn broken(old: &str, new: &str) -> StudyError {
    assert!(STUDY.contains(old), "the study has no `{old}`");
    let text = STUDY.replacen(old, new, 1);
    match Study::parse("study.toml", &text) {
        Ok(_) => panic!("`{new}` was accepted"),
        Err(error) => {
            let line = text.lines().nth(error.line - 1).unwrap();
            assert!(error.column <= line.chars().count() + 1, "{error} is outside its line");
            error
        }
    }
}

/// The study with payments by card, and a table that links cards to phones.
fn linked() -> String {
    let (before, after) = STUDY.split_once("ids = \"phone\"\nowner = \"payer\"").unwrap();
    let table = "kind = \"links\"\nhandler = \"payment-platform\"\ncategory = \"profile\"\n\
                 columns = { phone = \"mobile\", card = \"number\" }\nseveral = [\"card\"]";
    let text = format!("{before}ids = \"card\"\nowner = \"payer\"{after}");
    text.replacen("[datasets.members]", &format!("[datasets.bindings]\n{table}\n\n[datasets.members]"), 1)
}

/// The line on which `text` is in the study.
fn line_of(text: &str) -> usize {
    STUDY.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn the_study_of_the_demo_is_whole() {
    let study = Study::parse("study.toml", STUDY).unwrap();
    assert_eq!(study.id.as_str(), "demo");
    assert_eq!(study.catalogue.sets().len(), 2);
    assert_eq!(study.catalogue.sets()[0].cells, 5 * 4 * 4 * 4 * 5);
}

/// What is broken, what replaces it, where the error is (a piece of its line), and what it says.
type Case = (&'static str, &'static str, &'static str, &'static str);

#[test]
fn each_mistake_has_its_place_and_says_what_was_meant() {
    let cases: [Case; 27] = [
        ("max_reach = 6", "max_raech = 6", "max_reach = 6", "did you mean `max_reach`?"),
        ("action = \"provide\"", "action = \"provid\"", "action = ", "did you mean `provide`?"),
        ("id = \"demo\"", "id = \"De/mo\"", "id = \"demo\"", "`De/mo` is not a name"),
        ("retention = \"90d\"", "retention = \"3 months\"", "retention = ", "between `1d` and `36525d`"),
        (
            "handler = \"social-platform\"",
            "handler = \"social-plattform\"",
            "handler = \"social-platform\"",
            "did you mean `social-platform`?",
        ),
        ("owner = \"payer\"", "", "[datasets.payments]", "missing field `owner`"),
        ("target = \"followee\"", "", "[datasets.follows]", "a relation needs `target`"),
        ("amount = \"amount\"", "amount = \"money\"", "fields = { amount", "unknown field type `money`"),
        ("amount = \"amount\"", "amount = \"birth-year\"", "fields = { amount", "belong to a people dataset"),
        (
            "region = \"text\"",
            "born = \"birth-year\", age = \"age-band\"",
            "fields = { region",
            "at most one field of type age, age-band or birth-year",
        ),
        (
            "region = \"text\"",
            "region = \"birth-year\"",
            "field = \"members.region\"",
            "a tag lists values of a field of type text, integer or flag",
        ),
        ("sum = \"amount\"", "sum = \"amuont\"", "sum = \"amount\"", "did you mean `amount`?"),
        ("sum = \"amount\"", "sum = \"at\"", "sum = \"amount\"", "only fields of type amount or integer"),
        (", at = \"time\" }", " }", "window = \"90d\"", "declares none"),
        ("clamp = [0, 500_000]", "clamp = [5, 0]", "clamp = [0, 500_000]", "clamp [5, 0] is not a range"),
        ("measure = \"spend\"", "measure = \"spent\"", "measure = \"spend\"", "did you mean `spend`?"),
        (
            "low = 1, mid = 50_000",
            "low = 1, mid = 1",
            "bands = { none = 0, low = 1, mid = 50_000",
            "start at the same bound 1",
        ),
        ("none = 0, low = 1", "none = 0, none = 1", "bands = { none = 0, low = 1", "duplicate key"),
        (
            "bands = { none = 0, low = 1",
            "bands = { none = 3, low = 4",
            "[tags.spend_tier]",
            "values go down to 0",
        ),
        ("absent = \"never\"", "", "[tags.lapsed]", "absent"),
        ("absent = \"never\"", "absent = \"active\"", "[tags.lapsed]", "label `active` occurs twice"),
        ("\"south\", \"north\"", "\"south\", \"south\"", "[tags.region]", "label `south` occurs twice"),
        ("\"south\", \"north\"", "\"it's\", \"north\"", "values = [", "is not a label"),
        (
            "field = \"members.region\"",
            "field = \"members.regoin\"",
            "field = \"members.region\"",
            "did you mean `members.region`?",
        ),
        ("mean = \"spend\"", "mean = \"fans\"", "mean = \"spend\"", "travel two steps"),
        (
            "role = \"audience\"\nmean = \"spend\"",
            "role = \"own\"\nmean = \"spend\"",
            "[measures.fans_spend]",
            "flow along my list: refused",
        ),
        ("default_error = 150", "default_error = 0", "default_error = 150", "it must be at least 1"),
    ];
    for (old, new, place, reported) in cases {
        let error = broken(old, new);
        let text = error.to_string();
        assert!(text.contains(reported), "`{new}`: `{reported}` is not in: {text}");
        assert!(text.starts_with("study.toml:") && !text.contains('\n'), "{text}");
        let line = line_of(place);
        assert!(error.line.abs_diff(line) <= 1, "`{new}`: line {} instead of {line}: {text}", error.line);
    }
}

#[test]
fn a_study_of_two_namespaces_says_what_joins_them() {
    let text = linked().replacen("target = \"followee\"", "target = \"followee\"\ntarget_ids = \"card\"", 1);
    let pointer = "at = \"time\", by = { type = \"person\", max_reach = 2, ids = \"phone\" }";
    let study = Study::parse("study.toml", &text.replacen("at = \"time\"", pointer, 1)).unwrap();
    assert_eq!(study.namespaces().into_iter().collect::<Vec<_>>(), ["card", "phone"]);
    assert!(study.tables().any(|name| name.as_str() == "bindings"));
    assert!(study.categories().any(|category| category == "profile"));
    let [links] = study.links.as_slice() else { panic!("one links table") };
    let columns = links.columns.each_ref().map(|column| (column.ids.as_str(), column.column.as_str()));
    assert_eq!(columns, [("phone", "mobile"), ("card", "number")]);
    assert!(links.several.iter().eq(["card"]));
    let follows = study.dataset(&"follows".parse().unwrap()).unwrap();
    let Shape::Relation { target, .. } = &follows.shape else { panic!("a relation") };
    assert_eq!((target.column.as_str(), target.ids.as_str()), ("followee", "card"));
    let payments = study.dataset(&"payments".parse().unwrap()).unwrap();
    assert_eq!(payments.field("by").unwrap().ids.as_deref(), Some("phone"));
}

#[test]
fn each_mistake_about_namespaces_has_its_place() {
    const COLUMNS: &str = "columns = { phone = \"mobile\", card = \"number\" }";
    const SEVERAL: &str = "several = [\"card\"]";
    let cases = [
        ("ids = \"card\"", "ids = \"crad\"", "no links table joins namespace `crad` to `phone`"),
        (COLUMNS, "columns = { phone = \"mobile\" }", "joins exactly two namespaces"),
        (
            COLUMNS,
            "columns = { phone = \"a\", card = \"b\", device = \"c\" }",
            "joins exactly two namespaces",
        ),
        (COLUMNS, "columns = { phone = \"a\", phone = \"b\" }", "duplicate key"),
        (COLUMNS, "columns = { phone = \"mobile\", card = \"mobile\" }", "both namespaces name one column"),
        (COLUMNS, "", "a links table needs `columns`"),
        (
            SEVERAL,
            "several = [\"crad\"]",
            "unknown namespace of this links table `crad`: did you mean `card`?",
        ),
        (SEVERAL, "max_reach = 3", "a links table has `columns` and `several`; its rows have no owner"),
        (SEVERAL, "owner = \"mobile\"", "its rows have no owner"),
        (SEVERAL, "fields = { since = \"time\" }", "its rows have no owner"),
        (
            "handler = \"payment-platform\"\ncategory = \"profile\"",
            "handler = \"x\"\ncategory = \"profile\"",
            "unknown handler `x`",
        ),
        (
            "target = \"followee\"",
            "target = \"followee\"\ntarget_ids = \"fone\"",
            "unknown namespace `fone`: did you mean `phone`?",
        ),
        (
            "owner = \"payer\"",
            "owner = \"payer\"\ntarget_ids = \"phone\"",
            "`target_ids` belongs to a relation",
        ),
        ("owner = \"payer\"", "owner = \"payer\"\nseveral = [\"card\"]", "belong to a dataset of kind links"),
        (
            "owner = \"payer\"",
            "owner = \"payer\"\ncolumns = { card = \"c\" }",
            "belong to a dataset of kind links",
        ),
        (
            "at = \"time\"",
            "at = { type = \"time\", ids = \"card\" }",
            "`ids` belongs to fields of type person",
        ),
        (
            "at = \"time\"",
            "at = \"time\", by = { type = \"person\", max_reach = 2, ids = \"fone\" }",
            "unknown namespace `fone`: did you mean `phone`?",
        ),
        (
            SEVERAL,
            "several = [\"card\"]\n\n[datasets.more]\nkind = \"links\"\nhandler = \"social-platform\"\n\
             category = \"profile\"\ncolumns = { card = \"c\", device = \"d\" }",
            "`several` of namespace `card` must be the same here and in dataset `bindings`",
        ),
        ("ids = \"card\"\nowner = \"payer\"", "owner = \"payer\"", "missing field `ids`"),
    ];
    let whole = linked();
    for (old, new, reported) in cases {
        assert!(whole.contains(old), "the study has no `{old}`");
        let text = whole.replacen(old, new, 1);
        let error = Study::parse("study.toml", &text).unwrap_err();
        assert!(error.to_string().contains(reported), "`{new}`: `{reported}` is not in: {error}");
        let changed = |at: usize| text.lines().nth(at) != whole.lines().nth(at);
        let first = (0..text.lines().count()).find(|at| changed(*at)).unwrap() + 1;
        let end = first + new.lines().count();
        let header = whole.lines().take(first).filter(|line| line.starts_with("[datasets")).last().unwrap();
        let named = text.lines().position(|line| line == header).unwrap() + 1;
        let inside = (first..=end).contains(&error.line) || error.line == named;
        assert!(inside, "`{new}`: line {} and not {first} to {end}: {error}", error.line);
    }
}

#[test]
fn a_relation_that_carries_contributions_has_no_default_reach() {
    let text = STUDY.lines().filter(|line| !line.starts_with("max_reach")).collect::<Vec<_>>().join("\n");
    let error = Study::parse("study.toml", &text).unwrap_err();
    assert!(error.to_string().contains("needs `max_reach`; there is no default"), "{error}");
}

#[test]
fn too_many_cells_name_the_tag_to_coarsen() {
    let error = broken("max_cells = 65_536", "max_cells = 100");
    assert!(error.to_string().contains("coarsen `"), "{error}");
    assert!(!error.to_string().contains("[tag_sets]"), "the sets are declared: {error}");
    // Without declared sets all tags are one.
    let (before, after) = STUDY.split_once("[tag_sets]").unwrap();
    let after =
        after.split_once("# --- metrics").unwrap().1.replace("max_cells = 65_536", "max_cells = 1_000");
    let error = Study::parse("study.toml", &format!("{before}# --- metrics{after}")).unwrap_err();
    assert!(error.to_string().contains("declare smaller sets under `[tag_sets]`"), "{error}");
}

#[test]
fn a_study_of_many_megabytes_or_no_text_at_all_is_refused() {
    assert!(Study::parse("big.toml", &"#".repeat(2 << 20)).is_err());
    for text in ["", "\0", "study", "[study", "[[study]]", "study = 3"] {
        assert!(Study::parse("odd.toml", text).is_err(), "{text:?}");
    }
}

/// What a study may say of the payments' fields and of one more measure, and what is wrong with it.
#[test]
fn each_impossible_measure_is_refused_with_its_reason() {
    let fields = "fields = { amount = \"amount\", at = \"time\", shop = \"text\", online = \"flag\", who = { type = \"person\", max_reach = 3 } }";
    let cases = [
        ("mean = \"shop\"", "only fields of type amount or integer"),
        ("min = \"amuont\"", "did you mean `amount`?"),
        ("mean = \"amount\", sum = \"amount\"", "exactly one of"),
        ("distinct = \"shop\"", "needs a `cap`"),
        ("distinct = \"shop\", cap = 0", "`cap` is between 1 and 4096"),
        ("distinct = \"at\", cap = 3", "different instants are not counted"),
        ("count = true, cap = 3", "`cap` belongs to `distinct`"),
        ("count = true, unit = 3", "`unit` belongs to a share"),
        ("share = {}", "exactly one of"),
        ("share = { shop = \"a\" }, unit = 0", "`unit` is between"),
        ("share = { shop = 3 }", "words of another type"),
        ("count = true, where = { amount = true }", "words of another type"),
        ("count = true, where = { online = 1 }", "words of another type"),
        ("count = true, where = { online = { from = 1 } }", "for amounts and integers"),
        ("count = true, where = { amount = { from = 3, below = 3 } }", "nothing is in this range"),
        ("count = true, where = { amount = {} }", "a test has either"),
        ("count = true, where = { amount = [] }", "a list has 1 to 1000 words"),
        ("count = true, where = { who = \"x\" }", "which person it is cannot be a condition"),
        ("count = true, where = { at = { from = 3 } }", "times are for `window`"),
        ("count = true, where = { shopp = \"x\" }", "did you mean `shop`?"),
        ("retained = true", "`retained` needs a `window`"),
        ("retained = true, window = \"9d\"", "`retained` needs a `window`"),
        ("count = true, ending = \"3d\"", "there is no window"),
        ("count = true, window = \"3d\", ending = \"3d\"", "ends before it begins"),
        ("referred = \"shop\", size = true", "unknown field of type person `shop`"),
        ("referred = \"who\"", "`referred` has exactly one of"),
        ("referred = \"who\", mean = \"amount\"", "`referred` has exactly one of"),
        ("role = \"own\", size = true", "`role` belongs to measures over a relation"),
    ];
    let over = [
        ("role = \"mutual\"", "a measure over a relation has"),
        ("role = \"strong\", size = true", "a measure over a relation has"),
        (
            "role = \"audience\", share = { friends = { from = 1 }, spend = { from = 1 } }",
            "tests exactly one measure",
        ),
        ("role = \"audience\", share = { fans = { from = 1 } }", "two steps"),
        ("role = \"audience\", mean = \"referrals\"", "two steps"),
        ("role = \"audience\", size = true, where = { a = 1 }", "belong to measures over records"),
        ("role = \"own\", mean = \"spend\"", "along my list"),
        ("size = true", "a measure over a relation has"),
    ];
    let cases = cases.map(|(written, wanted)| (format!("from = \"payments\", {written}"), wanted));
    let over = over.map(|(written, wanted)| (format!("over = \"follows\", {written}"), wanted));
    for (written, wanted) in cases.into_iter().chain(over) {
        let text = STUDY.replacen("fields = { amount = \"amount\", at = \"time\" }", fields, 1).replacen(
            "[measures.spend]",
            &format!("[measures]\nreferrals = {{ from = \"payments\", referred = \"who\", size = true }}\nnext = {{ {written} }}\n[measures.spend]"),
            1,
        );
        let error = Study::parse("study.toml", &text).expect_err(&written);
        assert!(error.to_string().contains(wanted), "{written}: {error}");
        assert!(
            text.lines().nth(error.line - 1).unwrap().starts_with("next = "),
            "{written}: line {}",
            error.line
        );
    }
}

/// Without a window a measure stops at as-of; of several times it must say which one that means.
#[test]
fn a_measure_without_a_window_knows_by_which_time_it_ends() {
    let with = |fields: &str, measure: &str| {
        let measures = format!("[measures]\nnext = {{ from = \"payments\", {measure} }}\n[measures.spend]");
        STUDY
            .replacen("amount = \"amount\", at = \"time\"", fields, 1)
            .replace("window = \"90d\"", "time = \"at\"")
            .replacen("[measures.spend]", &measures, 1)
    };
    let (one, two) =
        ("amount = \"amount\", at = \"time\"", "amount = \"amount\", at = \"time\", settled = \"time\"");
    let ends_by = |fields: &str, measure: &str| {
        let study = Study::parse("study.toml", &with(fields, measure)).map_err(|error| error.to_string())?;
        let measures = study.catalogue.measures().iter();
        let next = measures.clone().find(|measure| measure.name.as_deref() == Some("next")).unwrap();
        let window = next.source.rows().unwrap().window.clone().unwrap();
        assert_eq!((window.span, window.ending), (None, None));
        Ok::<String, String>(window.field)
    };
    assert_eq!(ends_by(one, "count = true").unwrap(), "at");
    assert_eq!(ends_by(two, "count = true, time = \"settled\"").unwrap(), "settled");
    assert_eq!(ends_by(two, "days_since_last = \"settled\"").unwrap(), "settled");
    assert_eq!(ends_by(two, "days_since_first = \"settled\", time = \"at\"").unwrap(), "at");
    for (measure, wanted) in [
        ("count = true", "by which of them a record is before as-of"),
        ("count = true, time = \"setled\"", "did you mean `settled`?"),
        ("count = true, time = \"amount\"", "unknown time field `amount`"),
    ] {
        let error = Study::parse("study.toml", &with(two, measure)).expect_err(measure);
        assert!(error.to_string().contains(wanted), "{measure}: {error}");
        let place = with(two, measure).lines().position(|line| line.starts_with("next = "));
        assert_eq!(Some(error.line - 1), place, "{measure}: {error}");
    }
}

/// Where records know no time at all nothing can be cut, and a check says so.
#[test]
fn records_without_any_time_are_noted() {
    let text = STUDY.replacen(", at = \"time\"", "", 1).replace("window = \"90d\"", "");
    let text = text.replace("days_since_last = \"at\"", "mean = \"amount\"");
    let study = Study::parse("study.toml", &text).unwrap();
    let regime = hushtag::policy::Regime::built_in("cn-pipl").unwrap();
    let found = study.lint(&regime, hushtag::types::Timestamp::parse("2026-10-01T00:00:00Z").unwrap());
    let notes = found
        .iter()
        .filter(|finding| finding.rule == "RETENTION" && finding.message.contains("declares no time field"));
    assert_eq!(notes.count(), 3, "{found:?}");
}

#[test]
fn bounds_of_bands_are_whole_numbers_or_fractions() {
    let bounds = |bound: &str| STUDY.replacen("mid = 50_000", &format!("mid = {bound}"), 1);
    for good in ["\"1/3\"", "\"7\"", "50_001"].map(bounds) {
        assert!(Study::parse("study.toml", &good).is_ok(), "{good}");
    }
    for bad in ["\"1/0\"", "\"0.5\"", "0.5", "\"\"", "true"] {
        assert!(Study::parse("study.toml", &bounds(bad)).is_err(), "{bad}");
    }
}

#[test]
fn each_way_of_coarsening_belongs_to_its_types() {
    let with = |fields: &str| STUDY.replacen("amount = \"amount\", at = \"time\"", fields, 1);
    let cases = [
        ("amount = { type = \"amount\", round = 0 }, at = \"time\"", "a unit to round to is at least 1"),
        ("amount = \"amount\", at = { type = \"time\", round = 5 }", "`round` belongs to"),
        ("amount = { type = \"amount\", truncate = \"day\" }, at = \"time\"", "`truncate` belongs to"),
        ("amount = \"amount\", at = { type = \"time\", truncate = \"month\" }", "`month`"),
        ("amount = { type = \"amount\", prefix = 2 }, at = \"time\"", "`prefix` and `values` belong to"),
        ("amount = \"amount\", at = \"time\", shop = { type = \"text\", prefix = 0 }", "at least 1 letter"),
        ("amount = \"amount\", at = \"time\", shop = { type = \"text\", values = [] }", "at least one word"),
        (
            "amount = \"amount\", at = \"time\", shop = { type = \"text\", values = [\"a\"], prefix = 1 }",
            "not both",
        ),
        (
            "amount = \"amount\", at = \"time\", shop = { type = \"drop\", max_reach = 1 }",
            "a dropped one has",
        ),
        ("amount = \"drop\", at = \"time\"", "unknown field `amount`"),
    ];
    for (fields, reported) in cases {
        let error = Study::parse("study.toml", &with(fields)).expect_err(fields).to_string();
        assert!(error.contains(reported), "{fields}: {error}");
    }
    let fields = "amount = { type = \"amount\", round = 100 }, at = { type = \"time\", truncate = \"hour\" }, \
                  shop = { type = \"text\", values = [\"a\"] }, city = { type = \"text\", prefix = 4 }, phone = \"drop\"";
    let study = Study::parse("study.toml", &with(fields)).unwrap();
    let payments = study.datasets.iter().find(|dataset| dataset.name.as_str() == "payments").unwrap();
    assert_eq!((payments.fields.len(), payments.dropped.as_slice()), (4, &["phone".to_owned()][..]));
}
