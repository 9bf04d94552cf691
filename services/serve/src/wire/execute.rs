//! Running a statement: its private queries first, through the library; then the plan around them, over released rows.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DataFusionError, ParamValues};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::ClientInfo;
use pgwire::api::portal::Format;
use pgwire::api::results::{Response, Tag};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::TransactionStatus;

use super::connection::{Connection, Login};
use super::error::{error, fatal, info, of_plan, of_reasons, of_service};
use super::rows;
use super::statement::{Command, Prepared, Rows};
use crate::sandbox::{Answer, Priced, Released, Who};
use crate::sql::{Private, Split, mentions_tags, split};

/// The name of EXPLAIN's column.
pub(super) const PLAN: &str = "QUERY PLAN";

impl Connection {
    /// Who logged in, if the token is still in force: it is looked at for every statement.
    pub(super) fn login(&self) -> PgWireResult<Login> {
        let login = self.login.get().ok_or_else(|| fatal("08P01", "log in first"))?;
        match self.service.is_in_force(&login.caller) {
            Ok(true) => {
                // The catalogue of the study in force, which is another one after an adoption.
                let current =
                    login.caller.who.as_ref().map(|who| self.service.catalogues.of(&self.service, who));
                let current = current.transpose().map_err(|error| of_service(&error))?;
                let catalogue = current.unwrap_or_else(|| Arc::clone(&login.catalogue));
                Ok(Login { caller: login.caller.clone(), catalogue })
            }
            Ok(false) => Err(fatal("28000", "the token is no longer in force")),
            Err(error) => Err(of_service(&error)),
        }
    }

    /// Runs a statement within its time.
    pub(super) async fn run<C>(
        &self,
        client: &mut C,
        prepared: &Prepared,
        parameters: Option<ParamValues>,
        format: &Format,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let login = self.login()?;
        let ends = matches!(prepared, Prepared::Session(Command::Commit | Command::Rollback));
        if client.transaction_status() == TransactionStatus::Error && !ends {
            let message = "current transaction is aborted, commands ignored until end of transaction block";
            return Err(error("25P02", message));
        }
        let statement = match prepared {
            Prepared::Session(command) => return self.command(client.transaction_status(), command),
            Prepared::Rows(statement) => statement,
        };
        let limit = self.session.limit();
        let done = self.rows(client, &login, statement, parameters, format);
        match tokio::time::timeout(limit, done).await {
            Ok(done) => done,
            Err(_) => Err(error("57014", "canceling statement due to statement timeout")),
        }
    }

    fn command(&self, status: TransactionStatus, command: &Command) -> PgWireResult<Response> {
        Ok(match command {
            Command::Begin => Response::TransactionStart(Tag::new("BEGIN")),
            Command::Commit if status == TransactionStatus::Error => {
                Response::TransactionEnd(Tag::new("ROLLBACK"))
            }
            Command::Commit => Response::TransactionEnd(Tag::new("COMMIT")),
            Command::Rollback => Response::TransactionEnd(Tag::new("ROLLBACK")),
            Command::Done(tag) => Response::Execution(Tag::new(tag)),
            Command::Set(name, value) => {
                if !self.session.set(name, value) {
                    return Err(error("54000", "a setting is too long, or there are too many"));
                }
                Response::Execution(Tag::new("SET"))
            }
            Command::Reset(name) => {
                self.session.reset(name.as_deref());
                Response::Execution(Tag::new("RESET"))
            }
            Command::Show(name) => {
                let value = self.session.get(name);
                let value = value.ok_or_else(|| error("42704", "there is no setting of that name"))?;
                rows::texts(name, &[value])?
            }
        })
    }

    async fn rows<C>(
        &self,
        client: &mut C,
        login: &Login,
        statement: &Rows,
        parameters: Option<ParamValues>,
        format: &Format,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let failed = |error: &DataFusionError| of_plan(error, &statement.sql);
        let mut plan = statement.plan.clone();
        if let Some(parameters) = parameters {
            plan = plan.replace_params_with_values(&parameters).map_err(|error| failed(&error))?;
        }
        let schema = plan.schema().as_arrow().clone();
        let mut privates = Vec::new();
        if mentions_tags(&plan) {
            let state = login.catalogue.state();
            let done = split(plan, &login.catalogue.people, &state).map_err(|error| failed(&error))?;
            Split { plan, privates } = done;
        }
        let who = login.caller.who.clone().ok_or_else(|| fatal("28000", "the token is of no recipient"))?;
        let price = statement.price.clone().unwrap_or_else(|| self.session.price());
        let asked = Asking { connection: self, who, epoch: self.session.epoch(), price };
        if statement.explains {
            return rows::texts(PLAN, &asked.explained(&privates).await?);
        }
        for released in asked.all(&privates).await? {
            let notice = info("NOTICE", "00000", note(&released));
            client.feed(PgWireBackendMessage::NoticeResponse(notice.into())).await?;
        }
        let batches = self.outer(login, plan).await.map_err(|error| failed(&error))?;
        rows::rows(&schema, batches, format)
    }

    /// Runs the plan over released rows on threads of its own; a result that does not fit is refused as a whole.
    async fn outer(&self, login: &Login, plan: LogicalPlan) -> Result<Vec<RecordBatch>, DataFusionError> {
        let context = SessionContext::new_with_state(login.catalogue.state());
        let most = self.service.limits().outer_bytes.size();
        let work = async move {
            let mut stream = context.execute_logical_plan(plan).await?.execute_stream().await?;
            let (mut batches, mut held) = (Vec::new(), 0_usize);
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                held = held.saturating_add(batch.get_array_memory_size());
                if held > most {
                    return Err(DataFusionError::ResourcesExhausted("the result is too large".into()));
                }
                batches.push(batch);
            }
            Ok(batches)
        };
        let stopped = || DataFusionError::Internal("the plan stopped".into());
        self.service.catalogues.work.run(work).await.ok_or_else(stopped)?
    }
}

/// Asking the private queries of one statement.
struct Asking<'a> {
    connection: &'a Connection,
    who: Who,
    epoch: Option<String>,
    price: String,
}

impl Asking<'_> {
    /// The different texts, each with the private queries that it answers.
    fn texts<'p>(&self, privates: &'p [Private]) -> BTreeMap<String, Vec<&'p Private>> {
        let mut texts: BTreeMap<String, Vec<&Private>> = BTreeMap::new();
        for private in privates {
            if let Some(text) = private.text(&self.price) {
                texts.entry(text).or_default().push(private);
            }
        }
        texts
    }

    /// Asks them all. Several are priced together first, and refused as a whole where the budget does not hold them.
    async fn all(&self, privates: &[Private]) -> PgWireResult<Vec<Released>> {
        let texts = self.texts(privates);
        if texts.len() > 1 {
            self.check_together(texts.keys().cloned().collect()).await?;
        }
        let service = &self.connection.service;
        let mut all = Vec::new();
        for (text, privates) in texts {
            let asked = service.ask("postgres", &self.who, text, self.epoch.clone()).await;
            let released = match asked.map_err(|error| of_service(&error))?.answer {
                Answer::Released(released) => *released,
                Answer::Refused(reasons) => return Err(of_reasons(&reasons)),
            };
            for private in privates {
                private.fill(&released).map_err(|error| of_plan(&error, ""))?;
            }
            all.push(released);
        }
        Ok(all)
    }

    async fn check_together(&self, texts: Vec<String>) -> PgWireResult<()> {
        let priced = self.priced(texts).await?;
        let cost = priced.iter().filter(|priced| !priced.is_stored).map(|priced| priced.forecast.cost);
        let cost = cost.fold(0_u128, u128::saturating_add);
        let left = priced.iter().map(|priced| priced.left).min().unwrap_or(0);
        if cost > left {
            let message = format!(
                "the private queries of this statement cost {cost} together, and {left} are left: none was asked"
            );
            return Err(error("53400", message));
        }
        Ok(())
    }

    async fn priced(&self, texts: Vec<String>) -> PgWireResult<Vec<Priced>> {
        let (who, epoch) = (self.who.clone(), self.epoch.clone());
        let priced = self.connection.service.read(move |service| {
            let price = |text: &String| Ok(service.sandbox.price(&who, text, epoch.as_deref())?);
            texts.iter().map(price).collect::<Result<Vec<_>, _>>()
        });
        priced.await.map_err(|error| of_service(&error))
    }

    /// What EXPLAIN shows: every private query in its canonical form, with its cost and the widths of its numbers.
    async fn explained(&self, privates: &[Private]) -> PgWireResult<Vec<String>> {
        let texts: Vec<String> = self.texts(privates).into_keys().collect();
        if texts.is_empty() {
            return Ok(vec!["no private query, no charge".to_owned()]);
        }
        let mut lines = Vec::new();
        for priced in self.priced(texts).await? {
            let Priced { forecast, is_stored, left } = priced;
            lines.push(forecast.question.clone());
            lines.push(if is_stored {
                "  stored answer, no charge".to_owned()
            } else {
                format!("  costs {} of {left} {} that are left", forecast.cost, forecast.accounting.unit())
            });
            for part in &forecast.parts {
                let (name, width) = (&part.name, part.half_width);
                lines.push(format!("  {name} within {width} with confidence {}", forecast.confidence));
            }
        }
        Ok(lines)
    }
}

/// What a client is sent beside the rows: the charge, and where the answer stands in the log.
fn note(released: &Released) -> String {
    let charge = if released.stored {
        "stored answer, no charge".to_owned()
    } else {
        let left = released.budget.limit.saturating_sub(released.budget.spent);
        format!("charged {}, {left} left in the pool", released.units)
    };
    let hidden = released.rows.iter().filter(|row| row.suppressed).count();
    let hidden = if hidden == 0 { String::new() } else { format!("; {hidden} rows suppressed") };
    format!(
        "{charge}; log entry {}{hidden}; numbers are noised: see people_low and people_high",
        released.index
    )
}

/// The schema of a statement's result, for clients that ask before they run it.
pub(super) fn schema(statement: &Rows) -> Schema {
    statement.plan.schema().as_arrow().clone()
}
