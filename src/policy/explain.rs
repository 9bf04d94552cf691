//! The opinion on a use as a tree that a lawyer can read, in English or Chinese; made from the value that decided.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::decide::{Considered, Opinion};
use super::outcome::Ruled;
use super::phrases::{Phrases, state};
use super::regime::{Lang, Mark, Names, Text, UNDECLARED, cell};
use super::{RuleOutcome, RuleResult};
use crate::consent::{Ages, Check, ConsentStatus, Requirement};
use crate::types::{Days, Timestamp};

/// A line of an explanation and the lines under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The result in the language of the explanation, for what was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The result, for what was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<RuleResult>,
    /// The rule, for what a rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The text.
    pub text: String,
    /// The lines under it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub under: Vec<Line>,
}

/// The section that names the seal at which a decision was made, and the texts that decided. `evidence` fills `{epoch}`, `{at}`, `{seal}`,
/// `{study}` and `{regime}`.
#[must_use]
pub fn replayed(evidence: &[(&str, &str)], is_demand_compared: bool, lang: Lang) -> Line {
    let phrases = Phrases::of(lang);
    let seal = if is_demand_compared { &phrases.replayed_seal } else { &phrases.replayed_decision };
    let fill =
        |text: &str| evidence.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let lines = [seal, &phrases.replayed_texts].map(|text| Line::plain(fill(text)));
    Line::with(&phrases.replayed, lines.into())
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
    /// Every rule of the regime with its result.
    pub rules: Vec<RuleOutcome>,
    /// Titled lines.
    pub sections: Vec<Line>,
}

impl Line {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { verdict: None, result: None, rule: None, text: text.into(), under: Vec::new() }
    }

    pub(super) fn with(text: impl Into<String>, under: Vec<Self>) -> Self {
        Self { under, ..Self::plain(text) }
    }

    pub(super) fn judged(result: RuleResult, text: impl Into<String>, under: Vec<Self>, lang: Lang) -> Self {
        let verdict = Some(Phrases::of(lang).result(result).to_owned());
        Self { verdict, result: Some(result), ..Self::with(text, under) }
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
        let phrases = Phrases::of(lang);
        let (study, recipient) = (self.case.study, self.case.recipient);
        let names = [recipient.name.as_str(), recipient.legal_id.as_str()];
        let names: Vec<&str> = names.into_iter().filter(|name| !name.trim().is_empty()).collect();
        // A bare date is decided at its end: the day is the one that has just ended.
        let at = Timestamp::from_seconds(self.case.now.seconds().saturating_sub(1)).to_string();
        let question = phrases
            .question
            .replace("{recipient}", &format!("{} ({})", recipient.id, names.join(", ")))
            .replace("{study}", study.id.as_str())
            .replace("{date}", at.get(..10).unwrap_or(&at))
            .replace("{regime}", &self.case.regime.title(lang));
        let permitted = self.permits();
        let answer = match (permitted, self.triggers.is_empty()) {
            (false, _) => &phrases.no,
            (true, true) => &phrases.yes_without_consent,
            (true, false) => &phrases.yes,
        };
        let mut sections = vec![self.use_in_words(lang), self.looked_at(lang)];
        if permitted && !self.triggers.is_empty() {
            sections.push(self.consents_in_words(lang));
        }
        sections.extend(self.statements_in_words(lang));
        if permitted && !self.triggers.is_empty() {
            sections.push(self.stop_in_words(lang));
        }
        if permitted && !self.duties.is_empty() {
            sections.push(self.duties_in_words(lang));
        }
        sections.push(self.papers_in_words(lang));
        sections.extend(self.other_rules(lang));
        sections.extend(self.notes(lang));
        Explanation { question, permitted, answer: answer.to_owned(), rules: self.rules(lang), sections }
    }

    fn use_in_words(&self, lang: Lang) -> Line {
        let (phrases, file, study) = (Phrases::of(lang), &self.case.regime.file, self.case.study);
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
            if category.sensitive { phrases.sensitive.replace("{}", &title) } else { title }
        });
        Line::with(
            &phrases.the_use,
            vec![
                Line::plain(
                    phrases
                        .action
                        .replace(
                            "{article}",
                            &article(action.map(|action| action.article.get_ref().as_str())),
                        )
                        .replace("{}", &titled(action.map(|action| &action.title), study.action.as_str())),
                ),
                Line::plain(phrases.purpose.replace("{}", &purpose)),
                Line::plain(
                    phrases
                        .basis
                        .replace("{article}", &article(basis.map(|basis| basis.article.get_ref().as_str())))
                        .replace("{}", &titled(basis.map(|basis| &basis.title), &study.basis)),
                ),
                Line::plain(phrases.reads.replace("{}", &reads.collect::<Vec<_>>().join(&phrases.and))),
            ],
        )
    }

    /// Every rule that applied or may apply, by stage: what it asks where it holds, what is wrong and what corrects it where it
    /// fails, what the study leaves out where it is not declared.
    fn looked_at(&self, lang: Lang) -> Line {
        let (phrases, file) = (Phrases::of(lang), &self.case.regime.file);
        let mut stages: Vec<Line> = Vec::new();
        let mut last = None;
        for ruled in self.ruled() {
            let lines = match ruled.result {
                RuleResult::Denied => self.denied(&ruled, lang),
                RuleResult::Holds => vec![self.stated(&ruled, Vec::new(), lang)],
                RuleResult::NotDeclared => {
                    let facts = self.undeclared_of(&ruled, lang).join(&phrases.and);
                    vec![self.stated(
                        &ruled,
                        vec![Line::plain(phrases.not_declared.replace("{}", &facts))],
                        lang,
                    )]
                }
                RuleResult::NotApplicable
                | RuleResult::PerPerson
                | RuleResult::Warning
                | RuleResult::NotChecked => continue,
            };
            let stage = ruled.rule.stage.get_ref();
            if last != Some(stage) {
                let title = file.regime.stages_text.get(stage).map_or(stage.as_str(), |text| text.of(lang));
                stages.push(Line::plain(title));
                last = Some(stage);
            }
            if let Some(line) = stages.last_mut() {
                line.under.extend(lines);
            }
        }
        Line::with(&phrases.looked_at, stages)
    }

    /// What the study names on paper, with the digests by which files are compared.
    fn papers_in_words(&self, lang: Lang) -> Line {
        let phrases = Phrases::of(lang);
        let day = |at: Timestamp| at.to_string().get(..10).unwrap_or_default().to_owned();
        let lines = self.case.study.papers().into_iter().map(|paper| {
            let mut text = format!("{}: {}", self.case.regime.paper_title(&paper, lang), paper.id);
            if let (Some(approved), Some(expires)) = (paper.approved, paper.expires) {
                let span = phrases.in_force.replace("{from}", &day(approved)).replace("{to}", &day(expires));
                text.push_str(&format!("{}{span}", phrases.semicolon));
            }
            let digest = paper.sha256.map_or_else(
                || phrases.no_digest.clone(),
                |digest| phrases.digest.replace("{}", &digest.to_string()),
            );
            Line::plain(format!("{text}{}{digest}", phrases.semicolon))
        });
        Line::with(&phrases.documents, lines.collect())
    }

    /// The rules that were not decided from the study: applied person by person, not applicable, or without a check.
    fn other_rules(&self, lang: Lang) -> Vec<Line> {
        let phrases = Phrases::of(lang);
        let section = |title: &str, results: &[RuleResult]| {
            let ruled = self.ruled().into_iter().filter(|ruled| results.contains(&ruled.result));
            let lines = ruled.map(|ruled| {
                let met_by = ruled.rule.met_by.as_ref().filter(|_| ruled.result == RuleResult::NotChecked);
                let under = met_by.map(|text| Line::plain(text.of(lang)));
                self.stated(&ruled, under.into_iter().collect(), lang)
            });
            let lines: Vec<Line> = lines.collect();
            (!lines.is_empty()).then(|| Line::with(title, lines))
        };
        let all = [
            section(&phrases.per_person, &[RuleResult::PerPerson, RuleResult::Warning]),
            section(&phrases.applies_not, &[RuleResult::NotApplicable]),
            section(&phrases.not_checked, &[RuleResult::NotChecked]),
        ];
        all.into_iter().flatten().collect()
    }

    /// A rule with what it asks.
    fn stated(&self, ruled: &Ruled<'_, '_>, under: Vec<Line>, lang: Lang) -> Line {
        let article = ruled.rule.article.get_ref();
        let asks = match ruled.considered.first() {
            Some(considered) => self.fill(ruled.rule.asks.of(lang), considered, lang),
            None => ruled.rule.asks.of(lang).to_owned(),
        };
        let text = format!("{} ({article}): {asks}", ruled.id);
        Line { rule: Some(ruled.id.to_owned()), ..Line::judged(ruled.result, text, under, lang) }
    }

    /// A line for each way in which a rule fails.
    fn denied(&self, ruled: &Ruled<'_, '_>, lang: Lang) -> Vec<Line> {
        let phrases = Phrases::of(lang);
        let article = ruled.rule.article.get_ref();
        let mut lines: Vec<Line> = Vec::new();
        for considered in ruled.considered.iter().filter(|considered| !considered.holds) {
            let because = self.fill(ruled.rule.because.of(lang), considered, lang);
            let fix = self.fill(ruled.rule.fix.of(lang), considered, lang);
            let law = self.case.regime.file.articles.get(article).map(|law| {
                Line::plain(phrases.says.replace("{article}", article).replace("{}", law.says.of(lang)))
            });
            let under = [Line::plain(phrases.fix.replace("{}", &fix))].into_iter().chain(law).collect();
            let text = format!("{} ({article}): {because}", ruled.id);
            let line = Line::judged(RuleResult::Denied, text, under, lang);
            let line = Line { rule: Some(ruled.id.to_owned()), ..line };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// How long a withdrawal can take to reach the answers: from constants of the study alone, never from withdrawals.
    fn stop_in_words(&self, lang: Lang) -> Line {
        let phrases = Phrases::of(lang);
        let study = self.case.study;
        let article = self.case.regime.rule_of(ConsentStatus::Withdrawn).map_or("", |(_, article)| article);
        let line = match study.release.max_age {
            Some(age) => Line::plain(
                phrases.stop_within.replace("{age}", &age.to_string()).replace("{article}", article),
            ),
            None => {
                let text = phrases.stop_unbounded.replace("{retention}", &in_days(study.retention, phrases));
                Line::judged(RuleResult::Warning, text.replace("{article}", article), Vec::new(), lang)
            }
        };
        Line::with(&phrases.stop, vec![line])
    }

    /// What a fact that a study leaves out is about.
    pub(super) fn fact_in_words(&self, fact: usize, lang: Lang) -> String {
        let file = &self.case.regime.file;
        let name = self.case.regime.vocabulary.name(fact);
        let title = match name.split_once(':') {
            Some(("document", kind)) => file.documents.get(kind).map(|kind| &kind.title),
            Some(("notice", block)) => file.notices.get(block).map(|block| &block.title),
            Some(("figure", figure)) => file.figures.get(figure).map(|figure| &figure.title),
            _ => None,
        };
        let phrases = Phrases::of(lang);
        let title = title.map_or_else(|| phrases.fact(name), |title| title.of(lang));
        // The document itself is named: it is its scope, or the start of the use, that is left out.
        let kind =
            name.strip_prefix("document:").filter(|kind| self.case.study.documents.contains_key(*kind));
        match kind {
            Some(_) => phrases.fact("scope").replace("{}", title),
            None => title.to_owned(),
        }
    }

    fn consents_in_words(&self, lang: Lang) -> Line {
        let (phrases, file) = (Phrases::of(lang), &self.case.regime.file);
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
                let parts = parts.into_iter().map(|part| Line::plain(part.join(&phrases.semicolon)));
                let rule = trigger.map(|trigger| trigger.rule.get_ref().clone());
                Line { rule, ..Line::with(text, parts.collect()) }
            })
            .collect();
        lines.push(Line::plain(&phrases.not_withdrawn));
        lines.push(match demand.ages {
            Ages::DeclaredAdults => Line::plain(&phrases.adults),
            Ages::Read { child_below, .. } => {
                Line::plain(phrases.ages.replace("{child}", &child_below.to_string()))
            }
        });
        Line::with(&phrases.consents, lines)
    }

    /// What one consent must name, how it must have been given, and how long it holds: in the words of the requirement that
    /// the fold checks.
    fn conditions(&self, requirement: &Requirement, lang: Lang) -> [Vec<String>; 3] {
        let (phrases, file) = (Phrases::of(lang), &self.case.regime.file);
        let list = |words: &mut dyn Iterator<Item = &str>| words.collect::<Vec<_>>().join(&phrases.and);
        let names = file.actions.get(&self.case.study.action).map(|action| action.names);
        let names = if names == Some(Names::Handlers) { &phrases.names_handlers } else { &phrases.names };
        let recipients = list(&mut requirement.recipients.iter().map(String::as_str));
        let categories = list(&mut requirement.categories.iter().map(|name| self.category_title(name, lang)));
        let mut named = vec![
            names.replace("{}", &recipients),
            phrases.for_purpose.to_owned(),
            phrases.lists.replace("{}", &categories),
        ];
        if !requirement.methods.is_empty() {
            named.push(
                phrases.methods.replace("{}", &list(&mut requirement.methods.iter().map(String::as_str))),
            );
        }
        let mut given = Vec::new();
        for check in &requirement.checks {
            given.push(match check {
                Check::OwnStep => phrases.own_step.to_owned(),
                Check::NotPreTicked => phrases.not_pre_ticked.to_owned(),
                Check::Single => phrases.single.to_owned(),
                Check::NotGated => phrases.not_gated.to_owned(),
                Check::Notice => {
                    let (oldest, current) = requirement.notice_versions.clone().into_inner();
                    let versions =
                        if oldest == current { current.to_string() } else { format!("{oldest}..{current}") };
                    phrases.informed.replace("{id}", &requirement.notice).replace("{versions}", &versions)
                }
                Check::ShownBefore => continue,
            });
        }
        let mut holds = vec![phrases.lasts.replace("{}", &in_days(requirement.retention, phrases))];
        holds.extend(
            requirement.cool_down.map(|days| phrases.cool_down.replace("{}", &in_days(days, phrases))),
        );
        [named, given, holds]
    }

    fn duties_in_words(&self, lang: Lang) -> Line {
        let file = &self.case.regime.file;
        let duties = self.duties.iter().filter_map(|name| file.duties.get(*name));
        let lines =
            duties.map(|duty| Line::plain(format!("{} ({})", duty.says.of(lang), duty.article.get_ref())));
        Line::with(&Phrases::of(lang).duties, lines.collect())
    }

    /// What a reader must know besides: the rules that are not the law's own text.
    fn notes(&self, lang: Lang) -> Option<Line> {
        let phrases = Phrases::of(lang);
        let mut lines = Vec::new();
        let marked = self.marked(lang);
        if !marked.is_empty() {
            lines.push(Line::plain(phrases.marks.replace("{}", &marked.join(&phrases.and))));
        }
        (!lines.is_empty()).then(|| Line::with(&phrases.notes, lines))
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

fn in_days(span: Days, phrases: &Phrases) -> String {
    phrases.days.replace("{}", &span.days().to_string())
}
