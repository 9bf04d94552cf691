//! Promise: the signing key is rotated with the command alone; old and new key verify folder and bundle, and a lost key is
//! said with what still works.

use crate::folder::Folder;
use crate::support;
use crate::support::{CHEAP, FixedClock, RECIPIENT};
use hushtag::operator::{Answer, Keys, Operator, StudySource};

/// A folder with a sandbox, `box`, and the index of an answer.
fn sandbox() -> (Folder, u64) {
    let folder = Folder::with_study();
    let clock = Box::new(FixedClock::default());
    let studies = vec![StudySource::new("study.toml", support::lasting_study())];
    let setup = support::setup("8").with_studies(studies);
    let operator = Operator::init(&folder.path("box"), setup, Keys::InFolder, clock).unwrap();
    let operator = operator.without_response_slot();
    operator.seal(&support::terms("e1"), support::sources(&support::population(20, 1))).unwrap();
    let Answer::Released(answer) = support::analyst(&operator).ask(CHEAP, None).unwrap() else {
        panic!("refused")
    };
    (folder, answer.index)
}

#[test]
fn the_command_rotates_and_both_keys_verify() {
    let (folder, index) = sandbox();
    let prove = |file: &str| {
        let ran = folder.run(&["audit", "prove", "box", "--answer", &index.to_string(), "--out", file]);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    };
    prove("before.json");
    let rotated = folder.run(&["key", "rotate", "box", "--format", "json"]);
    assert_eq!(rotated.code(), Some(0), "{}", rotated.stderr());
    let rotated = rotated.json();
    let [old, new] = ["old", "new"].map(|which| rotated[which].as_str().unwrap().to_owned());
    assert!(old != new && rotated["entry"] == 4);
    prove("after.json");
    for key in [&old, &new] {
        let verified = folder.run(&["audit", "verify", "box", "--key", key]);
        assert_eq!(verified.code(), Some(0), "{}", verified.stderr());
        let said = format!("key rotated once, signed by both keys; checkpoint signed by {new}\n");
        assert!(verified.stdout().contains(&said), "{}", verified.stdout());
        let verified = folder.run(&["audit", "verify", "box", "--key", key, "--format", "json"]).json();
        assert_eq!((&verified["key"], &verified["signed_by"]), (&(*key).clone().into(), &new.clone().into()));
        assert_eq!((&verified["rotations"], &verified["kinds"]["key"]), (&1.into(), &1.into()));
        assert_eq!(folder.run(&["audit", "verify", "after.json", "--key", key]).code(), Some(0));
        let before = folder.run(&["audit", "verify", "before.json", "--key", key]);
        assert_eq!(before.code(), Some(if *key == old { 0 } else { 5 }), "{}", before.stderr());
    }
    let again = folder.run(&["key", "rotate", "box"]);
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    let verified = folder.run(&["audit", "verify", "box", "--key", &old]);
    assert!(verified.stdout().contains("key rotated 2 times, each time signed by both keys;"));
}

/// A root key file with these 64 digits and this mode.
fn root_file(folder: &Folder, name: &str, text: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(folder.path(name), text).unwrap();
    std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_command_changes_the_root_key() {
    let (folder, index) = sandbox();
    root_file(&folder, "old.key", &std::fs::read_to_string(folder.path("box/keys/root.key")).unwrap(), 0o600);
    let ask = |root: &[&str]| {
        let ask = ["ask", "box", "--recipient", RECIPIENT, "--format", "json", CHEAP];
        folder.run(&[root, &ask].concat())
    };
    let answers = |root: &[&str]| {
        let ran = ask(root);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        assert_eq!((&ran.json()["stored"], &ran.json()["audit"]["index"]), (&true.into(), &index.into()));
    };
    let changed = folder.run(&["key", "rotate-root", "box", "--format", "json"]);
    assert_eq!(changed.code(), Some(0), "{}", changed.stderr());
    assert_eq!((&changed.json()["number"], &changed.json()["entry"]), (&1.into(), &(index + 1).into()));
    answers(&[]);
    let wrong = ask(&["--root-key", "old.key"]);
    assert_eq!(wrong.code(), Some(5), "{}", wrong.stderr());
    for said in
        ["error: the key `keys/sandbox.key` does not open under this root key", "fix: give the root key"]
    {
        assert!(wrong.stderr().contains(said), "{}", wrong.stderr());
    }
    // A root key outside the folder is changed for one outside.
    root_file(&folder, "new.key", &"3c".repeat(32), 0o600);
    let changed = folder.run(&["key", "rotate-root", "box", "--new-root-key", "new.key"]);
    assert_eq!(changed.code(), Some(0), "{}", changed.stderr());
    assert!(!folder.path("box/keys/root.key").exists());
    assert_eq!(ask(&[]).code(), Some(1), "no root key is in the folder");
    answers(&["--root-key", "new.key"]);
    let missing = folder.run(&["--root-key", "new.key", "key", "rotate-root", "box"]);
    assert_eq!(missing.code(), Some(2), "{}", missing.stderr());
    assert!(missing.stderr().contains("fix: give --new-root-key FILE"), "{}", missing.stderr());
    let verified = folder.run(&["--root-key", "new.key", "audit", "verify", "box"]);
    assert!(verified.stdout().contains("root key changed 2 times"), "{}", verified.stdout());
    let shown = folder.run(&["audit", "show", "box", "--kind", "key"]).stdout();
    assert_eq!(shown.lines().count(), 2);
    assert!(shown.lines().all(|line| line.contains("root key changed, number ")), "{shown}");
}

#[test]
fn a_new_root_key_that_is_none_is_refused_and_nothing_changes() {
    let (folder, index) = sandbox();
    root_file(&folder, "loose.key", &"3c".repeat(32), 0o644);
    root_file(&folder, "short.key", &"3c".repeat(31), 0o600);
    std::fs::create_dir(folder.path("directory.key")).unwrap();
    let own = std::fs::read_to_string(folder.path("box/keys/root.key")).unwrap();
    root_file(&folder, "own.key", &own, 0o600);
    for (file, code, said, next) in [
        ("loose.key", 1, "has mode 644", "run chmod 600"),
        ("short.key", 1, "is not a key: it should be 32 bytes, or 64", "give the whole file"),
        ("directory.key", 1, "not a file", "name the file of a key"),
        ("absent.key", 1, "cannot use the key file", "check the path"),
        ("own.key", 2, "in force already", "fix:"),
    ] {
        let ran = folder.run(&["key", "rotate-root", "box", "--new-root-key", file]);
        let text = ran.stderr();
        assert_eq!(ran.code(), Some(code), "{file}: {text}");
        assert!(text.starts_with("error: ") && text.contains(said) && text.contains(next), "{file}: {text}");
        assert_eq!(std::fs::read_to_string(folder.path("box/keys/root.key")).unwrap(), own, "{file}");
    }
    // A key file of the folder that is a directory: what to do is not chmod.
    std::fs::rename(folder.path("box/keys/root.key"), folder.path("aside")).unwrap();
    std::fs::create_dir(folder.path("box/keys/root.key")).unwrap();
    let ran = folder.run(&["key", "rotate-root", "box"]);
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
    assert!(
        !ran.stderr().contains("chmod") && ran.stderr().contains("correct what is at that place"),
        "{}",
        ran.stderr()
    );
    std::fs::remove_dir(folder.path("box/keys/root.key")).unwrap();
    std::fs::rename(folder.path("aside"), folder.path("box/keys/root.key")).unwrap();
    let shown = folder.run(&["audit", "show", "box", "--kind", "key"]).stdout();
    assert_eq!((shown.trim(), index), ("", index));
}

#[test]
fn a_lost_signing_key_is_said_and_reading_goes_on() {
    let (folder, _) = sandbox();
    std::fs::remove_file(folder.path("box/keys/sign.key")).unwrap();
    let ask = ["ask", "box", "--recipient", RECIPIENT];
    for arguments in [&["key", "rotate", "box"][..], &[ask[0], ask[1], ask[2], ask[3], CHEAP]] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
        for said in ["`keys/sign.key`, is missing", "still work", "fix: restore keys/sign.key"] {
            assert!(ran.stderr().contains(said), "{}", ran.stderr());
        }
    }
    let forecast = [ask[0], ask[1], ask[2], ask[3], "--forecast", CHEAP];
    for arguments in [
        &["status", "box"][..],
        &["budget", "box"],
        &["vocabulary", "box", "--recipient", RECIPIENT],
        &forecast,
        &["audit", "show", "box"],
        &["audit", "verify", "box"],
    ] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code(), Some(0), "{arguments:?}: {}", ran.stderr());
    }
}
