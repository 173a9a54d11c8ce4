//! What hosts are on offer.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Listing, TemplateCatalogue};

/// Asks for every template.
#[derive(Debug, Clone, Copy)]
pub struct GetAvailableTemplates;

impl Message for GetAvailableTemplates {
    const NAME: &'static str = "GetAvailableTemplates";
    type Output = Listing;
}

impl Query for GetAvailableTemplates {}

/// Answers from the template files alone: no store, no cloud, no waiting.
#[derive(Component)]
#[shaku(interface = Handler<GetAvailableTemplates>)]
pub struct GetAvailableTemplatesHandler {
    #[shaku(inject)]
    templates: Arc<dyn TemplateCatalogue>,
}

#[async_trait]
impl Handler<GetAvailableTemplates> for GetAvailableTemplatesHandler {
    async fn handle(&self, _: GetAvailableTemplates) -> Result<Listing, ApplicationError> {
        Ok(self.templates.list()?)
    }
}
