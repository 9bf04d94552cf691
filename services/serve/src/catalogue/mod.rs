//! What clients of the wire see: `tags` without rows, `vocabulary`, `metrics`, `budget`, `epochs`, and PostgreSQL's own catalogue of them.

mod functions;
mod information_schema;
mod reflection;
mod tables;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::setup_pg_catalog;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

pub use reflection::columns_as;
pub use work::Work;

use crate::sandbox::Who;
use crate::service::{Service, ServiceError};
use crate::sql::{People, TagsTable};

/// The name of the database that clients see.
pub const DATABASE: &str = "hushtag";
/// The version that clients see: that of the PostgreSQL whose catalogue and types are shown.
pub const SERVER_VERSION: &str = "16.6";

/// The catalogue of one recipient.
pub struct Catalogue {
    /// What `tags` has.
    pub people: Arc<People>,
    /// The parser for statements about PostgreSQL's catalogue.
    pub compatibility: PostgresCompatibilityParser,
    context: SessionContext,
    tables: Vec<(&'static str, SchemaRef)>,
}

impl Catalogue {
    /// The state for one statement alone: no statement leaves anything to another.
    #[must_use]
    pub fn state(&self) -> SessionState {
        self.context.state()
    }

    /// The tables with their columns.
    #[must_use]
    pub fn tables(&self) -> &[(&'static str, SchemaRef)] {
        &self.tables
    }

    fn new(service: &Arc<Service>, who: &Who) -> Result<Self, ServiceError> {
        let sandbox = &service.sandbox;
        let people = Arc::new(People::new(&sandbox.vocabulary(who)?, sandbox.sums_are_counted(who)?));
        Self::build(service, who, Arc::clone(&people)).map_err(|error| {
            tracing::error!("a catalogue cannot be built: {error}");
            ServiceError::Stopped
        })
    }

    fn build(service: &Arc<Service>, who: &Who, people: Arc<People>) -> Result<Self> {
        let memory = service.limits().outer_bytes.size();
        let environment = RuntimeEnvBuilder::new().with_memory_limit(memory, 1.0).build_arc()?;
        let config = SessionConfig::new()
            .with_information_schema(false)
            .with_default_catalog_and_schema(DATABASE, "public")
            .with_target_partitions(1);
        let context = SessionContext::new_with_config_rt(config, environment);
        let catalog = Arc::new(Quiet(MemoryCatalogProvider::new()));
        catalog.register_schema("public", Arc::new(MemorySchemaProvider::new()))?;
        context.register_catalog(DATABASE, Arc::clone(&catalog) as Arc<dyn CatalogProvider>);
        let own = tables::all(service, who)?;
        let tags: (&str, Arc<dyn TableProvider>) = ("tags", Arc::new(TagsTable(Arc::clone(&people))));
        let mut listed = Vec::new();
        for (name, table) in std::iter::once(tags).chain(own) {
            listed.push((name, table.schema()));
            context.register_table(name, table)?;
        }
        setup_pg_catalog(&context, DATABASE, EmptyContextProvider).map_err(|error| *error)?;
        catalog.register_schema("information_schema", information_schema::schema(&listed)?)?;
        functions::register(&context);
        let compatibility = PostgresCompatibilityParser::new();
        Ok(Self { people, compatibility, context, tables: listed })
    }
}

/// The catalogues, each built when its recipient first comes in.
#[derive(Default)]
pub struct Catalogues {
    built: Mutex<HashMap<Who, Arc<Catalogue>>>,
    /// Where plans over released rows run.
    pub work: Work,
}

impl Catalogues {
    /// The catalogue of `who`.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn of(&self, service: &Arc<Service>, who: &Who) -> Result<Arc<Catalogue>, ServiceError> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalogue) = built.get(who) {
            return Ok(Arc::clone(catalogue));
        }
        let catalogue = Arc::new(Catalogue::new(service, who)?);
        built.insert(who.clone(), Arc::clone(&catalogue));
        Ok(catalogue)
    }

    /// Builds them anew, after a study was adopted.
    pub fn forget(&self) {
        self.built.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A catalogue that answers for `information_schema` without listing it: `pg_class` would show its tables as the user's own.
#[derive(Debug)]
struct Quiet(MemoryCatalogProvider);

impl CatalogProvider for Quiet {
    fn schema_names(&self) -> Vec<String> {
        let mut names = self.0.schema_names();
        names.retain(|name| name != "information_schema");
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.0.schema(name)
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.0.register_schema(name, schema)
    }
}
