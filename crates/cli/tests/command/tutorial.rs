//! Promise: every command of the README, of the book's tutorial and of its page on inputs runs as it is written there, in its order.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The commands of all blocks, each on one line.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// An empty folder beside the files of the project, with `hushtag` on the path.
struct Reader {
    folder: tempfile::TempDir,
    /// What is copied from an output, by how the text abbreviates it.
    copied: BTreeMap<String, String>,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        let link = |target: &Path, name: &str| {
            std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
        };
        link(Path::new(env!("CARGO_BIN_EXE_hushtag")), "bin/hushtag");
        ["examples", "policies"].iter().for_each(|name| link(&Path::new(ROOT).join(name), name));
        Self { folder, copied: BTreeMap::new() }
    }

    /// Runs a command and returns what it printed.
    fn run(&mut self, command: &str) -> String {
        let mut line = command.replace("demo --study", "demo --people 2000 --study");
        for (short, whole) in &self.copied {
            line = line.replace(short, whole);
        }
        let bin = self.folder.path().join("bin");
        let ran = Command::new("sh")
            .args(["-c", &line])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
            .env_remove("HUSHTAG_ROOT_KEY")
            .output()
            .unwrap();
        let (out, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "`{line}`: {errors}");
        if command.contains("key new --out ") {
            let name = command.split("--out ").nth(1).unwrap().split('.').next().unwrap();
            self.copied.insert(format!("{name}+..."), out.trim().to_owned());
        }
        if let Some(key) = out.lines().find_map(|line| line.strip_prefix("log key "))
            && command.contains("init box ")
        {
            self.copied.insert("hushtag/...".to_owned(), key.to_owned());
        }
        out.into_owned()
    }
}

#[test]
fn every_command_of_the_tutorial_runs() {
    let mut reader = Reader::new();
    let commands = commands(include_str!("../../../../docs/src/tutorial.md"));
    assert!(commands.len() > 20, "{} commands", commands.len());
    for command in commands {
        reader.run(&command);
    }
    assert_eq!(reader.copied.len(), 3, "{:?}", reader.copied);
}

/// Local times, a plain log in JSON, and whole numbers beside text as ids: all who consented are in, and their orders match.
#[test]
fn own_files_are_read_as_they_are() {
    let text = include_str!("../../../../docs/src/tutorial.md");
    let section =
        text.split("\n## Your own files as they are\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut reader = Reader::new();
    for command in commands(section) {
        let asked = command.contains(" ask ");
        let out = reader.run(&if asked { format!("{command} --format json") } else { command.clone() });
        if command.contains("consent check") {
            // Every tenth of 3,000 was never asked; every hundredth withdrew at 07:30 in Beijing, half an hour before as-of.
            assert!(out.contains("2670 of 2700 people would be included"), "{out}");
            assert!(out.contains("30 excluded: withdrawn"), "{out}");
        }
        if command.contains("policy explain") {
            assert!(out.contains("UI-REVIEW-2026-08"), "{out}");
        }
        if asked {
            let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
            let people = |tier: &str| {
                let rows = answer["rows"].as_array().unwrap().iter();
                let mut rows = rows.filter(|row| row["group"]["buyer"] == tier);
                rows.next().map_or(0, |row| row["people"]["estimate"].as_i64().unwrap())
            };
            // Seven of eight people bought something in September; where ids do not meet no one did.
            assert!(people("some") + people("much") > 1_500, "{answer}");
        }
    }
}

/// The commands of a README, in English and in Chinese, on the made-up CSV files of the project.
#[test]
fn every_command_of_a_readme_runs() {
    for (name, text) in [
        ("README.md", include_str!("../../../../README.md")),
        ("README.zh-CN.md", include_str!("../../../../README.zh-CN.md")),
    ] {
        let mut reader = Reader::new();
        let commands = commands(text);
        assert!(commands.len() >= 6, "{name}: {} commands", commands.len());
        for command in commands {
            let out = reader.run(&command);
            if command.contains(" ask ") && !command.contains("--forecast") {
                assert!(["none", "some", "much"].iter().all(|label| out.contains(label)), "{name}: {out}");
            }
        }
    }
}

/// The rows that the page on inputs shows are good rows of the study that it names, and its commands run.
#[test]
fn the_rows_and_commands_of_the_page_on_inputs_are_good() {
    let text = include_str!("../../../../docs/src/inputs.md");
    let rows = text.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let mut reader = Reader::new();
    let mut file = String::new();
    for line in rows.lines() {
        let (start, cells) = line.split_at(line.find(|letter: char| letter.is_whitespace()).unwrap());
        file = if start.is_empty() { file } else { start.to_owned() };
        let path = reader.folder.path().join(&file);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, format!("{before}{}\n", cells.trim())).unwrap();
    }
    let commands = commands(text);
    assert!(commands.len() > 7, "{} commands", commands.len());
    for command in commands {
        let out = reader.run(&command);
        if command.contains(" seal ") {
            // Each file has one row of each kind, all good, and two consents.
            assert_eq!(out.matches("  1  ").count(), 6, "{out}");
        }
        if command.contains("consent check") {
            assert!(out.contains("1 of 1 people would be in"), "{out}");
        }
    }
    let explain = "hushtag policy explain --study study.toml --recipient brand-insights --as-of 2026-10-01 \
                   --person-file consents.csv";
    assert!(reader.run(explain).contains("The person is covered."));
}
