//! A use that rests on another basis than consent is permitted by the regime, but is never sealed: consents alone put people in.

use hushtag::policy::{Decision, decide};
use hushtag::{DatasetName, Input, Keys, Operator, OperatorError, Regime, Sources, Study, StudySource};

use crate::support::{FixedClock, setup, terms};

const CONSENTS: &str = "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,\
shown_at,at,valid_to,giver,own_step,pre_ticked,bundle_size,service_gate\n";

const BASE: &str = include_str!("../../policies/cn-pipl/base.toml");

/// Statistics of a public follow list by the platform that has it (PIPL Art. 13(6) and 27).
fn public_list() -> String {
    let changes = [
        ("action = \"provide\"", "action = \"collect\""),
        ("basis = \"consent\"", "basis = \"13-6\""),
        ("purpose = \"campaign-measurement\"", "purpose = \"service-analytics\""),
        ("category = \"payment-record\"", "category = \"social-relation\""),
        ("kind = \"payment-institution\"", "kind = \"platform\""),
    ];
    let parts: Vec<_> = BASE.split("[[handlers]]").collect();
    let [before, _, second] = parts[..] else { panic!("the base study has two handlers") };
    let one_platform = format!("{before}[[handlers]]{second}");
    changes.iter().fold(one_platform, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

#[test]
fn a_seal_is_refused() {
    let text = public_list();
    let regime = Regime::built_in("cn-pipl").unwrap();
    let study = Study::parse("base.toml", &text).unwrap();
    let decision = decide(&study, &regime, &study.recipients[0], FixedClock::default().0);
    let Decision::Permit(flow) = decision else { panic!("{decision:?}") };
    assert_eq!(flow.no_consent().unwrap().rule, "CONSENT");

    let dir = tempfile::tempdir().unwrap();
    let setup = setup("4").with_studies(vec![StudySource::new("base.toml", text)]);
    let folder = dir.path().join("box");
    let operator = Operator::init(&folder, setup, Keys::InFolder, Box::new(FixedClock::default())).unwrap();
    let data = dir.path().join("data.csv");
    std::fs::write(&data, "person,amount,at\n13800000001,100,2026-09-20T00:00:00Z\n").unwrap();
    let consents = dir.path().join("consents.csv");
    std::fs::write(&consents, CONSENTS).unwrap();
    let sources = Sources::new(
        vec![(DatasetName::new("data").unwrap(), Input::Path(data))],
        vec![Input::Path(consents)],
    );
    let Err(OperatorError::Refused(reasons)) = operator.seal(&terms("e"), sources) else {
        panic!("nothing is sealed without a demand of consent")
    };
    assert!(reasons.iter().any(|reason| reason.rule == "CONSENT"), "{reasons:?}");
}
