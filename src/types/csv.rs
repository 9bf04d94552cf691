//! How CSV files of a dataset or of consents are written, where that is not UTF-8 with commas and a header in the first line.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A text encoding, by any label of the WHATWG Encoding Standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(&'static encoding_rs::Encoding);

impl TextEncoding {
    /// The encoding of a label such as `gb18030`, `gbk`, `big5`, `shift_jis`, `utf-16le` or `windows-1252`; `None` if the standard has
    /// no such label or reads nothing under it.
    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Self)
    }

    /// The decoder's own type.
    pub(crate) fn get(self) -> &'static encoding_rs::Encoding {
        self.0
    }
}

/// How CSV files are written. Parquet and Arrow files declare it themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsvDialect {
    /// The encoding; without it UTF-8, or UTF-16 where the file begins with its byte order mark.
    pub encoding: Option<TextEncoding>,
    /// The separator of cells; without it a comma, or what the header shows.
    pub separator: Option<Separator>,
    /// Physical lines above the header.
    pub skip_lines: u32,
}

/// The separator of the cells of a CSV file: one ASCII character, neither letter nor digit, quote, line end or NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separator(u8);

impl Separator {
    /// The separator of RFC 4180.
    pub const COMMA: Self = Self(b',');
    /// The separators that are recognised where none is declared, in this order.
    pub const RECOGNISED: [Self; 4] = [Self::COMMA, Self(b';'), Self(b'\t'), Self(b'|')];

    /// A separator of one character.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() => {
                (!matches!(byte, b'"' | b'\r' | b'\n' | 0)).then_some(Self(*byte))
            }
            _ => None,
        }
    }

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }
}

impl std::fmt::Display for Separator {
    /// As TOML writes it inside quotes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            b'\t' => f.write_str("\\t"),
            b'\\' => f.write_str("\\\\"),
            byte if byte.is_ascii_control() => write!(f, "\\u{byte:04x}"),
            byte => write!(f, "{}", char::from(byte)),
        }
    }
}

impl<'de> Deserialize<'de> for TextEncoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let label = String::deserialize(deserializer)?;
        Self::of(&label).ok_or_else(|| {
            let label: String = label.chars().take(80).collect();
            D::Error::custom(format!(
                "unknown encoding `{label}`: name it as browsers do, such as gb18030, big5 or windows-1252"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Separator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| {
            D::Error::custom("a separator is one ASCII character, neither letter nor digit, quote nor line end, such as \";\" or \"\\t\"")
        })
    }
}

impl JsonSchema for TextEncoding {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextEncoding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl JsonSchema for Separator {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Separator".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 1 })
    }
}
