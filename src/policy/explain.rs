//! The opinion on a use as a tree that a lawyer can read, in English or Chinese; made from the value that decided.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::decide::{Considered, Opinion};
use super::phrases::{Phrases, state};
use super::regime::{Lang, Mark, Names, Rule, Text, UNDECLARED, cell};
use crate::consent::{Ages, Check, Requirement};
use crate::types::{Days, Timestamp};

/// A line of an explanation and what stands under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `ok` or `no` in the language of the explanation, for what was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The rule, for what a rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The text.
    pub text: String,
    /// What stands under it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub under: Vec<Line>,
}

/// The section that says which seal a decision was made at, and which texts made it. `evidence` fills `{epoch}`, `{at}`, `{seal}`,
/// `{study}` and `{regime}`.
#[must_use]
pub fn replayed(evidence: &[(&str, &str)], lang: Lang) -> Line {
    let said = Phrases::of(lang);
    let fill =
        |text: &str| evidence.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let lines = [&said.replayed_seal, &said.replayed_texts].map(|text| Line::plain(fill(text)));
    Line::with(&said.replayed, lines.into())
}

/// A decision explained: question, answer, and sections in the order in which a reader asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What is asked.
    pub question: String,
    /// Whether the use is permitted.
    pub permitted: bool,
    /// The answer in words.
    pub answer: String,
    /// Titled lines.
    pub sections: Vec<Line>,
}

impl Line {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { verdict: None, rule: None, text: text.into(), under: Vec::new() }
    }

    pub(super) fn with(text: impl Into<String>, under: Vec<Self>) -> Self {
        Self { under, ..Self::plain(text) }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        let verdict = self.verdict.as_ref().map(|verdict| format!("[{verdict}] ")).unwrap_or_default();
        writeln!(f, "{indent}{verdict}{}", self.text)?;
        self.under.iter().try_for_each(|line| line.write(f, depth + 1))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.question, self.answer)?;
        for section in &self.sections {
            writeln!(f)?;
            section.write(f, 0)?;
        }
        Ok(())
    }
}

impl Opinion<'_> {
    /// The opinion in words.
    ///
    /// # Privacy
    /// None: it reads the study, the regime and the date.
    #[must_use]
    pub fn explain(&self, lang: Lang) -> Explanation {
        let said = Phrases::of(lang);
        let (study, recipient) = (self.case.study, self.case.recipient);
        let names = [recipient.name.as_str(), recipient.legal_id.as_str()];
        let names: Vec<&str> = names.into_iter().filter(|name| !name.trim().is_empty()).collect();
        // A bare date is decided at its end: the day is the one that has just ended.
        let at = Timestamp::from_seconds(self.case.now.seconds().saturating_sub(1)).to_string();
        let question = said
            .question
            .replace("{recipient}", &format!("{} ({})", recipient.id, names.join(", ")))
            .replace("{study}", study.id.as_str())
            .replace("{date}", at.get(..10).unwrap_or(&at))
            .replace("{regime}", &self.case.regime.title(lang));
        let permitted = self.permits();
        let answer = match (permitted, self.triggers.is_empty()) {
            (false, _) => &said.no,
            (true, true) => &said.yes_without_consent,
            (true, false) => &said.yes,
        };
        let mut sections = vec![self.use_in_words(lang), self.looked_at(lang)];
        if permitted && !self.triggers.is_empty() {
            sections.push(self.consents_in_words(lang));
        }
        sections.extend(self.statements_in_words(lang));
        if permitted && !self.duties.is_empty() {
            sections.push(self.duties_in_words(lang));
        }
        sections.extend(self.notes(lang));
        Explanation { question, permitted, answer: answer.to_owned(), sections }
    }

    fn use_in_words(&self, lang: Lang) -> Line {
        let (said, file, study) = (Phrases::of(lang), &self.case.regime.file, self.case.study);
        let titled =
            |title: Option<&Text>, word: &str| title.map_or(word.to_owned(), |text| text.of(lang).to_owned());
        let action = file.actions.get(&study.action);
        let basis = file.bases.get(&study.basis);
        let article = |article: Option<&str>| article.unwrap_or("?").to_owned();
        let purpose = file.purposes.get(&study.purpose);
        let purpose = match purpose {
            Some(known) => format!("{} <{}>", known.title.of(lang), known.iri),
            None => study.purpose.clone(),
        };
        let reads = self.categories.iter().map(|category| {
            let title = self.category_title(&category.name, lang);
            let iri = file.categories.get(&category.name).map(|known| format!(" <{}>", known.iri));
            let title = format!("{title}{}", iri.unwrap_or_default());
            if category.sensitive { said.sensitive.replace("{}", &title) } else { title }
        });
        Line::with(
            &said.the_use,
            vec![
                Line::plain(
                    said.action
                        .replace(
                            "{article}",
                            &article(action.map(|action| action.article.get_ref().as_str())),
                        )
                        .replace("{}", &titled(action.map(|action| &action.title), study.action.as_str())),
                ),
                Line::plain(said.purpose.replace("{}", &purpose)),
                Line::plain(
                    said.basis
                        .replace("{article}", &article(basis.map(|basis| basis.article.get_ref().as_str())))
                        .replace("{}", &titled(basis.map(|basis| &basis.title), &study.basis)),
                ),
                Line::plain(said.reads.replace("{}", &reads.collect::<Vec<_>>().join(&said.and))),
            ],
        )
    }

    /// Every rule that applied, by stage: what it asks where it holds, what is wrong and what mends it where it fails.
    fn looked_at(&self, lang: Lang) -> Line {
        let (said, file) = (Phrases::of(lang), &self.case.regime.file);
        let mut stages: Vec<Line> = Vec::new();
        let mut last = None;
        for considered in &self.considered {
            // Every rule of a demand is defined (checked when the regime is parsed).
            let Some((id, rule)) = file.rules.get_key_value(&considered.demand.rule) else { continue };
            let stage = rule.stage.get_ref();
            if last != Some(stage) {
                let title = file.regime.stages_text.get(stage).map_or(stage.as_str(), |text| text.of(lang));
                stages.push(Line::plain(title));
                last = Some(stage);
            }
            let Some(Line { under: lines, .. }) = stages.last_mut() else { continue };
            let known = lines.iter().find(|known| known.rule.as_ref() == Some(id));
            let held = known.map(|known| known.verdict.as_deref() == Some(said.ok.as_str()));
            if considered.holds && held.is_some() {
                continue;
            }
            // One rule is one line as long as it holds.
            if held == Some(true) {
                lines.retain(|known| known.rule.as_ref() != Some(id));
            }
            let line = self.judged(considered, id, rule, lang);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        Line::with(&said.looked_at, stages)
    }

    fn judged(&self, considered: &Considered<'_>, id: &str, rule: &Rule, lang: Lang) -> Line {
        let said = Phrases::of(lang);
        let (verdict, text) =
            if considered.holds { (&said.ok, &rule.asks) } else { (&said.fails, &rule.because) };
        let text =
            format!("{id} ({}): {}", rule.article.get_ref(), self.fill(text.of(lang), considered, lang));
        let mut under = Vec::new();
        if !considered.holds {
            under.push(Line::plain(said.mend.replace("{}", &self.fill(rule.fix.of(lang), considered, lang))));
            let law = self.case.regime.file.articles.get(rule.article.get_ref());
            under.extend(law.map(|law| {
                let words = said.says.replace("{article}", rule.article.get_ref());
                Line::plain(words.replace("{}", law.says.of(lang)))
            }));
        }
        Line { verdict: Some(verdict.to_owned()), rule: Some(id.to_owned()), text, under }
    }

    fn consents_in_words(&self, lang: Lang) -> Line {
        let (said, file) = (Phrases::of(lang), &self.case.regime.file);
        let demand = self.demand();
        let mut lines: Vec<Line> = demand
            .requirements
            .iter()
            .map(|requirement| {
                let trigger = file.triggers.get(&requirement.trigger);
                let (article, title) = trigger
                    .map_or(("", ""), |trigger| (trigger.article.get_ref().as_str(), trigger.title.of(lang)));
                let text = format!("{} ({article}): {title}", requirement.trigger);
                let parts = self.conditions(requirement, lang);
                let parts = parts.into_iter().map(|part| Line::plain(part.join(&said.semicolon)));
                let rule = trigger.map(|trigger| trigger.rule.get_ref().clone());
                Line { rule, ..Line::with(text, parts.collect()) }
            })
            .collect();
        lines.push(Line::plain(&said.not_withdrawn));
        lines.push(Line::plain(self.stops_in_words(said)));
        lines.push(match demand.ages {
            Ages::DeclaredAdults => Line::plain(&said.adults),
            Ages::Read { child_below, .. } => {
                Line::plain(said.ages.replace("{child}", &child_below.to_string()))
            }
        });
        Line::with(&said.consents, lines)
    }

    /// What one consent must name, how it must have been given, and how long it holds: in the words of the requirement that
    /// the fold checks.
    fn conditions(&self, requirement: &Requirement, lang: Lang) -> [Vec<String>; 3] {
        let (said, file) = (Phrases::of(lang), &self.case.regime.file);
        let list = |words: &mut dyn Iterator<Item = &str>| words.collect::<Vec<_>>().join(&said.and);
        let names = file.actions.get(&self.case.study.action).map(|action| action.names);
        let names = if names == Some(Names::Handlers) { &said.names_handlers } else { &said.names };
        let recipients = list(&mut requirement.recipients.iter().map(String::as_str));
        let categories = list(&mut requirement.categories.iter().map(|name| self.category_title(name, lang)));
        let mut named = vec![
            names.replace("{}", &recipients),
            said.for_purpose.to_owned(),
            said.lists.replace("{}", &categories),
        ];
        if !requirement.methods.is_empty() {
            named
                .push(said.methods.replace("{}", &list(&mut requirement.methods.iter().map(String::as_str))));
        }
        let mut given = Vec::new();
        for check in &requirement.checks {
            given.push(match check {
                Check::OwnStep => said.own_step.to_owned(),
                Check::NotPreTicked => said.not_pre_ticked.to_owned(),
                Check::Single => said.single.to_owned(),
                Check::NotGated => said.not_gated.to_owned(),
                Check::Notice => {
                    let (oldest, current) = requirement.notice_versions.clone().into_inner();
                    let versions =
                        if oldest == current { current.to_string() } else { format!("{oldest}..{current}") };
                    said.informed.replace("{id}", &requirement.notice).replace("{versions}", &versions)
                }
                Check::ShownBefore => continue,
            });
        }
        let mut holds = vec![said.lasts.replace("{}", &in_days(requirement.retention, said))];
        holds.extend(requirement.cool_down.map(|days| said.cool_down.replace("{}", &in_days(days, said))));
        [named, given, holds]
    }

    /// How long an epoch answers after a withdrawal that it was sealed before.
    fn stops_in_words(&self, said: &Phrases) -> String {
        let study = self.case.study;
        let fresh = study.release.max_age.map(|age| age.seconds() / 60);
        let longest = match fresh.filter(|minutes| *minutes < study.retention.seconds() / 60) {
            None => in_days(study.retention, said),
            Some(minutes) if minutes % 60 == 0 => said.hours.replace("{}", &(minutes / 60).to_string()),
            Some(minutes) => said.minutes.replace("{}", &minutes.to_string()),
        };
        said.stops.replace("{}", &longest)
    }

    fn duties_in_words(&self, lang: Lang) -> Line {
        let file = &self.case.regime.file;
        let duties = self.duties.iter().filter_map(|name| file.duties.get(*name));
        let lines =
            duties.map(|duty| Line::plain(format!("{} ({})", duty.says.of(lang), duty.article.get_ref())));
        Line::with(&Phrases::of(lang).duties, lines.collect())
    }

    /// What a reader must know besides: undeclared notices, and rules that are not the law's own text.
    fn notes(&self, lang: Lang) -> Option<Line> {
        let said = Phrases::of(lang);
        let undeclared = self.undeclared_notices();
        let mut lines = Vec::new();
        if !undeclared.is_empty() {
            lines.push(Line::plain(said.undeclared.replace("{}", &undeclared.join(&said.and))));
        }
        let marked = self.marked(lang);
        if !marked.is_empty() {
            lines.push(Line::plain(said.marks.replace("{}", &marked.join(&said.and))));
        }
        (!lines.is_empty()).then(|| Line::with(&said.notes, lines))
    }

    /// Everything that this opinion rests on and that was not read in the law's own text.
    fn marked(&self, lang: Lang) -> Vec<String> {
        let file = &self.case.regime.file;
        let action = self.case.study.action;
        type Marked<'a> = (Cow<'a, str>, Mark);
        let rules = self.considered.iter().filter_map(|considered| -> Option<Marked<'_>> {
            let rule = file.rules.get(&considered.demand.rule)?;
            let article = file.articles.get(rule.article.get_ref()).map_or(rule.mark, |article| article.mark);
            Some((considered.demand.rule.as_str().into(), rule.mark.max(article)))
        });
        let triggers =
            self.triggers.keys().filter_map(|name| Some(((*name).into(), file.triggers.get(*name)?.mark)));
        let categories = self.categories.iter().filter_map(|category| {
            Some((
                self.category_title(&category.name, lang).into(),
                file.categories.get(&category.name)?.mark,
            ))
        });
        let cells = self.categories.iter().filter_map(|category| {
            let place = format!("[matrix.{}.{}]", category.name, action.as_str());
            Some((place.into(), cell(file, &category.name, action)?.mark?))
        });
        let mut marked: Vec<String> = Vec::new();
        for (name, mark) in rules.chain(triggers).chain(categories).chain(cells) {
            if mark == Mark::Text {
                continue;
            }
            let text = format!("{name} ({})", Phrases::of(lang).mark(mark));
            if !marked.contains(&text) {
                marked.push(text);
            }
        }
        marked
    }

    /// The blocks of the notice of which the study does not say what they state.
    pub(super) fn undeclared_notices(&self) -> Vec<&str> {
        let vocabulary = &self.case.regime.vocabulary;
        let mut blocks: Vec<&str> = Vec::new();
        for considered in &self.considered {
            let fact = considered.demand.fact;
            if let Some(block) = vocabulary.name(fact).strip_prefix("notice:")
                && vocabulary.word(fact, considered.word) == UNDECLARED
                && !blocks.contains(&block)
            {
                blocks.push(block);
            }
        }
        blocks
    }

    /// What a demand is about, and the state that it is in.
    pub(super) fn named(&self, considered: &Considered<'_>, lang: Lang) -> (String, String) {
        let (file, study, recipient) = (&self.case.regime.file, self.case.study, self.case.recipient);
        let vocabulary = &self.case.regime.vocabulary;
        let fact = vocabulary.name(considered.demand.fact);
        let titled =
            |title: Option<&Text>, word: &str| title.map_or(word.to_owned(), |text| text.of(lang).to_owned());
        let subject = match fact.split_once(':') {
            Some(("document", kind)) => titled(file.documents.get(kind).map(|kind| &kind.title), kind),
            Some(("notice", block)) => titled(file.notices.get(block).map(|block| &block.title), block),
            Some(("figure", name)) => titled(file.figures.get(name).map(|figure| &figure.title), name),
            Some(("handler-kind", kind)) => {
                titled(file.handler_kinds.get(kind).map(|kind| &kind.title), kind)
            }
            _ => match fact {
                "action" => titled(file.actions.get(&study.action).map(|a| &a.title), study.action.as_str()),
                "purpose" => {
                    titled(file.purposes.get(&study.purpose).map(|purpose| &purpose.title), &study.purpose)
                }
                "basis" => titled(file.bases.get(&study.basis).map(|basis| &basis.title), &study.basis),
                "category" | "sensitive" => {
                    let titles = considered.categories.iter().map(|name| self.category_title(name, lang));
                    titles.collect::<Vec<_>>().join(&Phrases::of(lang).and)
                }
                fact if fact.starts_with("recipient") => recipient.id.to_string(),
                fact => fact.to_owned(),
            },
        };
        (subject, state(vocabulary.word(considered.demand.fact, considered.word), lang))
    }

    /// The title of a data category; an unknown one is called as the study calls it.
    pub(super) fn category_title<'b>(&'b self, name: &'b str, lang: Lang) -> &'b str {
        self.case.regime.file.categories.get(name).map_or(name, |category| category.title.of(lang))
    }
}

fn in_days(span: Days, said: &Phrases) -> String {
    said.days.replace("{}", &span.days().to_string())
}
