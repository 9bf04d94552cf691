//! Promise: the signing key is rotated with the command alone; old and new key verify folder and bundle, and a lost key is
//! said with what still works.
#![cfg(test)]

pub mod folder;
pub mod support;

use folder::Folder;
use hushtag::operator::{Answer, Keys, Operator, Setup, StudySource};
use support::{CHEAP, FixedClock, RECIPIENT};

/// A folder with a sandbox, `box`, and the index of an answer.
fn sandbox() -> (Folder, u64) {
    let folder = Folder::with_study();
    let clock = Box::new(FixedClock::default());
    let studies = vec![StudySource::new("study.toml", support::lasting_study())];
    let setup = Setup { studies, ..support::setup("8") };
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
    assert!(old != new && rotated["entry"] == 3);
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

#[test]
fn a_lost_signing_key_is_said_and_reading_goes_on() {
    let (folder, _) = sandbox();
    std::fs::remove_file(folder.path("box/keys/sign.key")).unwrap();
    let ask = ["ask", "box", "--recipient", RECIPIENT];
    for arguments in [&["key", "rotate", "box"][..], &[ask[0], ask[1], ask[2], ask[3], CHEAP]] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code(), Some(5), "{}", ran.stderr());
        for said in ["`keys/sign.key`, is missing", "still work", "next: restore keys/sign.key"] {
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
