//! Promise 7: a decision explains itself so that a lawyer can read it. The opinion on the demo is checked in, in both
//! languages; a person's account names every rule that keeps them out, from the same code that seals.

use crate::folder::{Folder, Ran, STUDY};

const EVENTS: &str = "person,event,trigger,purpose,recipient,at,handler,kind,categories,methods,notice,notice_version,shown_at,giver,own_step,pre_ticked,bundle_size,service_gate";

fn consent(trigger: &str, more: &str) -> String {
    format!(
        "+8613800000000,given,{trigger},campaign-measurement,LEGAL-ID-C,2026-10-01T08:00:00+08:00,social-platform,separate,\
         social-relation|payment-record|profile,aggregate,N-2026-04,3,2026-10-01T07:59:00+08:00,self,true,{more},false"
    )
}

fn explain(case: &Folder, more: &[&str]) -> Ran {
    let fixed = [
        "policy",
        "explain",
        "--study",
        "study.toml",
        "--recipient",
        "brand-insights",
        "--as-of",
        "2026-11-01",
    ];
    case.run(&[&fixed[..], more].concat())
}

#[test]
fn the_opinion_on_the_demo_is_the_one_that_is_checked_in() {
    for (lang, checked_in) in [
        ("en", include_str!("../../../../policies/demo/opinion.en.txt")),
        ("zh", include_str!("../../../../policies/demo/opinion.zh.txt")),
    ] {
        let explained = explain(&Folder::with_study(), &["--lang", lang]);
        assert_eq!(explained.code(), Some(0), "{}", explained.stderr());
        assert_eq!(explained.stdout(), checked_in, "write what `policy explain --lang {lang}` says");
    }
}

#[test]
fn a_denied_use_names_its_fix_and_what_the_article_says() {
    let case = Folder::with_study();
    case.write(
        "study.toml",
        &STUDY.replace("action = \"provide\"", "action = \"joint\"").replace("pipia =", "entrust-contract ="),
    );
    let said = explain(&case, &[]).stdout();
    for part in [
        "No. ",
        "[no] R20 (PIPL 20)",
        "[no] R55 (PIPL 55)",
        "fix: ",
        "PIPL 55 says: An impact assessment beforehand",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    assert!(!said.contains("What every person must have done"), "{said}");
    let chinese = explain(&case, &["--lang", "zh"]).stdout();
    assert!(chinese.contains("[否] R55 (PIPL 55)") && chinese.contains("改正："), "{chinese}");
    // The same as JSON, for a page.
    let value: serde_json::Value = explain(&case, &["--format", "json"]).json();
    assert_eq!(value["permitted"], false);
    assert!(explain(&case, &["--recipient", "unknown"]).code() == Some(2));
}

#[test]
fn one_persons_account_names_every_rule_that_keeps_them_out() {
    let case = Folder::with_study();
    let both = format!("{EVENTS}\n{}\n{}\n", consent("SC23", "false,1"), consent("SC29", "false,1"));
    case.write("own.csv", &both);
    let said = explain(&case, &["--person-file", "own.csv"]).stdout();
    assert!(said.contains("The person is covered.") && said.contains("[ok] SC23: a live consent"), "{said}");
    assert!(!said.contains("13800000000"), "the file names the person, the account does not");

    let flawed = format!("{EVENTS}\n{}\n{}\n", consent("SC23", "true,3"), consent("SC29", "false,1"));
    case.write("own.csv", &flawed);
    let said = explain(&case, &["--person-file", "own.csv"]).stdout();
    for part in
        ["The person is not covered.", "[no] SC23", "R14 (PIPL 14)", "R-SEP (", "[ok] SC29: a live consent"]
    {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    case.write("own.csv", &both.replacen("+8613800000000", "+8613900000000", 1));
    let two = explain(&case, &["--person-file", "own.csv"]);
    assert_eq!(two.code(), Some(1));
    assert!(
        two.stderr().contains("events of several people") && !two.stderr().contains("1390000"),
        "{}",
        two.stderr()
    );
}
