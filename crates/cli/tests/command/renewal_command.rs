//! Promise: handlers who do not trust each other renew a pool with the command alone: a draft, a signature of each, the renewal.

use crate::folder::Folder;
use crate::support;
use crate::support::FixedClock;
use hushtag::operator::{Keys, Operator, Setup, StudySource};
use hushtag::types::{Days, HandlerId};

/// A sandbox that is long past its window, `box`, and the two handlers' keys, `social.key` and `payment.key`.
fn sandbox() -> Folder {
    let folder = Folder::with_study();
    let handlers = [("social-platform", "social.key"), ("payment-platform", "payment.key")];
    let handlers = handlers.map(|(id, key)| {
        let vkey = folder.run(&["key", "new", "--out", key]).stdout();
        assert_eq!(folder.run(&["policy", "sign", "--study", "study.toml", "--key", key]).code(), Some(0));
        (HandlerId::new(id).unwrap(), vkey.trim().to_owned())
    });
    let studies = vec![StudySource::load_signed(&folder.path("study.toml")).unwrap()];
    let pool = support::setup("1").pool.with_window(Days::new(1));
    let setup = Setup::new(studies, pool).with_handlers(handlers);
    Operator::init(&folder.path("box"), setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap();
    folder
}

#[test]
fn a_draft_is_signed_by_each_and_renews_once() {
    let folder = sandbox();
    let budget = folder.run(&["budget", "box", "--format", "json"]).json();
    assert_eq!((&budget["renewals"], &budget["window_days"]), (&0.into(), &1.into()));
    let draft = ["budget", "box", "renew", "--draft", "renewal.txt", "--reason", "the next quarter"];
    assert_eq!(folder.run(&draft).code(), Some(0));
    let again = folder.run(&draft);
    assert_eq!(
        again.code(),
        Some(1),
        "a draft that handlers may have signed is not replaced: {}",
        again.stderr()
    );

    let sign = |key: &str| folder.run(&["policy", "sign", "--renewal", "renewal.txt", "--key", key]);
    let renew = || {
        let renew = ["budget", "box", "renew", "--text", "renewal.txt", "--sig", "renewal.txt.sig"];
        folder.run(&[&renew[..], &["--format", "json"]].concat())
    };
    assert!(sign("social.key").stdout().contains("renewal: 1"));
    let refused = renew();
    assert_eq!(refused.code(), Some(3));
    let reasons = &refused.json()["reasons"];
    assert_eq!(reasons[0]["rule"], "RENEWAL");
    assert!(reasons[0]["because"].as_str().unwrap().contains("handler `payment-platform` has not signed"));

    assert!(sign("payment.key").stdout().contains("2 signature(s)"));
    let renewed = renew();
    assert_eq!((renewed.code(), &renewed.json()["renewal"]), (Some(0), &1.into()), "{}", renewed.stderr());
    assert_eq!(renew().code(), Some(3), "once");
    let budget = folder.run(&["budget", "box", "--format", "json"]).json();
    assert_eq!(budget["renewals"], 1);
    let verified = folder.run(&["audit", "verify", "box", "--format", "json"]);
    assert_eq!((verified.code(), &verified.json()["renewals"]), (Some(0), &1.into()));
    assert!(folder.run(&["budget", "box"]).stdout().contains("renewed at"));
}

#[test]
fn what_cannot_be_signed_or_given_is_refused() {
    let folder = sandbox();
    folder.write("renewal.txt", "hushtag-renewal@v1\nsandbox: x\n");
    for (arguments, code, said) in [
        (&["budget", "box", "renew"][..], 2, "required"),
        (&["budget", "box", "renew", "--draft", "d"], 2, "--reason"),
        (
            &["budget", "box", "renew", "--draft", "d", "--reason", "two\nlines"],
            2,
            "the reason is empty, longer",
        ),
        (&["budget", "box", "renew", "--draft", "d", "--reason", "r", "--window", "0d"], 2, "between `1d`"),
        (&["budget", "box", "renew", "--draft", "d", "--reason", "r", "--epsilon", "x"], 2, "not an amount"),
        (&["budget", "box", "renew", "--text", "renewal.txt"], 2, "--sig"),
        (&["budget", "box", "renew", "--text", "none", "--sig", "none"], 1, "none"),
        (&["budget", "box", "renew", "--text", "renewal.txt", "--sig", "renewal.txt"], 1, "line "),
        (&["policy", "sign", "--renewal", "renewal.txt", "--key", "social.key"], 1, "line "),
        (&["policy", "sign", "--renewal", "none", "--key", "social.key"], 1, "none"),
        (&["policy", "sign", "--key", "social.key"], 2, "--study"),
        (
            &["policy", "sign", "--renewal", "renewal.txt", "--study", "study.toml", "--key", "social.key"],
            2,
            "cannot be used",
        ),
    ] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code(), Some(code), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(said), "{arguments:?}: {}", ran.stderr());
    }
}
