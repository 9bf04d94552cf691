//! What the service writes about itself: lines of JSON on stderr, and spans to a collector of OpenTelemetry.
//!
//! # Privacy
//! Spans are those of this crate and of the library, whose names and fields are closed lists without SQL, labels, tokens or numbers of
//! people; spans of other crates are not sent.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::settings::Traces;

const SERVICE: &str = "hushtag-serve";

/// Sends what is left when it is dropped.
#[must_use = "spans are sent until this is dropped"]
pub struct Tracing(Option<SdkTracerProvider>);

impl Drop for Tracing {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // A collector that does not answer loses spans, and nothing else.
            let _ = provider.shutdown();
        }
    }
}

/// Writes the log to stderr, of which `HUSHTAG_SERVE_LOG` says which lines, and sends spans where `traces` says. Call it on no thread of a
/// runtime.
///
/// # Errors
/// [`ExporterBuildError`] for an endpoint that is no URL.
pub fn begin(traces: Option<&Traces>) -> Result<Tracing, ExporterBuildError> {
    let filter = EnvFilter::try_from_env("HUSHTAG_SERVE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().json().with_writer(std::io::stderr).with_filter(filter);
    let provider = traces.map(provider).transpose()?;
    let spans = provider.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE));
        let layer = layer.with_location(false).with_threads(false);
        layer.with_filter(Targets::new().with_target("hushtag", Level::INFO))
    });
    // A test may have set one already.
    let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
    // The message of a panic may quote what a client sent, so only its place is written.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "a thread panicked; its connection is closed, and nothing else is");
    }));
    Ok(Tracing(provider))
}

fn provider(traces: &Traces) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().with_endpoint(traces.endpoint.as_str()).build()?;
    let resource = Resource::builder().with_service_name(SERVICE).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
