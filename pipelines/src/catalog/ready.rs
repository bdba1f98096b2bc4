//! A statement that is planned to its end and waits to be run: what a door gets from [`super::Catalog::apart`].

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};

/// See the module.
pub struct Ready {
    schema: SchemaRef,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl Ready {
    /// Plans `frame` to its end, with the cut that it will read.
    ///
    /// # Errors
    /// What can't be planned.
    pub async fn new(frame: DataFrame) -> Result<Self> {
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let context = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await?;
        Ok(Self { schema, plan, context })
    }

    /// The columns as they are announced: what is executed may know better which are never null.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Runs it, on threads of its own.
    ///
    /// # Errors
    /// If it can't begin.
    pub fn rows(self) -> Result<SendableRecordBatchStream> {
        execute_stream(self.plan, self.context)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("schema", &self.schema).finish_non_exhaustive()
    }
}
