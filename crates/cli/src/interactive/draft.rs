//! What was answered so far, and the study file that it makes: the one place that writes one.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::TEMPLATE;
use hushtag::policy::Word;

/// The column of the comments of the template.
const MARGIN: usize = 39;

/// The default error of a sum, in what one person can add.
const WIDTHS: u64 = 80;

/// A party: a handler, or a recipient with its country.
pub(super) struct Party {
    pub(super) id: String,
    pub(super) legal_id: String,
    /// The kind of a handler.
    pub(super) kind: Option<String>,
    pub(super) name: String,
    pub(super) contact: String,
    /// The country of a recipient.
    pub(super) country: Option<String>,
}

/// A document that a human named.
pub(super) struct Document {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) approved: String,
    pub(super) expires: String,
}

/// What the rows of a dataset are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Relation,
    Records,
    People,
}

/// A declared field, with its keys besides its type and their values as TOML.
pub(super) struct Field {
    pub(super) column: String,
    pub(super) kind: String,
    pub(super) keys: Vec<(&'static str, String)>,
}

pub(super) struct Dataset {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) handler: String,
    pub(super) owner: String,
    /// The column of the listed person and the cut, of a relation.
    pub(super) target: Option<(String, u32)>,
    pub(super) category: String,
    pub(super) fields: Vec<Field>,
    /// The file whose columns were offered.
    pub(super) path: Option<String>,
}

/// A named table of the study with its keys and their values as TOML.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) keys: Vec<(&'static str, String)>,
}

/// How the handlers' own consent table is read.
#[derive(Default)]
pub(super) struct Consents {
    /// The file whose columns were offered.
    pub(super) path: String,
    /// Columns of the consent table, each with the column of the file.
    pub(super) columns: Vec<(String, String)>,
    pub(super) ignored: Vec<String>,
    /// Words of the file, each with the event that it is.
    pub(super) events: Vec<(String, String)>,
    /// Words of the file, each with the purpose that it is.
    pub(super) purposes: Vec<(String, String)>,
    /// Columns of the consent table with their values as TOML.
    pub(super) constants: Vec<(String, String)>,
    pub(super) evidence: Option<String>,
    pub(super) timezone: Option<String>,
}

/// A study in the making.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) regime: String,
    pub(super) purpose: String,
    pub(super) action: String,
    pub(super) retention: String,
    pub(super) notice: (String, u32),
    pub(super) states: Vec<String>,
    pub(super) documents: Vec<Document>,
    /// Documents that the use needs and that were not named.
    pub(super) lacking: Vec<Word>,
    pub(super) handlers: Vec<Party>,
    pub(super) recipients: Vec<Party>,
    pub(super) declared_adults: bool,
    pub(super) ids: String,
    pub(super) datasets: Vec<Dataset>,
    pub(super) consents: Option<Consents>,
    pub(super) measures: Vec<Section>,
    pub(super) tags: Vec<Section>,
    pub(super) metrics: Vec<Section>,
    pub(super) epsilon: String,
    pub(super) min_people: u64,
    pub(super) default_error: u64,
    /// Measures that sum amounts, each with the most that one person counts.
    pub(super) sums: Vec<(String, u64)>,
    pub(super) max_age: String,
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A name as the key of a TOML table.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

/// Texts as a TOML list.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// The text of a study file. Each key's first line carries the words that the template has for it.
struct Page {
    text: String,
    section: String,
    words: BTreeMap<(String, String), String>,
}

impl Page {
    fn table(&mut self, header: &str) {
        self.section = section_of(header).to_owned();
        self.text.push('\n');
        self.commented(header, "");
    }

    fn line(&mut self, key: &str, value: &str) {
        self.commented(&format!("{key} = {value}"), key);
    }

    fn commented(&mut self, line: &str, key: &str) {
        // Each comment is written once.
        match self.words.remove(&(self.section.clone(), key.to_owned())) {
            Some(words) => self.text.push_str(&format!("{line:MARGIN$}# {words}\n")),
            None => self.text.push_str(&format!("{line}\n")),
        }
    }
}

fn section_of(header: &str) -> &str {
    header.trim_matches(['[', ']']).split(['.', ']']).next().unwrap_or_default()
}

/// The comments of the template beside each header and key.
fn words() -> BTreeMap<(String, String), String> {
    let (mut words, mut section) = (BTreeMap::new(), String::new());
    for line in TEMPLATE.lines().filter(|line| !line.starts_with('#')) {
        let (before, comment) = line.split_once(" # ").unwrap_or((line, ""));
        let key = if before.starts_with('[') {
            section = section_of(before.trim_end()).to_owned();
            String::new()
        } else {
            before.split(" = ").next().unwrap_or_default().to_owned()
        };
        let comment = comment.trim();
        let comment = comment.strip_prefix("FILL IN").map_or(comment, |rest| rest.trim_start_matches(": "));
        if !comment.is_empty() {
            words.entry((section.clone(), key)).or_insert_with(|| comment.to_owned());
        }
    }
    words
}

impl Draft {
    /// The study file.
    pub(super) fn text(&self) -> String {
        let mut page = Page { text: String::new(), section: String::new(), words: words() };
        page.text.push_str(
            "# A study that `hushtag init --interactive` wrote from what was answered. `hushtag policy check FILE` says what is missing,\n\
             # `hushtag policy explain` why a use is permitted or not, `hushtag policy schema study` what else a study may say.\n",
        );
        self.head(&mut page);
        self.parties(&mut page);
        for dataset in &self.datasets {
            self.dataset(dataset, &mut page);
        }
        if let Some(consents) = &self.consents {
            consents.write(&mut page);
        }
        for (table, sections) in
            [("measures", &self.measures), ("tags", &self.tags), ("metrics", &self.metrics)]
        {
            for section in sections {
                page.table(&format!("[{table}.{}]", section.name));
                for (key, value) in &section.keys {
                    page.line(key, value);
                }
            }
        }
        page.table("[budget]");
        page.line("epsilon", &self.epsilon);
        page.table("[release]");
        page.line("min_people", &self.min_people.to_string());
        page.line("default_error", &self.default_error.to_string());
        if !self.sums.is_empty() {
            let width = |(name, most): &(String, u64)| format!("{name} = {}", most.saturating_mul(WIDTHS));
            let each: Vec<String> = self.sums.iter().map(width).collect();
            page.line("default_error_of", &format!("{{ {} }}", each.join(", ")));
        }
        page.line("max_age", &quoted(&self.max_age));
        page.text
    }

    fn head(&self, page: &mut Page) {
        page.table("[study]");
        page.line("id", &quoted(&self.id));
        page.line("regime", &quoted(&self.regime));
        page.line("purpose", &quoted(&self.purpose));
        page.line("action", &quoted(&self.action));
        page.line("basis", "\"consent\"");
        page.line("retention", &quoted(&self.retention));
        page.line("methods", "[\"aggregate\"]");
        page.table("[notice]");
        page.line("id", &quoted(&self.notice.0));
        page.line("version", &self.notice.1.to_string());
        if !self.states.is_empty() {
            page.line("states", &list(self.states.iter().map(String::as_str)));
        }
        page.table("[documents]");
        for Document { kind, id, approved, expires } in &self.documents {
            let value = format!("{{ id = {}, approved = {approved}, expires = {expires} }}", quoted(id));
            page.line(&key(kind), &value);
        }
        for Word { word, means } in &self.lacking {
            page.text.push_str(&format!(
                "# a human must attach: {means}, as\n# {} = {{ id = \"...\", approved = YYYY-MM-DD, expires = YYYY-MM-DD }}\n",
                key(word)
            ));
        }
    }

    fn parties(&self, page: &mut Page) {
        let handlers = self.handlers.iter().map(|party| ("[[handlers]]", party));
        let recipients = self.recipients.iter().map(|party| ("[[recipients]]", party));
        for (header, party) in handlers.chain(recipients) {
            page.table(header);
            page.line("id", &quoted(&party.id));
            page.line("legal_id", &quoted(&party.legal_id));
            for (key, value) in [
                ("kind", party.kind.as_deref()),
                ("name", Some(party.name.as_str())),
                ("contact", Some(party.contact.as_str())),
                ("country", party.country.as_deref()),
            ] {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    page.line(key, &quoted(value));
                }
            }
        }
        if self.declared_adults {
            page.table("[population]");
            page.line("age", "\"declared-adults\"");
        }
    }

    fn dataset(&self, dataset: &Dataset, page: &mut Page) {
        page.table(&format!("[datasets.{}]", dataset.name));
        let kind = match dataset.kind {
            Kind::Relation => "relation",
            Kind::Records => "records",
            Kind::People => "people",
        };
        page.line("kind", &quoted(kind));
        page.line("handler", &quoted(&dataset.handler));
        page.line("ids", &quoted(&self.ids));
        page.line("owner", &quoted(&dataset.owner));
        if let Some((target, _)) = &dataset.target {
            page.line("target", &quoted(target));
        }
        page.line("category", &quoted(&dataset.category));
        if let Some((_, max_reach)) = dataset.target {
            page.line("max_reach", &max_reach.to_string());
        }
        let fields = dataset.fields.iter().map(|Field { column, kind, keys }| {
            let (column, kind) = (key(column), quoted(kind));
            let keys: String = keys.iter().map(|(key, value)| format!(", {key} = {value}")).collect();
            if keys.is_empty() {
                format!("{column} = {kind}")
            } else {
                format!("{column} = {{ type = {kind}{keys} }}")
            }
        });
        let fields: Vec<String> = fields.collect();
        if !fields.is_empty() {
            page.line("fields", &format!("{{ {} }}", fields.join(", ")));
        }
    }

    /// The options of `seal` that hand in the data and the consents.
    pub(super) fn data_options(&self) -> String {
        let path =
            |dataset: &Dataset| dataset.path.clone().unwrap_or_else(|| format!("{}.csv", dataset.name));
        let each = self.datasets.iter().map(|dataset| format!("--data {}={}", dataset.name, path(dataset)));
        let consents = self.consents.as_ref().map_or("consents.csv", |consents| consents.path.as_str());
        each.chain([format!("--consents {consents}")]).collect::<Vec<_>>().join(" ")
    }

    /// Every name that is taken by a measure or a tag.
    pub(super) fn taken(&self) -> BTreeSet<&str> {
        self.measures.iter().chain(&self.tags).map(|section| section.name.as_str()).collect()
    }
}

impl Consents {
    /// The section `[consents]`; nothing where the file has the columns and words of the consent table.
    fn write(&self, page: &mut Page) {
        let Self { columns, ignored, events, purposes, constants, evidence, timezone, .. } = self;
        let single = [("timezone", timezone), ("evidence", evidence)];
        let single = single.into_iter().filter_map(|(key, value)| Some((key, quoted(value.as_ref()?))));
        let mut single: Vec<(&str, String)> = single.collect();
        if !ignored.is_empty() {
            single.push(("ignore", list(ignored.iter().map(String::as_str))));
        }
        if !single.is_empty() {
            page.table("[consents]");
            single.iter().for_each(|(key, value)| page.line(key, value));
        }
        for (table, pairs) in [("columns", columns), ("values.event", events), ("values.purpose", purposes)] {
            if !pairs.is_empty() {
                page.table(&format!("[consents.{table}]"));
                pairs.iter().for_each(|(from, to)| page.line(&key(from), &quoted(to)));
            }
        }
        if !constants.is_empty() {
            page.table("[consents.constants]");
            constants.iter().for_each(|(column, value)| page.line(column, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_carry_the_words_of_the_template() {
        let words = words();
        let comment = |section: &str, key: &str| words.get(&(section.into(), key.into())).map(String::as_str);
        assert_eq!(comment("study", "retention"), Some("how long a consent without an end of its own lasts"));
        assert!(comment("study", "id").is_some_and(|words| words.starts_with("a-z")), "FILL IN is answered");
        assert!(comment("datasets", "max_reach").is_some_and(|words| words.contains("the price")));
        assert!(comment("documents", "").is_some() && comment("documents", "pipia").is_none());
        assert!(words.values().all(|words| !words.contains("FILL IN")));
    }

    #[test]
    fn texts_that_people_type_stay_texts() {
        for text in ["a\"b", "c\\d", "[study]", "# no comment", "\u{4e2d}", "a'''b"] {
            let back: toml::Table = toml::from_str(&format!("{} = {}", key(text), quoted(text))).unwrap();
            assert_eq!(back.iter().next().map(|(k, v)| (k.as_str(), v.as_str())), Some((text, Some(text))));
        }
    }
}
