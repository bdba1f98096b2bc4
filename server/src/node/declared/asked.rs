//! Whether the queries of alert rules can be asked: planned for whom they will see, with the columns that a rule reads.
//!
//! A query may rely on a meter that is declared beside it, so it is not asked before that is there. Not here: running them
//! (`reactions`).

use std::sync::Arc;
use std::time::Duration;

use actors::facets::alerts::AlertsCommand;
use actors::rule::Measure;
use actors::{Command, PLATFORM};
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, SchemaRef};
use engine::event::schema::units_type;
use pipelines::catalog::Visibility;

use crate::node::Node;

use super::{Step, WrongReason};

/// Longest that one may take to be planned.
const LONGEST: Duration = Duration::from_secs(5);
const FIELD: &str = "spec.measure.query.sql";

impl Node {
    /// The steps whose rules ask what can't be asked.
    pub(super) async fn misasked(
        self: &Arc<Self>,
        steps: &[Step],
        commands: &[(usize, Command)],
    ) -> Vec<(usize, WrongReason)> {
        if commands.iter().any(|(_, command)| command.defines().is_some()) {
            return Vec::new();
        }
        let mut wrong = Vec::new();
        for (index, command) in commands {
            if let Command::Alerts(AlertsCommand::Declare { rule, .. }) = command
                && let Measure::Query { sql, .. } = &rule.measure
                && let Err(words) = self.can_ask(steps[*index].owner(), sql).await
            {
                wrong.push((*index, WrongReason::Field(FIELD, words)));
            }
        }
        wrong
    }

    async fn can_ask(self: &Arc<Self>, owner: &str, sql: &str) -> Result<(), String> {
        let is_platform = owner == PLATFORM;
        let visibility = if is_platform { Visibility::Platform } else { Visibility::Tenant(owner.to_owned()) };
        let (node, sql) = (Arc::clone(self), sql.to_owned());
        let plan = async move {
            let frame = node.catalog.query(&visibility, &sql).await;
            frame.map(|frame| Arc::clone(frame.schema().inner())).map_err(|error| error.to_string())
        };
        let planned = tokio::time::timeout(LONGEST, self.catalog.apart(plan)).await;
        let planned = planned.map_err(|_| format!("can't be planned in {} s", LONGEST.as_secs()))?;
        fits(&planned.map_err(|error| error.to_string())??, is_platform)
    }
}

fn fits(schema: &SchemaRef, is_platform: bool) -> Result<(), String> {
    let is_of = |name: &str, wanted: &DataType| match schema.field_with_name(name) {
        Ok(field) if can_cast_types(field.data_type(), wanted) => Ok(()),
        Ok(field) => {
            Err(format!("has a column `{name}` of the type {}, which can't be read as one", field.data_type()))
        }
        Err(_) => Err(format!("has no column `{name}`")),
    };
    is_of("value", &units_type())?;
    if is_platform { is_of("tenant", &DataType::Utf8) } else { Ok(()) }
}
