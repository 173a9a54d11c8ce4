//! Commands: each changes state through aggregates and one unit of work at a time.

mod adopt_hosts;
mod cancel_request;
mod purge_store;
mod reconcile;
mod recover_store;
mod request_machines;
mod return_machines;
mod sync_machines;
mod sync_requests;

pub use adopt_hosts::{AdoptHosts, AdoptHostsHandler, AdoptReport};
pub use cancel_request::{CancelRequest, CancelRequestHandler, Cancelled};
pub use purge_store::{PurgeOutcome, PurgeStore, PurgeStoreHandler};
pub use reconcile::{Reconcile, ReconcileHandler, ReconcileReport};
pub use recover_store::{RecoverStore, RecoverStoreHandler};
pub use request_machines::{RequestMachines, RequestMachinesHandler};
pub use return_machines::{HostRef, ReturnAccepted, ReturnMachines, ReturnMachinesHandler};
pub use sync_machines::{SyncMachines, SyncMachinesHandler};
pub use sync_requests::{SyncReport, SyncRequests, SyncRequestsHandler};
