//! Promise: every command of the book's tutorial runs as it stands there, in its order.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const TUTORIAL: &str = include_str!("../docs/src/tutorial.md");

/// The commands of all blocks, each on one line.
fn commands() -> Vec<String> {
    let blocks = TUTORIAL.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn every_command_of_the_tutorial_runs() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hushtag"), bin.join("hushtag")).unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    std::os::unix::fs::symlink(examples, folder.path().join("examples")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    // What the reader copies from an output, by how the tutorial abbreviates it.
    let mut copied: BTreeMap<String, String> = BTreeMap::new();
    let commands = commands();
    assert!(commands.len() > 20, "{} commands", commands.len());
    for command in commands {
        let mut typed = command.replace("demo --study", "demo --people 2000 --study");
        for (short, whole) in &copied {
            typed = typed.replace(short, whole);
        }
        let ran = Command::new("sh")
            .args(["-c", &typed])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env_remove("HUSHTAG_ROOT_KEY")
            .output()
            .unwrap();
        let (out, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "`{typed}`: {said}");
        if command.contains("key new --out ") {
            let name = command.split("--out ").nth(1).unwrap().split('.').next().unwrap();
            copied.insert(format!("{name}+..."), out.trim().to_owned());
        }
        if let Some(key) = out.lines().find_map(|line| line.strip_prefix("log key "))
            && command.contains("init box ")
        {
            copied.insert("hushtag/...".to_owned(), key.to_owned());
        }
    }
    assert_eq!(copied.len(), 3, "{copied:?}");
}
