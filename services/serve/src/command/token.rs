//! `token new`, `token list`, `token revoke`.

use std::fmt::Write;

use clap::{Args, Subcommand};

use super::{CommandError, Config, print, tokens};
use crate::sandbox::{Clock, SystemClock, Timestamp};
use crate::settings::ServeFile;
use crate::tokens::{Record, Role, TokenError, TokenStore};

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// Make a token and print it: this is the only time it is seen, only its hash is kept
    New(New),
    /// List tokens: ids, roles, recipients, ends
    List(Config),
    /// Revoke a token: it opens nothing more, also where it is in use
    Revoke(Revoke),
}

/// A new token.
#[derive(Debug, Args)]
pub(super) struct New {
    #[command(flatten)]
    config: Config,
    /// What it lets its holder do
    #[arg(long, value_enum, default_value = "analyst")]
    role: Role,
    /// Of which recipient, for analysts
    #[arg(long)]
    recipient: Option<String>,
    /// Under which study, if several name the recipient
    #[arg(long, requires = "recipient")]
    study: Option<String>,
    /// How long it lasts
    #[arg(long, default_value_t = 90)]
    days: u32,
}

/// A token to revoke.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    config: Config,
    /// Its id, as `token list` shows it
    id: String,
}

impl Tokens {
    pub(super) fn run(self) -> Result<(), CommandError> {
        match self {
            Self::New(new) => {
                let file = ServeFile::read(&new.config.config)?;
                if new.role.is_of_evaluation() != matches!(file, ServeFile::Evaluation(_)) {
                    return Err(TokenError::Role(new.role.as_str()).into());
                }
                let store = TokenStore::open(file.state())?;
                let who = (new.recipient.as_deref(), new.study.as_deref());
                let (token, _) = store.add(new.role, who, new.days, SystemClock.now())?;
                print(&token.reveal())
            }
            Self::List(config) => print(&list(&tokens(&config.config)?.list()?, SystemClock.now())),
            Self::Revoke(revoke) => {
                let record = tokens(&revoke.config.config)?.revoke(&revoke.id)?;
                print(&format!("revoked {}", record.id))
            }
        }
    }
}

fn list(records: &[Record], now: Timestamp) -> String {
    let mut text = format!("{:<12}  {:<8}  {:<24}  {:<20}", "id", "role", "recipient", "ends");
    for record in records {
        let ends = Timestamp::from_seconds(record.expires);
        let over = if now < ends { "" } else { " (over)" };
        let recipient = record.recipient.as_deref().unwrap_or("-");
        let _ =
            write!(text, "\n{:<12}  {:<8}  {recipient:<24}  {ends}{over}", record.id, record.role.as_str());
    }
    text
}
