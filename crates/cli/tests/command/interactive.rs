//! Promise: `init --interactive` makes of answers, line by line, a study that seals and answers; it invents no document and no
//! date, reads names of columns and never a value, and leaves nothing behind unless the last question was answered.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::command::{Case, stderr, stdout};
use hushtag::policy::Study;

/// Questions, by how they begin, and the answers to them; an empty answer takes the default.
const ANSWERS: &[(&str, &str)] = &[
    ("The id of the study", "shop-study"),
    ("Law", ""),
    ("Purpose", "campaign-measurement"),
    ("Action", ""),
    ("How long a consent", ""),
    ("Its id", "N-2026-04"),
    ("Its version", "3"),
    ("The id of a handler", "social-platform"),
    ("Its legal id", "LEGAL-ID-A"),
    ("Its kind", "6"),
    ("Its name", "Social \"A\""),
    ("How people reach it", "privacy@a.example"),
    ("Another handler", ""),
    ("The id of a handler", "payment-platform"),
    ("Its legal id", "LEGAL-ID-B"),
    ("Its kind", "payment-institution"),
    ("Its name", "Pay B"),
    ("How people reach it", "privacy@b.example"),
    ("Another handler", ""),
    ("The id of a recipient", "brand-insights"),
    ("Its legal id", "LEGAL-ID-C"),
    ("Its name", "Brand C"),
    ("How people reach it", "privacy@c.example"),
    ("Its country", "CN"),
    ("Another recipient", ""),
    ("What the ids are", ""),
    ("Its name", "follows"),
    ("Its kind", "relation"),
    ("Whose table", "social-platform"),
    ("Its data category", "social-relation"),
    ("A file of it", "follows.csv"),
    ("The column with the owner's id", "follower"),
    ("The column with the id", "followee"),
    ("On how many", "6"),
    ("Another dataset", ""),
    ("Its name", "payments"),
    ("Its kind", "records"),
    ("Whose table", "payment-platform"),
    ("Its data category", "payment-record"),
    ("A file of it", "payments.csv"),
    ("The column with the owner's id", "payer"),
    ("The type of column `amount`", ""),
    ("How many digits its amounts have", ""),
    ("The type of column `at`", ""),
    ("The type of column `merchant`", ""),
    ("Another dataset", "yes"),
    ("Its name", "members"),
    ("Its kind", "people"),
    ("Whose table", "social-platform"),
    ("Its data category", "profile"),
    ("A file of it", "members.csv"),
    ("The column with the owner's id", "user"),
    ("The type of column `region`", ""),
    ("Another dataset", ""),
    ("No dataset holds ages", "yes"),
    ("A file of consents", ""),
    ("A measure and a tag: the sum", ""),
    ("The name of the measure", "spend"),
    ("How far back", ""),
    ("The largest sum", ""),
    ("The name of the tag", "tier"),
    ("Its bands", "none=0, low=1, high=20_000"),
    ("A metric", ""),
    ("A measure and a tag: how many rows", ""),
    ("The name of the measure", ""),
    ("How far back", "30d"),
    ("The largest number", ""),
    ("The name of the tag", ""),
    ("Its bands", ""),
    ("A measure and a tag: how many people the owner lists", "no"),
    ("A measure and a tag: how many list", ""),
    ("The name of the measure", ""),
    ("The name of the tag", ""),
    ("Its bands", ""),
    ("A measure and a tag: the mean", ""),
    ("The name of the measure", ""),
    ("The name of the tag", ""),
    ("Its bands", ""),
    ("A tag: the words of `region`", ""),
    ("The name of the tag", ""),
    ("The words", "east, south, north, west"),
    ("This study's cap", ""),
    ("How wide a count", "150"),
    ("Below how many", ""),
    ("How long after its seal", ""),
    ("Does the notice", "yes"),
    ("The id of the statement why data categories", ""),
    ("The id of the contract with the recipient", "CON-7"),
    ("approved on", "2020-01-01"),
    ("expires on", "2100-01-01"),
    ("The id of the personal information protection impact assessment", "PIA-7"),
    ("approved on", "2020-01-01"),
    ("expires on", "2100-01-01"),
    ("The budget of all people", ""),
    ("Must every handler sign", "no"),
    ("Write shop-study.toml", ""),
];

/// Runs the conversation with these lines and whatever else the command is given.
fn talk(case: &Case, lines: &str, more: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hushtag"))
        .args(["init", "box", "--interactive"])
        .args(more)
        .current_dir(case.path(""))
        .env_remove("HUSHTAG_ROOT_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // After an early end the rest is not read.
    let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    child.wait_with_output().unwrap()
}

/// The answers, some of them others: the nth question that begins so.
fn lines(others: &[(&str, usize, &str)]) -> String {
    let mut seen = std::collections::BTreeMap::new();
    let line = |(question, answer): &(&'static str, &'static str)| {
        let count = seen.entry(*question).or_insert(0usize);
        *count += 1;
        let other = others.iter().find(|(about, nth, _)| question.starts_with(about) && nth == count);
        format!("{}\n", other.map_or(*answer, |(.., other)| other))
    };
    ANSWERS.iter().map(line).collect()
}

fn names(case: &Case) -> Vec<String> {
    let all = std::fs::read_dir(case.path("")).unwrap();
    let mut names: Vec<String> = all.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn answers_make_a_study_that_seals_and_answers() {
    let case = Case::new(120);
    let made = talk(&case, &lines(&[]), &[]);
    let said = stderr(&made);
    assert_eq!(made.status.code(), Some(0), "{said}");
    let mut rest = said.as_str();
    for (question, _) in ANSWERS {
        let asked = rest.split_once(question);
        assert!(asked.is_some(), "`{question}` is not asked in its turn: {rest}");
        rest = asked.unwrap().1;
    }
    assert!(said.contains("Nothing forbids the use."), "{said}");
    let text = std::fs::read_to_string(case.path("shop-study.toml")).unwrap();
    let study = Study::parse("shop-study.toml", &text).unwrap();
    assert_eq!(study.handlers[0].name, "Social \"A\"");
    assert_eq!(study.documents["pipia"].id, "PIA-7");
    assert_eq!(study.documents["provision-contract"].id, "CON-7");
    assert!(text.contains("# how long a consent without an end of its own lasts"), "{text}");
    assert!(!text.contains("merchant"), "a column that was not wanted is not read: {text}");
    assert_eq!(case.run(&["policy", "check", "shop-study.toml"]).status.code(), Some(0));
    assert!(case.seal("e1").status.success());
    let answer = case.ask("SELECT tier, COUNT(*) AS people, AVG(spend) FROM tags GROUP BY tier");
    assert!(answer.status.success(), "{}", stderr(&answer));
    let metrics = case.run(&["metrics", "box", "--recipient", "brand-insights"]);
    assert!(stdout(&metrics).contains("share_tier"), "{}", stderr(&metrics));
}

#[test]
fn an_end_at_any_question_leaves_nothing() {
    let case = Case::new(3);
    let before = names(&case);
    let whole = lines(&[]);
    for (count, (question, _)) in ANSWERS.iter().enumerate() {
        let some: String = whole.split_inclusive('\n').take(count).collect();
        let ended = talk(&case, &some, &[]);
        let said = stderr(&ended);
        assert_eq!(ended.status.code(), Some(2), "after {count} answers: {said}");
        let error = said.lines().rev().nth(1).unwrap();
        assert!(
            error.starts_with("error: the answers ended at the question") && error.contains(question),
            "{error}"
        );
        assert!(said.ends_with("nothing was written\n") && ended.stdout.is_empty(), "{said}");
        assert_eq!(names(&case), before, "after {count} answers");
    }
}

#[test]
fn wrong_answers_are_reported_and_leave_nothing() {
    let case = Case::new(3);
    case.write("no-header.csv", "13800000001,13800000002,2026-01-01\n");
    case.write("taken.toml", "");
    let before = names(&case);
    for (about, nth, answer, said) in [
        ("The id of the study", 1, "My Study", "is not a name"),
        ("Purpose", 1, "campain-measurement", "did you mean `campaign-measurement`?"),
        ("Purpose", 1, "99", "one of these words, or its number"),
        ("How long a consent", 1, "soon", "is not a number of days"),
        ("Its version", 1, "three", "a whole number"),
        ("The id of a handler", 2, "social-platform", "something has this id already"),
        ("Its country", 1, "China", "two capital letters"),
        ("A file of it", 1, "nowhere.csv", "nowhere.csv: cannot be opened: No such file"),
        ("A file of it", 1, "study.toml", "use .parquet, .csv, .tsv or .arrow"),
        ("A file of it", 1, "no-header.csv", "the first line looks like values"),
        ("The column with the owner's id", 1, "folower", "did you mean `follower`?"),
        ("The type of column `amount`", 1, "money", "one of these words"),
        ("How many digits its amounts have", 1, "ten", "a whole number up to 9"),
        ("The name of the measure", 1, "Spend", "is not a name name"),
        ("Its bands", 1, "low=1 high=2", "one band has to start at 0"),
        ("Its bands", 1, "none=0 low=", "bands look like"),
        ("The words", 1, ",", "at least one word"),
        ("expires on", 1, "2019-01-01", "it expires after its approval"),
        ("approved on", 1, "last year", "a day such as"),
        ("Must every handler sign", 1, "maybe", "answer yes or no"),
        ("Write shop-study.toml", 1, "no", "nothing was written, as you chose"),
        ("The id of the study", 1, "taken", "`taken.toml` exists already"),
        ("A file of consents", 1, "consents.json", "consents.json"),
    ] {
        let wrong = talk(&case, &lines(&[(about, nth, answer)]), &[]);
        let text = stderr(&wrong);
        assert!(matches!(wrong.status.code(), Some(1 | 2)), "{answer}: {text}");
        let error = text.lines().rev().nth(1).unwrap();
        assert!(error.starts_with("error: ") && error.contains(said), "`{said}` is not in: {error}");
        assert!(text.lines().last().unwrap().starts_with("  fix: "), "{text}");
        assert_eq!(names(&case), before, "{about}: {answer}");
        assert!(!text.contains("1380000"), "a row was printed: {text}");
    }
    case.init("1");
    let there = talk(&case, "", &[]);
    assert_eq!(there.status.code(), Some(6), "{}", stderr(&there));
    assert!(stderr(&there).contains("is a sandbox already"));
}

/// Answers about a consent log of the handler's own, in the place of the one that there is none.
const OWN_CONSENTS: &[(&str, &str)] = &[
    ("A file of consents", "log.csv"),
    ("What column `user_id` is", ""),
    ("What column `status` is", ""),
    ("What column `timestamp` is", ""),
    ("What column `expires_at` is", ""),
    ("What column `channel` is", "ignore"),
    ("Words of its events that give", "granted"),
    ("Words of its events that withdraw", "opted_out | denied"),
    ("The words of its purposes", "share_with_brand"),
    ("`trigger` of every consent", "SC23, SC29"),
    ("`recipient` of every consent", "LEGAL-ID-C"),
    ("`handler` of every consent", "social-platform"),
    ("`kind` of every consent", "separate"),
    ("`categories` of every consent", "social-relation, payment-record, profile"),
    ("`methods` of every consent", "aggregate"),
    ("`notice` of every consent", "N-2026-04"),
    ("`notice_version` of every consent", "3"),
    ("`shown_at` of every consent", "at"),
    ("`giver` of every consent", "self"),
    ("`own_step` of every consent", "true"),
    ("`pre_ticked` of every consent", "false"),
    ("`bundle_size` of every consent", "1"),
    ("`service_gate` of every consent", "false"),
    ("The id of the document that shows these", "UI-REVIEW-2026-03"),
    ("The time zone", "Asia/Shanghai"),
];

/// The answers with those about a consent log, some of them others.
fn with_own_consents(others: &[(&str, &str)]) -> String {
    let own = OWN_CONSENTS.iter().map(|(question, answer)| {
        let other = others.iter().find(|(about, _)| question.starts_with(about));
        format!("{}\n", other.map_or(*answer, |(_, other)| other))
    });
    let own: String = own.collect();
    let (before, after) =
        ANSWERS.split_at(ANSWERS.iter().position(|(question, _)| *question == "A file of consents").unwrap());
    let plain = |answers: &[(&str, &str)]| {
        answers.iter().map(|(_, answer)| format!("{answer}\n")).collect::<String>()
    };
    plain(before) + &own + &plain(after.split_first().unwrap().1)
}

const LOG: &str = "user_id,purpose,status,timestamp,expires_at,channel
13800000001,share_with_brand,granted,2026-09-01 10:00:00,,app
13800000002,share_with_brand,granted,2026-09-01 10:00:00,,app
13800000002,share_with_brand,opted_out,2026-09-02 10:00:00,,app
13800000003,share_with_brand,granted,2026-09-01 10:00:00,2026-09-03 10:00:00,app
13800000004,newsletter,granted,2026-09-01 10:00:00,,app
";

/// Promise: a consent log of the handler's own is mapped by answers, and its ends and withdrawals count.
#[test]
fn a_consent_log_of_ones_own_is_mapped_by_answers() {
    let case = Case::new(3);
    case.write("log.csv", LOG);
    let made = talk(&case, &with_own_consents(&[]), &[]);
    let said = stderr(&made);
    assert_eq!(made.status.code(), Some(0), "{said}");
    assert!(said.contains("--consents log.csv"), "{said}");
    let checked = case.run(&[
        "consent",
        "check",
        "log.csv",
        "--study",
        "shop-study.toml",
        "--as-of",
        "2026-09-10",
        "--format",
        "json",
    ]);
    let checked: serde_json::Value = serde_json::from_str(&stdout(&checked)).unwrap();
    assert_eq!(checked["recipients"][0]["in"], 1, "{checked}");
    for (about, answer, said) in [
        ("What column `expires_at` is", "ignore", "ends consents and cannot be ignored"),
        ("What column `status` is", "purpose", "a column that is `purpose` already"),
        ("What column `status` is", "ignore", "has no column that is `event`"),
        ("Words of its events that give", "opted_out", "cannot be mapped"),
        ("`bundle_size` of every consent", "1, 2", "is one word"),
        ("The time zone", "CST", "is not a time zone"),
        ("The id of the document that shows these", "", "has no default"),
    ] {
        let case = Case::new(3);
        case.write("log.csv", LOG);
        let wrong = talk(&case, &with_own_consents(&[(about, answer)]), &[]);
        let text = stderr(&wrong);
        assert_eq!(wrong.status.code(), Some(2), "{answer}: {text}");
        let error = text.lines().rev().nth(1).unwrap();
        assert!(error.starts_with("error: ") && error.contains(said), "`{said}` is not in: {error}");
        assert!(!case.path("shop-study.toml").exists());
    }
}

#[test]
fn what_a_human_must_attach_is_left_out_and_named() {
    let case = Case::new(3);
    let whole = lines(&[
        ("The id of the contract", 1, ""),
        ("The id of the personal", 1, ""),
        ("Does the notice", 1, "no"),
    ]);
    // Without a document its days are not asked for.
    let asked = whole.lines().filter(|line| !line.contains("2020-") && !line.contains("2100-"));
    let lines: String = asked.map(|line| format!("{line}\n")).collect();
    let made = talk(&case, &lines, &[]);
    let said = stderr(&made);
    assert_eq!(made.status.code(), Some(0), "{said}");
    assert!(
        said.contains("R55")
            && said.contains("R-NDSR12")
            && said.contains("error(s): the study can be written"),
        "{said}"
    );
    let text = std::fs::read_to_string(case.path("shop-study.toml")).unwrap();
    assert!(
        text.contains("# a human must attach: personal information protection impact assessment"),
        "{text}"
    );
    let study = Study::parse("shop-study.toml", &text).unwrap();
    assert!(study.documents.is_empty() && study.notice.states.is_none(), "{text}");
    let days = text.split(|c: char| !c.is_ascii_digit() && c != '-');
    assert!(days.into_iter().all(|day| day.len() != 10), "no day was made up: {text}");
}

#[test]
fn a_study_that_handlers_sign_is_written_and_waits_for_them() {
    let case = Case::new(3);
    let made = talk(&case, &lines(&[("Must every handler sign", 1, "")]), &[]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let next = stdout(&made);
    assert!(
        next.contains("hushtag policy sign --study shop-study.toml") && next.contains("--handler ID=VKEY"),
        "{next}"
    );
    assert!(case.path("shop-study.toml").is_file() && !case.path("box").exists());
}
