//! What a study names on paper: documents, the text of the notice and the consent screens, each with its digest where it has one.

use super::regime::{Lang, Regime};
use super::study::Study;
use crate::types::{Sha256, Timestamp};

/// What a paper is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaperKind {
    /// A document under `[documents]`.
    Document,
    /// The text of the notice.
    Notice,
    /// A screen on which consents were given.
    Screen,
}

/// A document, notice text or consent screen that a study names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Paper {
    /// What it is.
    pub kind: PaperKind,
    /// Its key in the study: the kind of document, `notice`, or the name of a screen.
    pub key: String,
    /// Its id: of a document and of the notice as the study gives it, of a screen its name.
    pub id: String,
    /// The day on which a document was approved.
    #[serde(skip)]
    pub approved: Option<Timestamp>,
    /// The day on which a document expires.
    #[serde(skip)]
    pub expires: Option<Timestamp>,
    /// Its digest, if the study has one.
    #[serde(serialize_with = "in_hex", skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

fn in_hex<S: serde::Serializer>(digest: &Option<Sha256>, serializer: S) -> Result<S::Ok, S::Error> {
    match digest {
        Some(digest) => serializer.collect_str(digest),
        None => serializer.serialize_none(),
    }
}

impl Study {
    /// Everything that the study names on paper.
    #[must_use]
    pub fn papers(&self) -> Vec<Paper> {
        let documents = self.documents.iter().map(|(kind, document)| Paper {
            kind: PaperKind::Document,
            key: kind.clone(),
            id: document.id.clone(),
            approved: Some(document.approved),
            expires: Some(document.expires),
            sha256: document.sha256,
        });
        let plain = |kind, key: &str, id: &str, sha256| Paper {
            kind,
            key: key.to_owned(),
            id: id.to_owned(),
            approved: None,
            expires: None,
            sha256,
        };
        let notice = plain(PaperKind::Notice, "notice", &self.notice.id, self.notice.sha256);
        let screens = self.notice.screens.iter();
        let screens =
            screens.map(|screen| plain(PaperKind::Screen, &screen.name, &screen.name, screen.sha256));
        documents.chain([notice]).chain(screens).collect()
    }
}

impl Regime {
    /// What a paper is called; the key of one that the regime does not know.
    #[must_use]
    pub fn paper_title(&self, paper: &Paper, lang: Lang) -> String {
        let phrases = super::phrases::Phrases::of(lang);
        match paper.kind {
            PaperKind::Document => self.document_title(&paper.key, lang).to_owned(),
            PaperKind::Notice => phrases.notice_text.clone(),
            PaperKind::Screen => phrases.screen.clone(),
        }
    }
}
