//! Reads a page or a drawing with the tokenizer of a browser, and is stricter than a browser: every element is closed, in
//! order, and no mistake is corrected.
#![cfg(test)]

use std::cell::RefCell;

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, CharacterTokens, EndTag, ParseError, StartTag, TagToken, Token, TokenSink, TokenSinkResult,
    Tokenizer, TokenizerOpts,
};

/// Elements that have no content and no end.
const VOID: [&str; 7] = ["br", "hr", "img", "input", "link", "meta", "wbr"];

/// An element in the order of the document.
#[derive(Debug, Clone)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attributes as they are read.
    pub attributes: Vec<(String, String)>,
    /// All text inside it.
    pub text: String,
    /// The names of the elements around it, the outermost first.
    pub around: Vec<String>,
}

impl Element {
    /// The attribute, if it has it.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A page that was read.
#[derive(Debug, Default)]
pub struct Page {
    /// Its elements.
    pub elements: Vec<Element>,
    /// What is wrong with it.
    pub mistakes: Vec<String>,
    /// The positions of elements that are not closed yet.
    open: Vec<usize>,
}

struct Sink(RefCell<Page>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            TagToken(tag) if tag.kind == StartTag => {
                let name = tag.name.to_string();
                page.begin(
                    &name,
                    tag.attrs.iter().map(|a| (a.name.local.to_string(), a.value.to_string())).collect(),
                );
                return match name.as_str() {
                    "style" if page.open.len() < 4 => TokenSinkResult::RawData(RawKind::Rawtext),
                    "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                    _ => TokenSinkResult::Continue,
                };
            }
            TagToken(tag) if tag.kind == EndTag => page.end(&tag.name, line),
            CharacterTokens(text) => page.say(&text),
            ParseError(error) => page.mistakes.push(format!("line {line}: {error}")),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Page {
    /// Reads a page.
    pub fn read(text: &str) -> Self {
        let input = BufferQueue::default();
        input.push_back(text.into());
        let options = TokenizerOpts { exact_errors: true, ..TokenizerOpts::default() };
        let tokenizer = Tokenizer::new(Sink(RefCell::default()), options);
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        let mut page = tokenizer.sink.0.into_inner();
        let open: Vec<String> = page.open.iter().map(|at| page.elements[*at].name.clone()).collect();
        page.mistakes.extend(open.into_iter().map(|name| format!("`{name}` is not closed")));
        page
    }

    fn begin(&mut self, name: &str, attributes: Vec<(String, String)>) {
        let around = self.open.iter().map(|at| self.elements[*at].name.clone()).collect();
        let element = Element { name: name.to_owned(), attributes, text: String::new(), around };
        self.elements.push(element);
        if !VOID.contains(&name) {
            self.open.push(self.elements.len() - 1);
        }
    }

    fn end(&mut self, name: &str, line: u64) {
        match self.open.pop().map(|at| self.elements[at].name.clone()) {
            Some(open) if open == name => {}
            other => self.mistakes.push(format!("line {line}: `{name}` ends inside {other:?}")),
        }
    }

    fn say(&mut self, text: &str) {
        for at in self.open.clone() {
            self.elements[at].text.push_str(text);
        }
    }

    /// All elements of a name.
    pub fn all(&self, name: &str) -> Vec<&Element> {
        self.elements.iter().filter(|element| element.name == name).collect()
    }

    /// The element with an id.
    pub fn with_id(&self, id: &str) -> &Element {
        let found = self.elements.iter().find(|element| element.attribute("id") == Some(id));
        found.unwrap_or_else(|| panic!("nothing has the id `{id}`"))
    }

    /// The text of the body with one space where there are several.
    pub fn text(&self) -> String {
        squeezed(&self.all("body")[0].text)
    }
}

/// A text with one space where there is more.
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
