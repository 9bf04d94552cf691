//! Promise 8: a broken regime, study or scenario file is refused at once with what was meant and where, never with a panic:
//! `policy check` finds it (4), every other command fails (1).

use crate::folder::{Folder, Ran};
use hushtag::policy::{Regime, RegimeError, Study, StudyError};

const SMALL: &str = include_str!("../../../../fuzz/seeds/regime/small.toml");
const STUDY: &str = include_str!("../../../../tests/policy/policy_reference/study.toml");

fn refused(text: &str) -> StudyError {
    match Regime::parse("regime.toml", text) {
        Ok(_) => panic!("accepted"),
        Err(RegimeError::Broken(error)) => error,
        Err(error) => panic!("{error}"),
    }
}

/// Replaces `old`, which must be there.
fn changed(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "there is no `{old}`");
    text.replacen(old, new, 1)
}

/// What is broken, what replaces it, the word at which the error stands (none: it is about the whole file), what it says.
type Broken = (&'static str, &'static str, &'static str, &'static str);

fn each_is_refused(cases: &[Broken]) {
    for (old, new, at, said) in cases {
        let text = changed(SMALL, old, new);
        let error = refused(&text);
        let message = error.to_string();
        assert!(message.contains(said), "`{new}`: `{said}` is not in: {message}");
        assert!(!message.contains('\n'), "{message}");
        let line = text.lines().nth(error.line - 1).unwrap();
        let rest: String = line.chars().skip(error.column - 1).collect();
        if at.is_empty() {
            assert_eq!((error.line, error.column), (1, 1), "{message}");
        } else {
            assert!(rest.starts_with(at), "`{new}`: not at `{at}` but at `{rest}`: {message}");
        }
    }
}

#[test]
fn unknown_words_name_the_nearest_and_their_place() {
    each_is_refused(&[
        (
            "SC23 = { article = \"LAW 1\"",
            "SC23 = { article = \"LAW 2\"",
            "\"LAW 2\"",
            "unknown article `LAW 2`: did you mean `LAW 1`?",
        ),
        (
            "rule = \"R23\", quality",
            "rule = \"R323\", quality",
            "\"R323\"",
            "unknown rule `R323`: did you mean `R",
        ),
        ("rule = \"R10\"", "rule = \"R100\"", "\"R100\"", "unknown rule `R100`: did you mean `R10`?"),
        ("unknown = \"R06\"", "unknown = \"R66\"", "\"R66\"", "unknown rule `R66`: did you mean `R"),
        ("deny = \"R25H\"", "deny = \"R25K\"", "\"R25K\"", "unknown rule `R25K`: did you mean `R25"),
        (
            "quality = \"ordinary\"",
            "quality = \"ordinal\"",
            "\"ordinal\"",
            "unknown quality `ordinal`: did you mean `ordinary`?",
        ),
        (
            "states = [\"name\", \"purpose\"",
            "states = [\"nane\", \"purpose\"",
            "\"nane\"",
            "unknown statement `nane`: did you mean `name`?",
        ),
        (
            "triggers = [\"C13\", \"SC29\"]",
            "triggers = [\"C13\", \"SC299\"]",
            "\"SC299\"",
            "unknown trigger `SC299`: did you mean `SC29`?",
        ),
        (
            "triggers = [\"SCPAY32\"]",
            "triggers = [\"SCPAY23\"]",
            "\"SCPAY23\"",
            "unknown trigger `SCPAY23`: did you mean `SCPAY3",
        ),
        (
            "notices = [\"N17\"], duties",
            "notices = [\"N177\"], duties",
            "\"N177\"",
            "unknown notice `N177`: did you mean `N17`?",
        ),
        (
            "documents = [\"pipia\"], duties",
            "documents = [\"pipa\"], duties",
            "\"pipa\"",
            "unknown document `pipa`: did you mean `pipia`?",
        ),
        (
            "duties = [\"keep\"]",
            "duties = [\"kept\"]",
            "\"kept\"",
            "unknown duty `kept`: did you mean `keep`?",
        ),
        (
            "needs = { recipient-standing",
            "needs = { recipient-standig",
            "recipient-standig",
            "unknown fact `recipient-standig`: did you mean `recipient-standing`?",
        ),
        (
            "needs = { \"document:opt-out\"",
            "needs = { \"document:optout\"",
            "\"document:optout\"",
            "unknown fact `document:optout`: did you mean `document:opt-out`?",
        ),
        (
            "\"document:opt-out\" = [\"valid\"]",
            "\"document:opt-out\" = [\"vaild\"]",
            "\"vaild\"",
            "unknown word `vaild`: did you mean `valid`?",
        ),
        (
            "action = [\"joint\"]",
            "action = [\"jiont\"]",
            "\"jiont\"",
            "unknown word `jiont`: did you mean `joint`?",
        ),
        (
            "[\"1m\", \"undeclared\"]",
            "[\"1mm\", \"undeclared\"]",
            "\"1mm\"",
            "unknown band `1mm`: did you mean `1m`?",
        ),
        (
            "purpose-class = [\"marketing\"], category",
            "purpose-class = [\"marketting\"], category",
            "\"marketting\"",
            "unknown class `marketting`: did you mean `marketing`?",
        ),
        (
            "unless = { purpose-class",
            "unless = { porpose-class",
            "porpose-class",
            "unknown fact `porpose-class`: did you mean `purpose-class`?",
        ),
        (
            "sensitive = [\"broad\"], mark",
            "sensitive = [\"brod\"], mark",
            "\"brod\"",
            "unknown profile `brod`: did you mean `broad`?",
        ),
        (
            "under = \"payment-record\"",
            "under = \"payment-records\"",
            "\"payment-records\"",
            "unknown category `payment-records`: did you mean `payment-record`?",
        ),
        (
            "[matrix]\n",
            "[matrix]\nprofil.provide = {}\n",
            "profil",
            "unknown category `profil`: did you mean `profile`?",
        ),
        ("stage = \"all\"", "stage = \"al\"", "\"al\"", "unknown stage `al`: did you mean `all`?"),
        ("home = \"CN\"", "hoem = \"CN\"", "hoem", "did you mean `home`?"),
        ("of = \"sensitive\"", "of = \"sensitiv\"", "\"sensitiv\"", "did you mean `sensitive`?"),
        ("kinds = [\"written\"]", "kinds = [\"writen\"]", "\"writen\"", "did you mean `written`?"),
        ("checks = [\"own-step\"", "checks = [\"own-stop\"", "\"own-stop\"", "did you mean `own-step`?"),
        ("mark = \"reading\"", "mark = \"readings\"", "\"readings\"", "did you mean `reading`?"),
    ]);
}

#[test]
fn what_cannot_be_is_refused() {
    each_is_refused(&[
        (
            "payment-record = { sensitive",
            "payment-record = { under = \"payment-code\", sensitive",
            "\"pay",
            "is under itself: a cycle",
        ),
        (
            "health = { sensitive",
            "health = { under = \"health\", sensitive",
            "\"health\"",
            "is under itself: a cycle",
        ),
        ("health.joint =", "health.jiont =", "jiont", "did you mean `joint`?"),
        ("health.joint = {", "#", "", "the matrix has no cell `[matrix.health.joint]`"),
        ("withdrawn = { rule", "#", "", "`[person.withdrawn]` is missing"),
        ("joint = { article", "#", "", "`[actions.joint]` is missing"),
        ("stages = [\"all\"]", "stages = [\"all\", \"more\"]", "", "stage `more` has no title"),
        ("max_age = \"730d\"", "max_age = \"-730d\"", "\"-730d\"", "between `1d` and `36525d`"),
        ("max_age = \"730d\"", "max_age = \"0d\"", "\"0d\"", "between `1d` and `36525d`"),
        (
            "refusal_cool_down = \"90d\"",
            "refusal_cool_down = \"-90d\"",
            "\"-90d\"",
            "between `1d` and `36525d`",
        ),
        ("child_below = 14", "child_below = -1", "-1", "invalid value"),
        ("under-100k\" = 0", "under-100k\" = -5", "-5", "invalid value"),
        (
            "some = 1",
            "some = 100_000",
            "\"LAW 1\", title = { en = \"people exported",
            "two bands of `exported` start at one bound",
        ),
        (
            "succession = [\"none\", \"announced\"]",
            "succession = []",
            "succession",
            "`succession` needs at least one word",
        ),
        ("rule = \"R10\"", "rule = \"R10\"\nrule = \"R11\"", "rule", "duplicate key"),
        ("[statements]", "[triggers]", "triggers", "duplicate key"),
        ("health.joint =", "health.provide =", "provide", "duplicate key"),
    ]);
}

#[test]
fn a_fact_of_more_words_than_a_set_holds_is_refused() {
    let many = |table: &str, line: &str, count: usize| {
        let lines: String = (0..count).map(|n| line.replace("{}", &format!("w{n}")) + "\n").collect();
        changed(SMALL, &format!("[{table}]\n"), &format!("[{table}]\n{lines}"))
    };
    let purpose = "{} = { class = \"research\", iri = \"i\", title = { en = \"t\" } }";
    // With the seven that are there and `unknown`.
    assert!(Regime::parse("regime.toml", &many("purposes", purpose, 56)).is_ok());
    assert!(refused(&many("purposes", purpose, 57)).to_string().contains("`purpose` has more than 64 words"));
    let band = "{} = { article = \"LAW 1\", title = { en = \"t\" } }";
    assert!(refused(&many("bases", band, 61)).to_string().contains("`basis` has more than 64 words"));
    let category =
        "{} = { under = \"profile\", sensitive = [], mark = \"text\", iri = \"i\", title = { en = \"t\" } }";
    assert!(
        refused(&many("categories", category, 300)).to_string().contains("`category` has more than 64 words")
    );
}

/// A folder with a regime, a study under it and a scenario file.
fn folder() -> Folder {
    let case = Folder::with_study();
    case.write("regime.toml", SMALL);
    case.write("study.toml", STUDY);
    case.write("scenarios.toml", "study = \"study.toml\"\nas_of = \"2026-11-01\"\n[[scenarios]]\nid = \"S\"\ntitle = \"t\"\nexpect = \"deny\"\n");
    case
}

fn said(output: &Ran) -> String {
    format!("{}{}", output.stdout(), output.stderr())
}

/// `policy check` of the file finds it; what needs the file fails, with the same words.
fn fails(case: &Folder, file: &str, words: &str, otherwise: &[&[&str]]) {
    let check = case.run(&["policy", "check", file]);
    assert!(said(&check).contains(words), "check: {}", said(&check));
    assert_eq!(check.code(), Some(4), "{}", said(&check));
    for arguments in otherwise {
        let run = case.run(arguments);
        assert!(said(&run).contains(words), "{arguments:?}: {}", said(&run));
        assert_eq!(run.code(), Some(1), "{arguments:?}: {}", said(&run));
        assert!(run.stdout().is_empty(), "{}", said(&run));
    }
}

const EXPLAIN: [&str; 8] =
    ["policy", "explain", "--study", "study.toml", "--recipient", "brand-insights", "--as-of", "2026-11-01"];

#[test]
fn commands_refuse_a_broken_regime() {
    let case = folder();
    for (old, new, words) in [
        ("quality = \"ordinary\"", "quality = \"ordinal\"", "did you mean `ordinary`?"),
        ("health.joint = {", "#", "the matrix has no cell `[matrix.health.joint]`"),
        ("withdrawn = { rule", "#", "`[person.withdrawn]` is missing"),
    ] {
        case.write("regime.toml", &changed(SMALL, old, new));
        let others: [&[&str]; 4] = [
            &EXPLAIN,
            &["policy", "diff", "regime.toml", "regime.toml"],
            &["policy", "test", "scenarios.toml"],
            &["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none"],
        ];
        fails(&case, "regime.toml", words, &others);
    }
    assert!(!case.path("box").exists());
}

#[test]
fn commands_refuse_a_broken_study() {
    let case = folder();
    let pipia = "{ id = 'P', approved = 2026-09-01, expires = 2027-09-01 }";
    let notice = "[notice]\nid = \"N-2026-04\"\nversion = 4";
    let twice = |first: &str, second: &str| {
        format!("[documents]\npipia = {pipia}\n{first}\n{second}\n[notice]\nid = \"N\"\nversion = 4")
    };
    let changes = |versions: [i64; 2]| {
        let one = |version| format!("[[notice.changes]]\nversion = {version}\nchanged = [\"contact\"]\n");
        format!("{notice}\n{}{}", one(versions[0]), one(versions[1]))
    };
    for (new, words) in [
        (twice(&format!("pipia = {pipia}"), ""), "duplicate key"),
        (twice("[documents.pipia]", "id = \"Q\""), "duplicate key"),
        (twice("pipia.purposes = [\"research\"]", ""), "inline table"),
        (changes([3, 3]), "what version 3 changed is already declared"),
        (changes([3, 5]), "version 5 is later than the notice's own"),
        (changes([-1, 3]), "invalid value"),
        (format!("{notice}\nid = \"N-2\""), "duplicate key"),
    ] {
        case.write("study.toml", &changed(STUDY, notice, &new));
        let error = Study::parse("study.toml", &changed(STUDY, notice, &new)).unwrap_err();
        assert!((10..40).contains(&error.line), "{error}");
        fails(&case, "study.toml", words, &[&EXPLAIN, &["policy", "test", "scenarios.toml"]]);
    }
    case.write("study.toml", &changed(STUDY, "retention = \"90d\"", "retention = \"-90d\""));
    fails(&case, "study.toml", "between `1d` and `36525d`", &[&EXPLAIN]);
}

#[test]
fn files_of_many_megabytes_and_of_no_text_are_refused() {
    let case = folder();
    let padding = |text: &str| format!("{text}\n#{}\n", "x".repeat(10 << 20));
    case.write("regime.toml", &padding(SMALL));
    fails(
        &case,
        "regime.toml",
        "a regime file has at most 4 MiB",
        &[&["policy", "diff", "regime.toml", "regime.toml"]],
    );
    let run = case.run(&EXPLAIN);
    assert!(said(&run).contains("larger than 1 MiB") && run.code() == Some(1), "{}", said(&run));
    let case = folder();
    case.write("study.toml", &padding(STUDY));
    for arguments in [&["policy", "check", "study.toml"][..], &["policy", "test", "scenarios.toml"], &EXPLAIN]
    {
        let run = case.run(arguments);
        assert!(said(&run).contains("larger than 1 MiB") && run.code() == Some(1), "{}", said(&run));
    }
    let case = folder();
    case.write(
        "scenarios.toml",
        &padding("study = \"study.toml\"\nas_of = \"2026-11-01\"\nscenarios = []\n[[scenarios]]"),
    );
    let run = case.run(&["policy", "test", "scenarios.toml"]);
    assert_eq!(run.code(), Some(1), "{}", said(&run));
    let case = folder();
    for file in ["regime.toml", "study.toml", "scenarios.toml"] {
        std::fs::write(case.path(file), b"[regime]\nid = \"\xff\"\n").unwrap();
        for arguments in [&["policy", "check", file][..], &["policy", "test", "scenarios.toml"], &EXPLAIN] {
            let run = case.run(arguments);
            assert!(said(&run).contains("not UTF-8"), "{arguments:?}: {}", said(&run));
            assert_eq!(run.code(), Some(1), "{arguments:?}: {}", said(&run));
        }
        std::fs::write(case.path("regime.toml"), b"\xff").unwrap();
    }
}
