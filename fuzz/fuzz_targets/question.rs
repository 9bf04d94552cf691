//! Any text: parsing never panics, an error renders, and a canonical question parses back to itself.
#![no_main]

use std::sync::LazyLock;

use hushtag::query::{Canonical, parse};
use hushtag::tags::{Catalogue, CatalogueDraft, Clamp, Label, Measure, Source, Tag, TagSource};
use hushtag::types::DatasetName;
use libfuzzer_sys::fuzz_target;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let field = |name: &str, labels: &[&str]| {
        let values = labels.iter().map(|label| Label::new(label).unwrap()).collect();
        Tag::new(
            name,
            TagSource::Field { dataset: DatasetName::new("members").unwrap(), field: name.into(), values },
        )
    };
    let spend =
        Source::Sum { dataset: DatasetName::new("payments").unwrap(), field: "amount".into(), window: None };
    CatalogueDraft {
        relations: vec![],
        measures: vec![Measure {
            name: Some("spend".into()),
            source: spend,
            clamp: Some(Clamp::new(0, 1000).unwrap()),
            floor: Some(0),
        }],
        tags: vec![
            field("region", &["east", "west"]).unwrap(),
            field("plan", &["a (b)", "c, d", "e--f"]).unwrap(),
        ],
        sets: vec![],
        max_cells: 100,
    }
    .check()
    .unwrap()
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ask = match parse(text, &CATALOGUE) {
        Ok(ask) => ask,
        Err(error) => {
            assert!(error.render(text).len() < 4096);
            return;
        }
    };
    if let Ok(canonical) = Canonical::new(&ask, &CATALOGUE) {
        let printed = canonical.text(&CATALOGUE);
        let again = parse(&printed, &CATALOGUE).expect("the canonical text parses");
        assert_eq!(Canonical::new(&again, &CATALOGUE).as_ref(), Ok(&canonical), "{printed}");
    }
});
