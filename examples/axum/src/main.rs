//! A service around a sandbox: analysts ask over HTTP with a token, the operator seals and reads the budget with another.
//!
//! It listens on loopback; put TLS in front of it. Settings come from the environment: `HUSHTAG_BOX` (the sandbox),
//! `HUSHTAG_INPUT` (where seals find `DATASET.parquet` and `consents.parquet`), `HUSHTAG_RECIPIENT`, and the SHA-256 of
//! both tokens in hexadecimal, `ANALYST_TOKEN_SHA256` and `OPERATOR_TOKEN_SHA256`: the tokens themselves stay with those
//! who use them.

mod api;
mod token;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hushtag::{Keys, Operator, RecipientId, SystemClock};

use api::Service;
use token::TokenHash;

fn setting(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(setting("HUSHTAG_BOX")?);
    let operator = Operator::open(&folder, Keys::InFolder, Box::new(SystemClock), Duration::from_secs(5))?;
    let analyst = operator.analyst(&RecipientId::new(&setting("HUSHTAG_RECIPIENT")?)?, None)?;
    let service = Service {
        operator,
        analyst,
        input: setting("HUSHTAG_INPUT")?.into(),
        analyst_token: TokenHash::from_hex(&setting("ANALYST_TOKEN_SHA256")?)?,
        operator_token: TokenHash::from_hex(&setting("OPERATOR_TOKEN_SHA256")?)?,
    };
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, api::router(Arc::new(service)))
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}
