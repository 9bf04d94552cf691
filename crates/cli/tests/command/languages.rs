//! Promise: what the command prints is in the chosen language but for what JSON prints too, which is the same in every language;
//! `--lang` goes before `LC_ALL`, that before `LC_MESSAGES`, that before `LANG`.

use std::process::{Command, Output};

use serde_json::Value;

use crate::command::{Case, stderr, stdout};

fn run(case: &Case, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hushtag"));
    command.args(arguments).current_dir(case.path("")).env_remove("HUSHTAG_ROOT_KEY");
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

#[test]
fn the_language_comes_from_the_option_or_the_environment() {
    let case = Case::new(30);
    assert!(case.init("4").status.success());
    for (variables, arguments, chinese) in [
        (&[][..], &[][..], false),
        (&[("LANG", "zh_CN.UTF-8")], &[], true),
        (&[("LC_MESSAGES", "zh_TW.UTF-8"), ("LANG", "C")], &[], true),
        (&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")], &[], false),
        (&[("LANG", "zh_CN.UTF-8")], &["--lang", "en"], false),
        (&[("LANG", "de_DE.UTF-8")], &["--lang=zh"], true),
    ] {
        let text = stdout(&run(&case, variables, &[&["status", "box"], arguments].concat()));
        assert_eq!(is_chinese(&text), chinese, "{variables:?} {arguments:?}: {text}");
        let failed = run(&case, variables, &[&["status", "nowhere"], arguments].concat());
        assert_eq!(is_chinese(&stderr(&failed)), chinese, "{variables:?} {arguments:?}");
        let wrong = run(&case, variables, &[&["status"], arguments].concat());
        assert_eq!(
            (wrong.status.code(), is_chinese(&stderr(&wrong))),
            (Some(2), chinese),
            "{variables:?} {arguments:?}"
        );
    }
    // A value that is not read, in the language that is read from the arguments besides.
    let value = run(
        &case,
        &[],
        &["seal", "box", "--lang", "zh", "--data", "x", "--as-of", "2026-10-01", "--epoch", "e"],
    );
    assert!(value.status.code() == Some(2) && is_chinese(&stderr(&value)), "{}", stderr(&value));
}

/// Three English words in a row, but for lines that say that their detail is English.
fn english(text: &str) -> Option<String> {
    let text: String = text.lines().filter(|line| !line.contains("英文详情")).collect::<Vec<_>>().join("\n");
    let typed: String = text.split('`').step_by(2).collect::<Vec<_>>().join(" ` ");
    let words: Vec<&str> = typed.split_whitespace().collect();
    let is_word = |word: &&str| {
        let word = word.trim_end_matches([',', ';', ':', '.']);
        word.len() > 1 && word.chars().all(|letter| letter.is_ascii_lowercase())
    };
    words.windows(3).find(|three| three.iter().all(is_word)).map(|three| three.join(" "))
}

/// All texts in a JSON value.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| texts(one, into)),
        Value::Object(map) => {
            into.extend(map.keys().cloned());
            map.values().for_each(|one| texts(one, into));
        }
        _ => {}
    }
}

/// Runs a command in Chinese: it prints Chinese, and English only where its JSON has the same English. JSON is the same in both
/// languages where it prints no time of its own.
fn chinese(case: &Case, code: i32, arguments: &[&str]) -> String {
    let output = run(case, &[], &[arguments, &["--lang", "zh"]].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    let mut text = stdout(&output) + &stderr(&output);
    assert!(is_chinese(&text), "{arguments:?}: {text}");
    let as_json =
        |lang: &str| stdout(&run(case, &[], &[arguments, &["--format", "json", "--lang", lang]].concat()));
    let json = as_json("zh");
    let mut said = Vec::new();
    if let Ok(value) = serde_json::from_str::<Value>(&json) {
        assert!(!is_chinese(&json) || arguments.contains(&"explain"), "{arguments:?}: {json}");
        texts(&value, &mut said);
    }
    said.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    text = squeezed(&text.replace('\u{2502}', " "));
    for one in said.iter().filter(|text| text.contains(' ')) {
        text = text.replace(&squeezed(one), " ` ");
    }
    assert_eq!(english(&text), None, "{arguments:?}: {text}");
    text
}

#[test]
fn results_and_notes_are_in_the_chosen_language_and_json_is_in_none() {
    let case = Case::new(40);
    let init = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none"];
    let made = run(&case, &[], &[&init[..], &["--lang", "zh"]].concat());
    assert!(
        made.status.success() && english(&(stdout(&made) + &stderr(&made))).is_none(),
        "{}{}",
        stdout(&made),
        stderr(&made)
    );
    let sealed = run(
        &case,
        &[("LANG", "zh_CN.UTF-8")],
        &[
            "seal",
            "box",
            "--epoch",
            "e1",
            "--as-of",
            "2026-10-01",
            "--data",
            "follows=follows.csv",
            "--data",
            "payments=payments.csv",
            "--data",
            "members=members.csv",
            "--consents",
            "consents.csv",
        ],
    );
    assert!(
        sealed.status.success() && english(&(stdout(&sealed) + &stderr(&sealed))).is_none(),
        "{}{}",
        stdout(&sealed),
        stderr(&sealed)
    );
    let asked = [
        "ask",
        "box",
        "--recipient",
        "brand-insights",
        "SELECT region, COUNT(*) AS people, SUM(spend) FROM tags GROUP BY region",
    ];
    let text = chinese(&case, 0, &asked);
    assert!(text.contains("置信区间") && text.contains("日志第"), "{text}");
    chinese(&case, 0, &["budget", "box"]);
    chinese(&case, 0, &["metrics", "box", "--recipient", "brand-insights"]);
    chinese(&case, 0, &["audit", "verify", "box"]);
    chinese(&case, 0, &["audit", "documents", "box"]);
    chinese(&case, 0, &["policy", "diff", "study.toml", "study.toml"]);
    chinese(&case, 0, &["consent", "check", "consents.csv", "--study", "study.toml"]);
    chinese(
        &case,
        0,
        &["ask", "box", "--recipient", "brand-insights", "--forecast", "SELECT COUNT(*) FROM tags"],
    );
    chinese(&case, 0, &["ask", "box", "--recipient", "brand-insights", "SELECT COUNT(*) FROM tags"]);
    let status = chinese(&case, 0, &["status", "box"]);
    assert!(status.contains("+08:00") && !status.contains("00Z"), "times are those of Beijing: {status}");
    let refused = chinese(
        &case,
        3,
        &["ask", "box", "--recipient", "brand-insights", "SELECT COUNT(*) FROM tags WITH (epsilon = 900)"],
    );
    assert!(refused.contains("预算消耗不得超过"), "{refused}");
    // What the library says stands after a headline, in its own words.
    let error = run(
        &case,
        &[],
        &["ask", "box", "--recipient", "unknown", "SELECT COUNT(*) FROM tags", "--lang", "zh"],
    );
    assert!(
        stderr(&error).starts_with("错误：没有这个名称：unknown recipient `unknown`"),
        "{}",
        stderr(&error)
    );
    for arguments in
        [&asked[..], &["status", "box"], &["budget", "box"], &["ask", "box", "--recipient", "x", "y"]]
    {
        let [english, chinese] = [&[][..], &[("LC_ALL", "zh_CN.UTF-8")][..]]
            .map(|variables| stdout(&run(&case, variables, &[arguments, &["--format", "json"]].concat())));
        assert_eq!(english, chinese, "{arguments:?}");
    }
}

#[test]
fn questions_and_answers_of_the_dialogue_are_in_the_chosen_language() {
    use std::io::Write as _;

    let case = Case::new(1);
    let mut child = Command::new(env!("CARGO_BIN_EXE_hushtag"))
        .args(["init", "new", "--interactive", "--lang", "zh"])
        .current_dir(case.path(""))
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"my-study\n1\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert!(
        output.status.code() == Some(2)
            && text.contains("研究方案的编号")
            && text.contains("处理：请逐行回答"),
        "{text}"
    );
    assert_eq!(english(&text), None, "{text}");
}
