//! Queries: each answers from what is stored or configured, and changes nothing.

mod check_store;
mod get_available_templates;
mod get_request_status;
mod get_return_requests;
mod rehearse_request;

pub use check_store::{CheckStore, CheckStoreHandler};
pub use get_available_templates::{GetAvailableTemplates, GetAvailableTemplatesHandler};
pub use get_request_status::{
    GetRequestStatus, GetRequestStatusHandler, GetRequestStatusHandlerParameters, HostResult, HostView, RequestView,
};
pub use get_return_requests::{GetReturnRequests, GetReturnRequestsHandler, LostHost};
pub use rehearse_request::{RehearseRequest, RehearseRequestHandler, RehearsedRequest};
