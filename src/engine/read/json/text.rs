//! The bytes of a JSON text as the parser takes them, with an account of lines, of length, and of the records by their brackets.

use std::cell::RefCell;
use std::io::{Error, ErrorKind, Read};
use std::rc::Rc;

use super::super::csv::{Bad, Next, Source};

/// What has been read, shared between the text and the parser behind it.
pub(super) struct Account {
    /// The physical line of the last byte, from 1.
    pub(super) line: u64,
    /// The place in the line of the last byte, from 1.
    pub(super) column: u64,
    /// Bytes that the record under way may still have.
    pub(super) left: u64,
    /// Why the text does not go on, if it ended for another reason than its end.
    pub(super) bad: Option<Bad>,
    brackets: Brackets,
}

impl Account {
    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            (self.line, self.column) = (self.line + 1, 0);
        } else {
            self.column += 1;
        }
        self.brackets.take(byte);
    }

    /// Records begin at the depth that has been come to, or, without a list, at documents.
    pub(super) fn begin_records(&mut self) {
        self.brackets.records_at = Some(self.brackets.depth);
    }

    /// What comes next is no record.
    pub(super) fn end_records(&mut self) {
        self.brackets.records_at = None;
    }

    /// Records so far, counted by their brackets alone.
    pub(super) fn counted(&self) -> u64 {
        self.brackets.counted
    }
}

/// Counts the objects that open at one depth: a second rule for how many records there are, which knows nothing of values.
#[derive(Default)]
struct Brackets {
    depth: u64,
    in_text: bool,
    escaped: bool,
    records_at: Option<u64>,
    counted: u64,
}

impl Brackets {
    fn take(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_text => self.escaped = true,
            b'"' => self.in_text = !self.in_text,
            _ if self.in_text => {}
            b'{' | b'[' => {
                self.counted += u64::from(byte == b'{' && self.records_at == Some(self.depth));
                self.depth += 1;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// A text that is handed over byte by byte, so that nothing beyond a record is taken with it.
pub(super) struct Text {
    source: Source,
    buffer: Vec<u8>,
    at: usize,
    next: Option<Next>,
    account: Rc<RefCell<Account>>,
}

impl Text {
    pub(super) fn new(source: Source) -> (Self, Rc<RefCell<Account>>) {
        let account =
            Account { line: 1, column: 0, left: u64::MAX, bad: None, brackets: Brackets::default() };
        let account = Rc::new(RefCell::new(account));
        let text =
            Self { source, buffer: Vec::new(), at: 0, next: Some(Next::More), account: Rc::clone(&account) };
        (text, account)
    }

    /// The next byte; `None` at the end.
    fn peek(&mut self) -> std::io::Result<Option<u8>> {
        while self.at == self.buffer.len() {
            match self.next.take() {
                Some(Next::More) => {
                    self.buffer.clear();
                    self.at = 0;
                    self.next = Some(self.source.fill(&mut self.buffer));
                }
                Some(Next::Stop(bad)) => {
                    self.account.borrow_mut().bad = Some(bad);
                    return Err(ErrorKind::InvalidData.into());
                }
                Some(Next::End) | None => return Ok(None),
            }
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn pass(&mut self, byte: u8) {
        self.at += 1;
        self.account.borrow_mut().take(byte);
    }

    /// Skips a byte order mark before the first document.
    pub(super) fn pass_mark(&mut self) -> std::io::Result<()> {
        self.peek()?;
        // A source never cuts a character in two.
        if self.buffer.starts_with("\u{feff}".as_bytes()) {
            self.at = "\u{feff}".len();
        }
        Ok(())
    }

    /// Passes over white space between documents; whether the text ends there.
    pub(super) fn pass_white_space(&mut self) -> std::io::Result<bool> {
        loop {
            match self.peek()? {
                None => return Ok(true),
                Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) => self.pass(byte),
                Some(_) => return Ok(false),
            }
        }
    }
}

impl Read for Text {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let Some(slot) = out.first_mut() else { return Ok(0) };
        let Some(byte) = self.peek()? else { return Ok(0) };
        let mut account = self.account.borrow_mut();
        account.left = account.left.checked_sub(1).ok_or_else(|| Error::from(ErrorKind::FileTooLarge))?;
        drop(account);
        self.pass(byte);
        *slot = byte;
        Ok(1)
    }
}
