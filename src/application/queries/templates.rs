//! Templates for operators: one of them, and how a whole file is read.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{TemplateCatalogue, TemplateReview};
use crate::domain::TemplateId;
use crate::domain::template::Template;

/// Asks for one template.
#[derive(Debug, Clone)]
pub struct ShowTemplate {
    /// The template.
    pub id: TemplateId,
}

impl Message for ShowTemplate {
    const NAME: &'static str = "ShowTemplate";
    type Output = Template;
}

impl Query for ShowTemplate {}

/// Answers [`ShowTemplate`] from the template file.
#[derive(Component)]
#[shaku(interface = Handler<ShowTemplate>)]
pub struct ShowTemplateHandler {
    #[shaku(inject)]
    templates: Arc<dyn TemplateCatalogue>,
}

#[async_trait]
impl Handler<ShowTemplate> for ShowTemplateHandler {
    async fn handle(&self, query: ShowTemplate) -> Result<Template, ApplicationError> {
        Ok(self.templates.find(&query.id)?)
    }
}

/// Asks how each template of a file is read.
#[derive(Debug, Clone)]
pub struct ReviewTemplates {
    /// The file; the one in force when there is none.
    pub file: Option<PathBuf>,
}

impl Message for ReviewTemplates {
    const NAME: &'static str = "ReviewTemplates";
    type Output = TemplateReview;
}

impl Query for ReviewTemplates {}

/// Answers [`ReviewTemplates`].
#[derive(Component)]
#[shaku(interface = Handler<ReviewTemplates>)]
pub struct ReviewTemplatesHandler {
    #[shaku(inject)]
    templates: Arc<dyn TemplateCatalogue>,
}

#[async_trait]
impl Handler<ReviewTemplates> for ReviewTemplatesHandler {
    async fn handle(&self, query: ReviewTemplates) -> Result<TemplateReview, ApplicationError> {
        Ok(self.templates.review(query.file.as_deref())?)
    }
}
