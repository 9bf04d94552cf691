//! Promise: every error says what is wrong, where and why, and its last lines what to do next; none tells a value of a row. The
//! whole set stands in `crates/cli/tests/command/errors.txt`, word for word; `cargo test -p hushtag-cli --test command errors:: -- --ignored` writes it anew.

mod blind_tokens;

use crate::command;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

use crate::command::{Case, study};

/// A folder in which commands fail, and what they said.
struct Session {
    case: Case,
    text: String,
    count: usize,
}

impl Session {
    /// A sandbox `box` with a sealed epoch and an answer, and the files that it was made from.
    fn new() -> Self {
        let case = Case::new(40);
        assert!(case.init("4").status.success() && case.seal("e1").status.success());
        assert!(case.ask("SELECT COUNT(*) FROM tags").status.success());
        Self { case, text: String::new(), count: 0 }
    }

    fn heading(&mut self, heading: &str) {
        self.text.push_str(&format!("== {heading}\n\n"));
    }

    /// Runs a command that has to fail, and keeps what it says.
    fn fails(&mut self, arguments: &[&str]) -> &mut Self {
        let output = self.case.run(arguments);
        self.keep(arguments, &output);
        self
    }

    fn keep(&mut self, arguments: &[&str], output: &Output) {
        let said = command::stderr(output);
        let code = output.status.code().unwrap();
        let shown: Vec<String> = arguments
            .iter()
            .map(|one| if one.contains([' ', '*']) { format!("'{one}'") } else { (*one).to_owned() })
            .collect();
        let command = format!("$ hushtag {}", shown.join(" "));
        assert!(code != 0, "{command} is no failure: {}", command::stdout(output));
        assert!(said.starts_with("error: "), "{command}: {said}");
        let next = ["\n  fix: ", "\n    fix: ", "\nFor more information, try '--help'."];
        assert!(next.iter().any(|next| said.contains(next)), "{command} does not say what next: {said}");
        assert!(!said.contains("1380000") && !said.contains("98765"), "{command} tells a value: {said}");
        let said = said.replace(self.case.path("").to_str().unwrap().trim_end_matches('/'), "DIR");
        self.text.push_str(&format!("{command}\n[{code}] {}\n\n", said.trim_end()));
        self.count += 1;
    }

    /// Runs `init` on the study with a piece of it replaced.
    fn init_with(&mut self, name: &str, old: &str, new: &str) {
        let text = study();
        assert!(text.contains(old), "the study has no `{old}`");
        self.case.write(name, &text.replacen(old, new, 1));
        self.fails(&["init", "b", "--study", name, "--epsilon", "1", "--approval", "none"]);
        assert!(!self.case.path("b").exists(), "{name}: the folder is as before");
    }

    /// Runs `seal` with one of the files replaced.
    fn seal_with(&mut self, replaced: &str, file: &str) {
        let files = ["follows=follows.csv", "payments=payments.csv", "members=members.csv"];
        let files = files.map(|one| if one.starts_with(replaced) { file } else { one });
        let mut arguments = vec!["seal", "box", "--epoch", "e2", "--as-of", "2026-10-01"];
        arguments.extend(files.iter().flat_map(|file| ["--data", file]));
        self.fails(&[&arguments[..], &["--consents", "consents.csv"]].concat());
    }

    fn ask(&mut self, question: &str) {
        self.fails(&["ask", "box", "--recipient", "brand-insights", question]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.case.path(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs a command on a sandbox of which one file was changed by `change`, and puts the file back.
    fn damaged(&mut self, file: &str, change: impl Fn(Vec<u8>) -> Option<Vec<u8>>, arguments: &[&str]) {
        let (path, good) = (self.path(file), std::fs::read(self.path(file)).unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions();
        match change(good.clone()) {
            Some(bad) => std::fs::write(&path, bad).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        self.fails(arguments);
        std::fs::write(&path, good).unwrap();
        std::fs::set_permissions(&path, mode).unwrap();
    }
}

fn studies(session: &mut Session) {
    session.heading("study files");
    session.init_with("1.toml", "max_reach = 6", "max_raech = 6");
    session.init_with("2.toml", "action = \"provide\"", "action = \"provid\"");
    session.init_with("3.toml", "owner = \"payer\"", "");
    session.init_with("4.toml", "retention = \"90d\"", "retention = \"3 months\"");
    session.init_with("5.toml", "handler = \"social-platform\"", "handler = \"social-plattform\"");
    session.init_with("6.toml", "clamp = [0, 500_000]", "clamp = [5, 0]");
    session.init_with("7.toml", "measure = \"spend\"", "measure = \"spent\"");
    session.init_with("8.toml", "low = 1, mid = 50_000", "low = 1, mid = 1");
    session.init_with("9.toml", "[tags.region]", "[tags.region");
    session.init_with("10.toml", "regime = \"cn-pipl\"", "regime = \"cn-pilp\"");
    session.init_with("11.toml", "regime = \"cn-pipl\"", "regime = \"../law.toml\"");
    session.init_with(
        "12.toml",
        "\"COUNT(*) WHERE spend_tier <> 'none'\"",
        "\"COUNT(*) WHERE spend_teir <> 'none'\"",
    );
    session.init_with("13.toml", "default_error = 150", "default_error = 0");
    std::fs::write(session.path("14.toml"), [0xff, 0xfe]).unwrap();
    session.fails(&["init", "b", "--study", "14.toml", "--epsilon", "1", "--approval", "none"]);
    session.fails(&["init", "b", "--study", "nowhere.toml", "--epsilon", "1", "--approval", "none"]);
}

fn inits(session: &mut Session) {
    session.heading("init");
    let init = ["init", "b", "--study", "study.toml"];
    let with = |more: &[&'static str]| [&init[..], more].concat();
    session.fails(&init);
    session.fails(&with(&["--epsilon", "0", "--approval", "none"]));
    session.fails(&with(&["--epsilon", "many"]));
    session.fails(&with(&["--epsilon", "1"]));
    session.fails(&with(&["--epsilon", "1", "--handler", "social-platform"]));
    session.fails(&with(&["--epsilon", "1", "--approval", "none", "--handler", "social-platform=key"]));
    session.fails(&with(&["--epsilon", "1", "--approval", "none", "--anchor", "b/anchor"]));
    session.fails(&with(&["--epsilon", "1", "--approval", "none", "--auditor", "x25519:12"]));
    session.fails(&with(&["--epsilon", "1", "--approval", "none", "--study", "study.toml"]));
    session.fails(&["init", "box", "--study", "study.toml", "--epsilon", "1", "--approval", "none"]);
    session.fails(&["init", "study.toml/b", "--study", "study.toml", "--epsilon", "1", "--approval", "none"]);
    assert!(!session.path("b").exists());
}

fn seals(session: &mut Session) {
    session.heading("seal");
    let seal = ["seal", "box", "--epoch", "e2", "--as-of", "2026-10-01"];
    session.fails(&[&seal[..], &["--data", "follows=follows.csv", "--consents", "consents.csv"]].concat());
    session.seal_with("members", "people=members.csv");
    session.seal_with("members", "members=nowhere.csv");
    session.seal_with("members", "members=study.toml");
    session.seal_with("members", "members=2026/*.csv");
    session.seal_with("members", "members.csv");
    let payments = std::fs::read_to_string(session.path("payments.csv")).unwrap();
    for (name, bad) in [
        ("column.csv", payments.replacen("amount", "amuont", 1)),
        ("twice.csv", payments.replacen("merchant", "amount", 1)),
        ("negative.csv", format!("{payments}13800000001,-98765,2026-09-01T00:00:00Z,m\n")),
        ("no-owner.csv", format!("{payments},98765,2026-09-01T00:00:00Z,m\n")),
        ("time.csv", format!("{payments}13800000001,98765,yesterday,m\n")),
        ("cut.parquet", payments.clone()),
    ] {
        session.case.write(name, &bad);
        session.seal_with("payments", &format!("payments={name}"));
    }
    let phones = |row: u32| format!("{},1{:010}\n", command::id(row), 3_500_000_000_u64 + u64::from(row));
    session.case.write("phones.csv", &format!("user,region\n{}", (0..40).map(phones).collect::<String>()));
    session.seal_with("members", "members=phones.csv");
    let consents = std::fs::read_to_string(session.path("consents.csv")).unwrap();
    session.case.write("no-person.csv", &format!("{consents},a,withdrawn{}\n", ",".repeat(16)));
    let data = ["follows=follows.csv", "payments=payments.csv", "members=members.csv"];
    let data: Vec<&str> = data.iter().flat_map(|file| ["--data", file]).collect();
    session.fails(&[&seal[..], &data, &["--consents", "no-person.csv", "--max-bad-rows", "100"]].concat());
    let parts: [(&str, &[u8]); 8] = [
        ("spark/_SUCCESS", b""),
        ("hive/city=x/a.csv", b"user,region\n"),
        ("hive/b.csv", b"user,region\n"),
        ("inner/old/a.csv", b"user,region\n"),
        ("busy/_temporary/a.csv", b"user,region\n"),
        ("delta/_delta_log/0.json", b""),
        ("orc.csv", b"ORC"),
        ("semicolons.csv", b"List of August\nuser;region\n"),
    ];
    for (name, text) in parts {
        let path = session.case.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for name in ["spark", "hive", "inner", "busy", "delta", "orc.csv", "semicolons.csv", "follows.csv/"] {
        session.seal_with("members", &format!("members={name}"));
    }
    let twice = ["--data", "members=members.csv", "--data", "members=./members.csv"];
    let others =
        ["--data", "follows=follows.csv", "--data", "payments=payments.csv", "--consents", "consents.csv"];
    session
        .fails(&[&["seal", "box", "--epoch", "e2", "--as-of", "2026-10-01"], &twice[..], &others].concat());
    let stdin = ["--data", "members=-", "--data", "follows=-", "--consents", "consents.csv"];
    session.fails(&[&["seal", "box", "--epoch", "e2", "--as-of", "2026-10-01"], &stdin[..]].concat());
    for (option, value) in
        [("--as-of", "2100-01-01"), ("--as-of", "October"), ("--epoch", "Q3"), ("--epoch", "e1")]
    {
        let (epoch, as_of) = if option == "--epoch" { (value, "2026-10-01") } else { ("e2", value) };
        let data = ["follows=follows.csv", "payments=payments.csv", "members=members.csv"];
        let mut all = vec!["seal", "box", "--epoch", epoch, "--as-of", as_of, "--consents", "consents.csv"];
        all.extend(data.iter().flat_map(|file| ["--data", file]));
        session.fails(&all);
    }
    session.case.write("sale.toml", &study().replace("campaign-measurement", "sale"));
    let made = ["init", "sold", "--study", "sale.toml", "--epsilon", "1", "--approval", "none"];
    assert!(session.case.run(&made).status.success());
    let sold = session.case.seal_in("sold", "e1", "text");
    session.keep(&["seal", "sold", "--epoch", "e1", "..."], &sold);
}

fn questions(session: &mut Session) {
    session.heading("questions");
    for question in [
        "SELECT spend_teir, COUNT(*) FROM tags GROUP BY spend_teir",
        "SELECT COUNT(*) FROM tags WHERE region = 'esat'",
        "SELECT person FROM tags",
        "SELECT COUNT(*) FROM tags JOIN payments",
        "SELECT COUNT(*) FROM (SELECT * FROM tags)",
        "SELECT spend FROM tags",
        "SELECT COUNT(*) FROM tags; DROP TABLE tags",
        "SELECT COUNT(*) FROM tags WITH (eror = 5)",
        "SELECT COUNT(*) + 1 FROM tags",
        "SELECT COUNT(*) FROM",
        "SELECT audience_spend, following, COUNT(*) FROM tags GROUP BY audience_spend, following",
        "SELECT MEDIAN(orders) FROM tags",
        "SELECT COUNT(*) FROM tags WITH (error = 1)",
    ] {
        session.ask(question);
    }
    let count = "SELECT COUNT(*) FROM tags";
    session.fails(&["ask", "box", "--recipient", "stranger", count]);
    session.fails(&["ask", "box", "--recipient", "brand-insights", "--epoch", "e9", count]);
    session.fails(&["ask", "box", "--recipient", "brand-insights", "--study", "other", count]);
    session.fails(&["ask", "nowhere", "--recipient", "brand-insights", count]);
    session.fails(&["ask", "sold", "--recipient", "brand-insights", count]);
    session.fails(&["ask", "box", "--recipient", "brand-insights", "--plot", "study.toml", count]);
    session.fails(&["metrics", "box", "--recipient", "brand-insights", "--format", "csv"]);
    session.fails(&["status", "box", "--format", "sarif"]);
    session.fails(&["status", "study.toml"]);
    session.fails(&["frobnicate"]);
}

fn keys(session: &mut Session) {
    session.heading("keys");
    for purpose in ["sign", "auditor", "token"] {
        let made = session.case.run(&["key", "new", "--out", &format!("{purpose}.key"), "--for", purpose]);
        assert!(made.status.success());
    }
    session.fails(&["key", "new", "--out", "sign.key"]);
    session.fails(&["key", "new", "--out", "nowhere/a.key"]);
    session.fails(&["key", "new", "--out", "other.key", "--for", "token", "--name", "us"]);
    session.fails(&["key", "new", "--out", "other.key", "--name", "a b"]);
    session.fails(&["status", "box", "--root-key", "nowhere.key"]);
    session.fails(&["status", "box", "--root-key", "box"]);
    session.mode("sign.key", 0o644);
    session.fails(&["status", "box", "--root-key", "sign.key"]);
    session.fails(&["policy", "sign", "--study", "study.toml", "--key", "sign.key"]);
    session.mode("sign.key", 0o600);
    session.fails(&["status", "box", "--root-key", "sign.key"]);
    session.case.write("other.root", &"ab".repeat(32));
    session.mode("other.root", 0o600);
    session.fails(&["status", "box", "--root-key", "other.root"]);
    session.fails(&["policy", "sign", "--study", "study.toml", "--key", "auditor.key"]);
    session.fails(&["policy", "sign", "--study", "study.toml", "--key", "nowhere.key"]);
    session.fails(&["policy", "sign", "--study", "sale.toml", "--key", "sign.key"]);
    session.fails(&["inspect", "box", "--epoch", "e1", "--key", "auditor.key"]);
    session.fails(&["inspect", "box", "--epoch", "e1", "--key", "token.key"]);
    session.damaged("box/keys/root.key", |_| None, &["status", "box"]);
    session.damaged("box/keys/root.key", |_| Some(b"short\n".to_vec()), &["status", "box"]);
    session.damaged("box/keys/sign.key", |_| None, &["retire", "box", "--epoch", "e1"]);
    session.damaged("box/keys/sandbox.key", |_| None, &["status", "box"]);
    session.damaged("box/keys/sandbox.key", |_| Some(b"short\n".to_vec()), &["status", "box"]);
    let rotate = |new| ["key", "rotate-root", "box", "--new-root-key", new];
    session.mode("other.root", 0o640);
    session.fails(&rotate("other.root"));
    session.mode("other.root", 0o600);
    session.fails(&rotate("box"));
    session.fails(&rotate("token.key"));
    session.fails(&rotate("box/keys/root.key"));
    session.fails(&["--root-key", "box/keys/root.key", "key", "rotate-root", "box"]);
}

fn consents(session: &mut Session) {
    session.heading("consents and persons");
    session.fails(&["consent", "record", "box"]);
    session.case.write("event.json", "{\"person\": 1}");
    session.fails(&["consent", "record", "box", "--file", "event.json"]);
    session.case.write("id.txt", "");
    session.fails(&["consent", "withdraw", "box", "--id-file", "id.txt"]);
    session.case.write("person.txt", "13800000001\n");
    let withdraw = ["consent", "withdraw", "box", "--id-file", "person.txt"];
    for (option, text) in [
        ("--recipient", "brand-insight"),
        ("--purpose", "campaign-mesurement"),
        ("--trigger", "SC99"),
        ("--ids", "fone"),
        ("--at", "2099-01-01T00:00:00Z"),
        ("--at", "2026-09-01 10:00"),
    ] {
        session.fails(&[&withdraw[..], &[option, text]].concat());
    }
    session.case.write("person.txt", "\"13800000001\"\n");
    session.fails(&withdraw);
    session.fails(&["consent", "status", "box", "--id-file", "nowhere.txt"]);
    session.fails(&["person", "box", "--id-file", "nowhere.txt"]);
    session.fails(&["consent", "import", "box", "nowhere.csv"]);
    session.fails(&["consent", "import", "box", "payments.csv"]);
    session.case.write(
        "events.csv",
        "person,handler,event,trigger,purpose,recipient,at\n,a,given,SC23,p,r,2026-09-01T00:00:00Z\n",
    );
    session.fails(&["consent", "import", "box", "events.csv"]);
    session.fails(&["consent", "export", "box", "--out", "study.toml"]);
    session.fails(&["consent", "verify-receipt", "study.toml", "--key", "vkey"]);
}

fn tables(session: &mut Session) {
    session.heading("tokenize");
    let tokenize = |dataset: &'static str, table: &'static str, out: &'static str, key: &'static str| {
        ["tokenize", "--study", "study.toml", "--dataset", dataset, table, out, "--key", key]
    };
    session.fails(&tokenize("payments", "payments.csv", "out.csv", "token.key"));
    session.fails(&tokenize("paymants", "payments.csv", "out.parquet", "token.key"));
    session.fails(&tokenize("payments", "payments.csv", "out.parquet", "sign.key"));
    session.fails(&tokenize("payments", "members.csv", "out.parquet", "token.key"));
    session.case.write("there.parquet", "");
    session.fails(&tokenize("payments", "payments.csv", "there.parquet", "token.key"));
    session.fails(&tokenize("payments", "payments.csv", "out.parquet", "nowhere.key"));
    assert!(!session.path("out.parquet").exists());
}

fn policies(session: &mut Session) {
    session.heading("policies");
    session.fails(&["policy", "check", "nowhere.toml"]);
    std::fs::create_dir(session.path("empty")).unwrap();
    session.fails(&["policy", "check", "empty"]);
    session.fails(&["policy", "test", "empty"]);
    session.fails(&["policy", "new", "study.toml"]);
    session.fails(&["policy", "schema", "studdy"]);
    session.fails(&["policy", "explain", "--study", "study.toml", "--recipient", "stranger"]);
    session.fails(&["policy", "diff", "study.toml", "nowhere.toml"]);
    session.fails(&["adopt", "box", "--study", "1.toml"]);
}

fn evidence(session: &mut Session) {
    session.heading("evidence and damage");
    session.fails(&["audit", "prove", "box", "--answer", "1", "--out", "answer.json"]);
    session.fails(&["audit", "prove", "box", "--answer", "99", "--out", "answer.json"]);
    assert!(
        session
            .case
            .run(&["audit", "prove", "box", "--answer", "2", "--out", "answer.json"])
            .status
            .success()
    );
    session.fails(&["audit", "prove", "box", "--answer", "2", "--out", "answer.json"]);
    session.fails(&["audit", "verify", "answer.json"]);
    session.fails(&["audit", "verify", "box", "--key", "vkey"]);
    session.fails(&["audit", "verify", "study.toml", "--key", "vkey"]);
    session.fails(&["audit", "show", "nowhere"]);
    let flipped = |all: Vec<u8>| {
        let middle = all.len() / 2;
        Some(all.into_iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == middle)).collect())
    };
    session.damaged("box/log/checkpoint", flipped, &["audit", "verify", "box"]);
    session.damaged("box/log/checkpoint", |_| None, &["status", "box"]);
    session.damaged("box/ledger.redb", |_| None, &["audit", "verify", "box"]);
    let cube = "box/epochs/e1/demo.brand-insights.cube";
    let ask = ["ask", "box", "--recipient", "brand-insights", "SELECT COUNT(*) FROM tags WITH (error = 170)"];
    session.damaged(cube, |_| None, &["audit", "verify", "box"]);
    session.damaged(cube, |all| Some(all.into_iter().rev().collect()), &ask);
    session.damaged("box/keys/epoch-e1.key", |_| None, &ask);
    session.damaged("box/sandbox.toml", |_| Some(b"version = 1\n".to_vec()), &["status", "box"]);
    session.fails(&["report", "box", "--out", "study.toml"]);
    session.fails(&["report", "box", "--out", "nowhere/report.html"]);
    session.fails(&["retire", "box", "--epoch", "e9"]);
    session.fails(&["budget", "box", "renew", "--draft", "draft.txt"]);
    session.fails(&["budget", "box", "renew", "--draft", "draft.txt", "--reason", "more"]);
    session.fails(&["budget", "box", "renew", "--text", "study.toml", "--sig", "study.toml"]);
    session.fails(&["demo", "--dir", "box"]);
    session.fails(&["man", "--out", "study.toml"]);
    assert!(session.case.run(&["retire", "box", "--epoch", "e1"]).status.success());
    session.ask("SELECT COUNT(*) FROM tags");
}

fn all() -> Session {
    let mut session = Session::new();
    for part in [
        studies,
        inits,
        seals,
        questions,
        keys,
        consents,
        tables,
        policies,
        evidence,
        blind_tokens::blind_tokens,
    ] {
        part(&mut session);
    }
    session
}

#[test]
fn errors_say_what_where_why_and_what_next() {
    let session = all();
    assert!(session.count >= 60, "{} errors", session.count);
    let golden = include_str!("errors.txt");
    for (now, then) in session.text.split("\n\n").zip(golden.split("\n\n")) {
        assert_eq!(
            now, then,
            "crates/cli/tests/command/errors.txt says otherwise: cargo test -p hushtag-cli --test command errors:: -- --ignored"
        );
    }
    assert_eq!(session.text.len(), golden.len(), "crates/cli/tests/command/errors.txt is not current");
}

#[test]
#[ignore = "writes crates/cli/tests/command/errors.txt"]
fn write_the_errors() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/command/errors.txt");
    std::fs::write(path, all().text).unwrap();
}
