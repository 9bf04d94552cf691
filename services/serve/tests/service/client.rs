//! A client, and what it is sent beside the rows.

use std::sync::{Arc, Mutex};

use futures::{StreamExt, stream};
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage};

use crate::support::{World, runtime};

/// Names of columns, and rows of texts.
pub(crate) type Table = (Vec<String>, Vec<Vec<Option<String>>>);

/// A connection with its notices.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) notices: Arc<Mutex<Vec<String>>>,
}

/// Connects.
pub(crate) fn connect(world: &World) -> Connected {
    runtime().block_on(async {
        let (client, mut connection) = tokio_postgres::connect(&world.dsn(), NoTls).await.unwrap();
        let notices: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&notices);
        tokio::spawn(async move {
            let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    kept.lock().unwrap().push(notice.message().to_owned());
                }
            }
        });
        Connected { client, notices }
    })
}

impl Connected {
    /// Rows in the simple protocol: names of columns, and texts.
    pub(crate) fn rows(&self, sql: &str) -> Result<Table, tokio_postgres::Error> {
        let messages = runtime().block_on(self.client.simple_query(sql))?;
        let (mut names, mut rows) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    names = columns.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect());
                }
                _ => {}
            }
        }
        Ok((names, rows))
    }

    /// The SQLSTATE and the text of the error.
    pub(crate) fn error(&self, sql: &str) -> (String, String) {
        let error = self.rows(sql).map(|rows| panic!("{sql}: {rows:?}")).unwrap_err();
        let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}")).clone();
        (error.code().code().to_owned(), error.message().to_owned())
    }

    /// How many of the notices since the last call say that something was charged.
    pub(crate) fn charges(&self) -> usize {
        std::mem::take(&mut *self.notices.lock().unwrap())
            .iter()
            .filter(|text| text.starts_with("charged"))
            .count()
    }
}
