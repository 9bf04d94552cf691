//! Consent events as columns.

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, BooleanBuilder, Int64Builder, StringBuilder};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::Population;
use super::batches::{Table, schema};
use super::consents::{Event, Trigger, rfc3339};

/// The columns of `consents`.
#[derive(Default)]
pub(super) struct Columns {
    person: StringBuilder,
    ids: StringBuilder,
    handler: StringBuilder,
    event: StringBuilder,
    kind: StringBuilder,
    trigger: StringBuilder,
    purpose: StringBuilder,
    recipient: StringBuilder,
    categories: StringBuilder,
    methods: StringBuilder,
    notice: StringBuilder,
    notice_version: Int64Builder,
    shown_at: StringBuilder,
    at: StringBuilder,
    valid_to: StringBuilder,
    giver: StringBuilder,
    own_step: BooleanBuilder,
    pre_ticked: BooleanBuilder,
    bundle_size: Int64Builder,
    service_gate: BooleanBuilder,
    service_necessary: BooleanBuilder,
}

impl Columns {
    fn push(&mut self, population: &Population, person: &str, trigger: Trigger, event: &Event<'_>) {
        let terms = &population.config().terms;
        let asked = event.asked.as_ref();
        self.person.append_value(person);
        self.ids.append_value(&terms.ids);
        self.handler.append_value(event.handler);
        self.event.append_value(event.event);
        self.kind.append_value(event.kind);
        self.trigger.append_value(trigger.name());
        self.purpose.append_value(event.purpose);
        self.recipient.append_value(event.recipient);
        self.categories.append_value(event.categories.join("|"));
        self.methods.append_value(terms.methods.join("|"));
        self.notice.append_value(&terms.notice);
        self.notice_version.append_value(i64::from(event.notice_version));
        self.shown_at.append_option(asked.map(|asked| rfc3339(asked.shown_at)));
        self.at.append_value(&event.at);
        self.valid_to.append_option(asked.and_then(|asked| asked.valid_to).map(rfc3339));
        self.giver.append_value(event.giver);
        self.own_step.append_option(asked.map(|asked| asked.own_step));
        self.pre_ticked.append_option(asked.map(|asked| asked.pre_ticked));
        self.bundle_size.append_option(asked.map(|asked| asked.bundle_size));
        self.service_gate.append_option(asked.map(|asked| asked.service_gate));
        self.service_necessary.append_option(asked.map(|_| false));
    }
}

impl Table for Columns {
    fn schema() -> SchemaRef {
        schema(&[
            ("person", DataType::Utf8, false),
            ("ids", DataType::Utf8, false),
            ("handler", DataType::Utf8, false),
            ("event", DataType::Utf8, false),
            ("kind", DataType::Utf8, false),
            ("trigger", DataType::Utf8, false),
            ("purpose", DataType::Utf8, false),
            ("recipient", DataType::Utf8, false),
            ("categories", DataType::Utf8, false),
            ("methods", DataType::Utf8, false),
            ("notice", DataType::Utf8, false),
            ("notice_version", DataType::Int64, false),
            ("shown_at", DataType::Utf8, true),
            ("at", DataType::Utf8, false),
            ("valid_to", DataType::Utf8, true),
            ("giver", DataType::Utf8, false),
            ("own_step", DataType::Boolean, true),
            ("pre_ticked", DataType::Boolean, true),
            ("bundle_size", DataType::Int64, true),
            ("service_gate", DataType::Boolean, true),
            ("service_necessary", DataType::Boolean, true),
        ])
    }

    fn add(&mut self, population: &Population, index: u32) {
        let case = population.consent_case(index);
        let person = population.id(index);
        for trigger in [Trigger::Sc23, Trigger::Sc29] {
            let mut events = population.consent_history(index, trigger, case.flaw_of(trigger));
            // Readers must go by the times, not by the order of the rows.
            if index % 2 == 1 {
                events.reverse();
            }
            for event in &events {
                self.push(population, &person, trigger, event);
            }
        }
    }

    fn rows(&self) -> usize {
        self.person.len()
    }

    fn take(&mut self, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.person.finish()),
            Arc::new(self.ids.finish()),
            Arc::new(self.handler.finish()),
            Arc::new(self.event.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.trigger.finish()),
            Arc::new(self.purpose.finish()),
            Arc::new(self.recipient.finish()),
            Arc::new(self.categories.finish()),
            Arc::new(self.methods.finish()),
            Arc::new(self.notice.finish()),
            Arc::new(self.notice_version.finish()),
            Arc::new(self.shown_at.finish()),
            Arc::new(self.at.finish()),
            Arc::new(self.valid_to.finish()),
            Arc::new(self.giver.finish()),
            Arc::new(self.own_step.finish()),
            Arc::new(self.pre_ticked.finish()),
            Arc::new(self.bundle_size.finish()),
            Arc::new(self.service_gate.finish()),
            Arc::new(self.service_necessary.finish()),
        ];
        RecordBatch::try_new(schema, columns)
    }
}
