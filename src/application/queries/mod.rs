//! Queries: each answers from what is stored or configured, and changes nothing.

mod check_providers;
mod check_sinks;
mod check_store;
mod choose_types;
mod costing;
mod discover_site;
mod examine_templates;
mod export_store;
mod get_available_templates;
mod get_request_status;
mod get_return_requests;
mod list_resources;
mod lists;
mod read_console;
mod read_notes;
mod rehearse_request;
mod stories;
mod templates;

pub use check_providers::{CheckProviders, CheckProvidersHandler, ProviderStanding};
pub use check_sinks::{CheckSinks, CheckSinksHandler};
pub use check_store::{CheckStore, CheckStoreHandler};
pub use choose_types::{ChooseTypes, ChooseTypesHandler};
pub use costing::{Cost, CostRange, HOURS_OF_A_MONTH};
pub use discover_site::{DiscoverSite, DiscoverSiteHandler};
pub use examine_templates::{ExamineTemplates, ExamineTemplatesHandler};
pub use export_store::{ExportStore, ExportStoreHandler};
pub use get_available_templates::{GetAvailableTemplates, GetAvailableTemplatesHandler};
pub use get_request_status::{
    GetRequestStatus, GetRequestStatusHandler, GetRequestStatusHandlerParameters, HostResult, HostView, RequestView,
};
pub use get_return_requests::{GetReturnRequests, GetReturnRequestsHandler, LostHost};
pub use list_resources::{ListResources, ListResourcesHandler, ResourceEntry, ResourceList};
pub use lists::{
    ListEvents, ListEventsHandler, ListMachines, ListMachinesHandler, ListRequests, ListRequestsHandler, Listed,
};
pub use read_console::{ReadConsole, ReadConsoleHandler};
pub use read_notes::{ReadNotes, ReadNotesHandler};
pub use rehearse_request::{LeftOut, RehearseRequest, RehearseRequestHandler, RehearsedRequest};
pub use stories::{MachineStory, RequestStory, ShowMachine, ShowMachineHandler, ShowRequest, ShowRequestHandler};
pub use templates::{ReviewTemplates, ReviewTemplatesHandler, ShowTemplate, ShowTemplateHandler};
