//! Errors of blind tokens: keys, requests, replies, states, the book and the limit.

use std::fs;

use super::Session;
use crate::blind_request::{exchanged, points, repeated, shorter, signed};

const EVALUATE: [&str; 11] = [
    "token",
    "evaluate",
    "a.request",
    "--study",
    "blind.toml",
    "--key",
    "b.key",
    "--book",
    "b.evaluations",
    "--out",
    "a.reply",
];
const TOKENIZE: [&str; 13] = [
    "tokenize",
    "--study",
    "blind.toml",
    "--dataset",
    "members",
    "members.csv",
    "blind.parquet",
    "--key",
    "a.key",
    "--state",
    "a.state",
    "--reply",
    "a.reply",
];

fn request<'a>(study: &'a str, dataset: &'a str, table: &'a str, key: &'a str) -> Vec<&'a str> {
    let all = ["token", "request", "--study", study, "--dataset", dataset, table, "--key", key];
    [&all[..], &["--out", "a.request", "--state", "a.state"]].concat()
}

impl Session {
    fn done(&self, arguments: &[&str]) {
        let output = self.case.run(arguments);
        assert!(output.status.success(), "{}", crate::command::stderr(&output));
    }

    /// Keys of both platforms, and `blind.toml`, which pins them.
    fn pin_keys(&self) {
        let mut study = fs::read_to_string(self.path("study.toml")).unwrap();
        for (handler, key) in [("social-platform", "a.key"), ("payment-platform", "b.key")] {
            let made = self.case.run(&["key", "new", "--out", key, "--for", "blind-token"]);
            let line = format!("[[handlers]]\nid = \"{handler}\"\n");
            let public = crate::command::stdout(&made);
            study = study.replace(&line, &format!("{line}token_key = \"{}\"\n", public.trim()));
        }
        self.case.write("blind.toml", &format!("{study}\n[tokens]\nmax_ids = 64\npadding = 16\n"));
    }

    /// Runs a command on other bytes of a file, and puts the file back.
    fn with(&mut self, file: &str, bytes: &[u8], arguments: &[&str]) {
        let bytes = bytes.to_vec();
        self.damaged(file, |_| Some(bytes.clone()), arguments);
    }
}

pub(super) fn blind_tokens(session: &mut Session) {
    session.heading("blind tokens");
    session.pin_keys();
    requests(session);
    evaluations(session);
    replies(session);
}

fn requests(session: &mut Session) {
    session.fails(&request("study.toml", "members", "members.csv", "a.key"));
    session.fails(&request("blind.toml", "payments", "payments.csv", "a.key"));
    session.fails(&request("blind.toml", "mebers", "members.csv", "a.key"));
    session.fails(&request("blind.toml", "members", "members.csv", "token.key"));
    session.fails(&request("blind.toml", "members", "members.csv", "nowhere.key"));
    session.done(&["key", "new", "--out", "stranger.key", "--for", "blind-token"]);
    session.fails(&request("blind.toml", "members", "members.csv", "stranger.key"));
    let two = ["--dataset", "consents"];
    session.fails(&[&request("blind.toml", "members", "members.csv", "a.key")[..], &two].concat());
    let ids =
        |count: u32| (0..count).map(|row| format!("{},east\n", crate::command::id(row))).collect::<String>();
    session.case.write("many.csv", &format!("user,region\n{}", ids(65)));
    session.fails(&request("blind.toml", "members", "many.csv", "a.key"));
    assert!(!session.path("a.request").exists() && !session.path("a.state").exists());
    session.case.write("a.request.new", "");
    session.fails(&request("blind.toml", "members", "members.csv", "a.key"));
    fs::remove_file(session.path("a.request.new")).unwrap();
    session.done(&request("blind.toml", "members", "members.csv", "a.key"));
    session.fails(&request("blind.toml", "members", "members.csv", "a.key"));
}

fn evaluations(session: &mut Session) {
    let whole = fs::read(session.path("a.request")).unwrap();
    let key = fs::read_to_string(session.path("a.key")).unwrap();
    let at = points(&whole);
    let mut identity = whole.clone();
    identity[at.start..at.start + 32].fill(0);
    session.with("a.request", &identity, &EVALUATE);
    session.with("a.request", &repeated(&key, whole.clone()), &EVALUATE);
    session.with("a.request", &shorter(&key, whole.clone()), &EVALUATE);
    session.with("a.request", &whole[..whole.len() - 1], &EVALUATE);
    session.with("a.request", &whole[..3], &EVALUATE);
    session.with("a.request", &signed(&key, whole.clone(), |all| all[24..28].fill(0xff)), &EVALUATE);
    let stranger = fs::read_to_string(session.path("stranger.key")).unwrap();
    session.with("a.request", &signed(&stranger, whole.clone(), |_| ()), &EVALUATE);
    session.with("a.request", &signed(&key, whole.clone(), |all| all[at.start - 9] = b'x'), &EVALUATE);
    let later =
        fs::read_to_string(session.path("blind.toml")).unwrap().replace("max_ids = 64", "max_ids = 65");
    session.with("blind.toml", later.as_bytes(), &EVALUATE);
    session.fails(&EVALUATE.map(|argument| if argument == "b.key" { "a.key" } else { argument }));
    session.fails(&EVALUATE.map(|argument| if argument == "a.request" { "nowhere" } else { argument }));
    session
        .fails(&EVALUATE.map(|argument| if argument == "b.evaluations" { "nowhere/book" } else { argument }));
    assert!(!session.path("b.evaluations").exists(), "nothing was counted");

    session.done(&EVALUATE);
    session.fails(&EVALUATE);
    fs::rename(session.path("a.reply"), session.path("kept.reply")).unwrap();
    session.with("a.request", &exchanged(&key, whole), &EVALUATE);
    let cut = |all: Vec<u8>| Some(all[..all.len() - 1].to_vec());
    let flipped = |mut all: Vec<u8>| {
        all[100] ^= 1;
        Some(all)
    };
    session.damaged("b.evaluations", cut, &EVALUATE);
    session.damaged("b.evaluations", flipped, &EVALUATE);
    session.fails(&["token", "book", "b.evaluations", "--key", "a.key"]);
    session.fails(&["token", "book", "nowhere", "--key", "b.key"]);
    // A further session is over the limit.
    for name in ["a.request", "a.state"] {
        fs::rename(session.path(name), session.path(&format!("kept.{name}"))).unwrap();
    }
    session.done(&request("blind.toml", "members", "members.csv", "a.key"));
    session.fails(&EVALUATE);
}

fn replies(session: &mut Session) {
    // The state of the further session, with the reply to the first one.
    fs::rename(session.path("kept.reply"), session.path("a.reply")).unwrap();
    session.fails(&TOKENIZE);
    fs::rename(session.path("kept.a.state"), session.path("a.state")).unwrap();
    let whole = fs::read(session.path("a.reply")).unwrap();
    let mut tagged = whole.clone();
    let first = whole.len() - 64 - 48 * 32;
    tagged.copy_within(first..first + 32, first + 32);
    session.with("a.reply", &tagged, &TOKENIZE);
    session.with("a.reply", &whole[..whole.len() - 1], &TOKENIZE);
    session.with("a.reply", b"", &TOKENIZE);
    session.fails(&TOKENIZE.map(|argument| if argument == "a.key" { "b.key" } else { argument }));
    let flipped = |mut all: Vec<u8>| {
        let middle = all.len() / 2;
        all[middle] ^= 1;
        Some(all)
    };
    session.damaged("a.state", flipped, &TOKENIZE);
    session.damaged("a.state", |all| Some(all[..40].to_vec()), &TOKENIZE);
    session.fails(&TOKENIZE.map(|argument| if argument == "a.reply" { "nowhere" } else { argument }));
    session.fails(&TOKENIZE[..11]);
    session.case.append("members.csv", &format!("{},east\n", crate::command::id(77)));
    session.fails(&TOKENIZE);
    assert!(!session.path("blind.parquet").exists() && !session.path("blind.parquet.new").exists());
}
