//! Whether what templates name is there in the cloud, and what they need is allowed.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Finding, Inspection};
use crate::domain::template::ProviderKind;

/// Asks the cloud for everything that the templates which can be used name and need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExamineTemplates;

impl Message for ExamineTemplates {
    const NAME: &'static str = "ExamineTemplates";
    /// `None` without a cloud.
    type Output = Option<Vec<Finding>>;
}

impl Query for ExamineTemplates {}

/// Answers [`ExamineTemplates`].
#[derive(Component)]
#[shaku(interface = Handler<ExamineTemplates>)]
pub struct ExamineTemplatesHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    inspections: HashMap<ProviderKind, Arc<dyn Inspection>>,
}

#[async_trait]
impl Handler<ExamineTemplates> for ExamineTemplatesHandler {
    async fn handle(&self, _: ExamineTemplates) -> Result<Option<Vec<Finding>>, ApplicationError> {
        let engine = self.engine.engine();
        let kind = engine.default_api.kind();
        let inspection = self.inspections.get(&kind).ok_or_else(|| ApplicationError::no_provider(&kind))?;
        // Who has no id yet owns nothing; why there is none is for the store to tell.
        let installation = engine.installation.id().ok();
        Ok(inspection.examine(&engine.templates.review(None)?.accepted, installation.as_ref()).await?)
    }
}
