//! Promise: on a terminal long work says how far it is and how fast it was; in a pipe, and with `--quiet`, it does not.

use std::process::{Command, Stdio};

use crate::command::{Case, stderr, stdout};

/// What a command shows on a terminal, if there is a program here that makes one.
fn on_a_terminal(case: &Case, arguments: &str) -> Option<String> {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_hushtag"));
    let ran = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(case.path(""))
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(ran.status.success(), "{arguments}: {}{}", stdout(&ran), stderr(&ran));
    Some(stdout(&ran))
}

#[test]
fn progress_is_for_terminals_alone() {
    let case = Case::new(40);
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    for (arguments, what) in
        [("audit verify box", "2 entries in"), ("consent import box consents.csv", "80 events in")]
    {
        let piped = case.run(&arguments.split(' ').collect::<Vec<_>>());
        assert!(piped.status.success(), "{}", stderr(&piped));
        assert!(
            !stderr(&piped).contains(" in 0.") && !stderr(&piped).contains("a second"),
            "{}",
            stderr(&piped)
        );
        let Some(shown) = on_a_terminal(&case, arguments) else {
            println!("skipped: there is no `script` here");
            return;
        };
        assert!(shown.contains(what) && shown.contains("a second"), "{arguments}: {shown}");
        let quiet = on_a_terminal(&case, &format!("{arguments} --quiet")).unwrap();
        assert!(!quiet.contains("a second"), "{arguments}: {quiet}");
    }
}
