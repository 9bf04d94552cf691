//! The place of a finding about a file as a whole: the first name in it that the file defines.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Finding;
use super::fault::place;

impl Finding {
    /// The finding with a place in `text`, the file that it is about, if it has none: where the file defines what the finding names,
    /// else where the section begins that its rule reads, else the first line. A file that is no TOML gives no place.
    #[must_use]
    pub fn placed_in(mut self, text: &str) -> Self {
        if self.place.is_none()
            && let Ok(file) = DeTable::parse(text)
        {
            let names = names(&self.message);
            let named = names.iter().find_map(|name| definition(file.get_ref(), name));
            let start = named.or_else(|| section(&self.rule).and_then(|name| key(file.get_ref(), name)));
            self.place = Some(place(text, start.unwrap_or(0)));
        }
        self
    }
}

/// The names in a message, those that say most first: quoted ones, of which `dataset.column` has two, then the recipient, then
/// words that look like the id of a rule.
fn names(message: &str) -> Vec<&str> {
    let quoted = message.split('`').skip(1).step_by(2);
    let quoted = quoted.flat_map(|name| std::iter::once(name).chain(name.split('.').rev()));
    let recipient = message.strip_prefix("recipient ").and_then(|rest| rest.split(':').next());
    let plain = message.split_whitespace().map(|word| word.trim_matches(|c: char| ",:;()".contains(c)));
    let ids = plain.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()) && word.len() > 1);
    quoted.chain(recipient).chain(ids).filter(|name| !name.is_empty()).collect()
}

/// The section of a study that one of our own rules reads.
fn section(rule: &str) -> Option<&'static str> {
    match rule {
        "MAX-AGE" => Some("release"),
        "DELTA" => Some("figures"),
        "PRICE" => Some("budget"),
        _ => None,
    }
}

/// Where a table of the file begins.
fn key(table: &DeTable<'_>, name: &str) -> Option<usize> {
    table.keys().find(|key| key.get_ref().as_ref() == name).map(|key| key.span().start)
}

/// Where the file defines a name: as a key at any depth, or as the `id` of a table.
fn definition(table: &DeTable<'_>, name: &str) -> Option<usize> {
    key(table, name).or_else(|| {
        let own = table.iter().find(|(key, value)| {
            key.get_ref().as_ref() == "id" && value.get_ref().as_str().is_some_and(|id| id == name)
        });
        own.map(|(_, value)| value.span().start)
            .or_else(|| table.values().find_map(|value| inside(value, name)))
    })
}

/// The parser bounds how deep a file is nested.
fn inside(value: &Spanned<DeValue<'_>>, name: &str) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => definition(table, name),
        DeValue::Array(items) => items.iter().find_map(|item| inside(item, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Level;

    const FILE: &str = "[study]\nid = \"demo\"\n\n[[recipients]]\nid = \"brand\"\n\n[datasets.payments]\nfields = { amount = \"amount\" }\n\n[release]\nmin_people = 20\n";

    #[test]
    fn a_finding_is_placed_where_the_file_defines_what_it_names() {
        for (rule, message, line) in [
            ("R55", "recipient brand: no assessment", Some(5)),
            ("FIELDS", "`payments.amount` is read as it is", Some(8)),
            ("RETENTION", "dataset `payments` declares no time field", Some(7)),
            ("MAX-AGE", "an epoch answers until its retention is over", Some(10)),
            ("DELTA", "nothing of this is in the file", Some(1)),
            ("WORD", "`absent`", Some(1)),
        ] {
            let placed = Finding::new(Level::Note, rule, message, "").placed_in(FILE);
            assert_eq!(placed.place.map(|(line, _)| line), line, "{rule} {message}");
        }
        assert_eq!(Finding::new(Level::Note, "X", "", "").placed_in("[").place, None);
        let known = Finding { place: Some((3, 4)), ..Finding::new(Level::Note, "X", "`payments`", "") };
        assert_eq!(known.placed_in(FILE).place, Some((3, 4)));
    }
}
