//! Questions: any text, over a small catalogue with labels that are hard to print.

use std::sync::LazyLock;

use hushtag::query::{Canonical, parse};
use hushtag::tags::{
    Aggregate, Catalogue, CatalogueDraft, Clamp, Grid, Label, Measure, Rows, Source, Tag, TagSource,
};
use hushtag::types::DatasetName;

static CATALOGUE: LazyLock<Option<Catalogue>> = LazyLock::new(catalogue);

fn catalogue() -> Option<Catalogue> {
    let tag = |name: &str, labels: &[&str]| {
        let values = labels.iter().map(|label| Label::new(label).ok()).collect::<Option<Vec<_>>>()?;
        let dataset = DatasetName::new("members").ok()?;
        Tag::new(name, TagSource::Field { dataset, field: name.into(), values }).ok()
    };
    let dataset = DatasetName::new("payments").ok()?;
    let spend = Measure {
        name: Some("spend".into()),
        source: Source::Own {
            rows: Rows { dataset, window: None, conditions: vec![] },
            what: Aggregate::Sum { field: "amount".into() },
        },
        clamp: Some(Clamp::new(0, 1000).ok()?),
        grid: Grid::new(vec![0, 10, 500], Clamp::new(0, 1000).ok()?, 0).ok(),
        floor: Some(0),
        unit: None,
    };
    let tags = vec![tag("region", &["east", "west"])?, tag("plan", &["a (b)", "c, d", "e--f"])?];
    CatalogueDraft { relations: vec![], measures: vec![spend], tags, sets: vec![], max_cells: 100 }
        .check()
        .ok()
}

/// Parsing never panics, an error renders in bounded length, and the canonical text of a question is a question with
/// this canonical form, also with its names in double quotes. The error says why it is no question.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let catalogue = CATALOGUE.as_ref().ok_or("the catalogue cannot be made")?;
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let ask = match parse(text, catalogue) {
        Ok(ask) => ask,
        Err(error) => {
            let rendered = error.render(text);
            assert!(rendered.len() < 4096, "an error without an end");
            return Err(rendered);
        }
    };
    let canonical = Canonical::new(&ask, catalogue).map_err(|error| error.to_string())?;
    let printed = canonical.text(catalogue);
    let again = parse(&printed, catalogue).map(|ask| Canonical::new(&ask, catalogue));
    assert_eq!(again.as_ref(), Ok(&Ok(canonical)), "{printed}");
    let quoted = with_quoted_names(&printed);
    assert_eq!(parse(&quoted, catalogue).map(|ask| Canonical::new(&ask, catalogue)), again, "{quoted}");
    Ok(())
}

/// A canonical text with its names in double quotes: words in small letters outside of labels.
fn with_quoted_names(text: &str) -> String {
    let pieces = text.split('\'').enumerate().map(|(place, piece)| {
        if place % 2 == 1 {
            return piece.to_owned();
        }
        let words = piece.split_inclusive(|letter: char| !letter.is_ascii_lowercase());
        let quoted = words.map(|word| {
            let name = word.trim_end_matches(|letter: char| !letter.is_ascii_lowercase());
            if name.is_empty() { word.to_owned() } else { word.replacen(name, &format!("\"{name}\""), 1) }
        });
        quoted.collect()
    });
    pieces.collect::<Vec<String>>().join("'")
}
