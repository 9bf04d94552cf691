//! Promise: completions and man pages hold every command that there is, and the shell takes them.

use std::process::Command;

use crate::command::{Case, stderr, stdout};

/// Every command with those above it, from the help texts.
fn commands(case: &Case) -> Vec<Vec<String>> {
    let (mut all, mut left) = (Vec::new(), vec![Vec::<String>::new()]);
    while let Some(path) = left.pop() {
        let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = stdout(&case.run(&arguments));
        let listed = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
        let listed = listed.split("\n\n").next().unwrap_or_default().lines();
        // A text that goes on in the next line stands further right.
        let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        for name in named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
            left.push([path.clone(), vec![name.to_owned()]].concat());
        }
        if !path.is_empty() {
            all.push(path);
        }
    }
    assert!(all.len() > 35, "{all:?}");
    all
}

#[test]
fn completions_hold_every_command() {
    let case = Case::new(1);
    let commands = commands(&case);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let made = case.run(&["completions", shell]);
        let script = stdout(&made);
        assert!(made.status.success() && made.stderr.is_empty(), "{shell}: {}", stderr(&made));
        for path in &commands {
            let name = path.last().unwrap();
            let is_word = |c: char| !c.is_alphanumeric() && c != '-';
            assert!(script.split(is_word).any(|word| word == name), "{shell}: {path:?} is missing");
        }
        case.write(shell, &script);
    }
    let unknown = case.run(&["completions", "cmd"]);
    assert_eq!((unknown.status.code(), stdout(&unknown).as_str()), (Some(2), ""));
    if Command::new("bash").arg("--version").output().is_err() {
        println!("skipped: there is no bash here");
        return;
    }
    let bash = |script: &str| {
        let ran = Command::new("bash").arg("-c").arg(script).current_dir(case.path("")).output().unwrap();
        assert!(ran.status.success(), "{}", stderr(&ran));
        stdout(&ran)
    };
    bash("bash -n bash");
    // What the shell offers after each command that has others below it is what there is.
    for path in commands.iter().map(|path| &path[..path.len() - 1]) {
        let typed = path.join(" ");
        let offered = bash(&format!(
            "source ./bash; COMP_WORDS=(hushtag {typed} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _hushtag hushtag '' \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        ));
        let below = commands.iter().filter(|one| one.len() == path.len() + 1 && one.starts_with(path));
        for one in below {
            let name = one.last().unwrap();
            assert!(
                offered.split_whitespace().any(|word| word == name),
                "`{typed}`: {name} is not in {offered}"
            );
        }
    }
}

#[test]
fn every_command_has_a_man_page() {
    let case = Case::new(1);
    let commands = commands(&case);
    for _ in ["made", "replaced"] {
        let made = case.run(&["man", "--out", "pages"]);
        assert!(made.status.success(), "{}", stderr(&made));
    }
    let mut pages: Vec<String> =
        commands.iter().map(|path| format!("hushtag-{}.1", path.join("-"))).collect();
    pages.push("hushtag.1".to_owned());
    pages.sort();
    let there = Case::files(&case.path("pages"));
    let names: Vec<_> =
        there.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, pages);
    for ((_, page), name) in there.iter().zip(&names) {
        let page = std::str::from_utf8(page).unwrap();
        for heading in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS"] {
            assert!(page.contains(heading), "{name} has no {heading}");
        }
    }
    case.write("file", "");
    let refused = case.run(&["man", "--out", "file"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).starts_with("error: ") && stderr(&refused).contains("fix: "),
        "{}",
        stderr(&refused)
    );
    if Command::new("groff").arg("--version").output().is_err() {
        println!("skipped: there is no groff here");
        return;
    }
    for page in pages {
        let ran = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", &page])
            .current_dir(case.path("pages"))
            .output()
            .unwrap();
        assert!(ran.status.success() && ran.stderr.is_empty(), "{page}: {}", stderr(&ran));
    }
}
