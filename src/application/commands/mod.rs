//! Commands: each changes state through aggregates and one unit of work at a time.

mod adopt_hosts;
mod cancel_request;
mod deliver_events;
mod migrate_store;
mod purge_store;
mod reconcile;
mod recover_store;
mod refresh_instance_types;
mod request_machines;
mod return_machines;
mod sync_machines;
mod sync_requests;
mod take_metrics;
mod take_over;
mod translation;

pub use adopt_hosts::{AdoptHosts, AdoptHostsHandler, AdoptReport};
pub use cancel_request::{CancelRequest, CancelRequestHandler, Cancelled};
pub use deliver_events::{DeliverEvents, DeliverEventsHandler};
pub use migrate_store::{ImportArchive, ImportArchiveHandler, MigrateStore, MigrateStoreHandler};
pub use purge_store::{PurgeOutcome, PurgeStore, PurgeStoreHandler};
pub use reconcile::{Reconcile, ReconcileHandler, ReconcileReport};
pub use recover_store::{RecoverStore, RecoverStoreHandler};
pub use refresh_instance_types::{RefreshInstanceTypes, RefreshInstanceTypesHandler, TypesLearnt};
pub use request_machines::{RequestMachines, RequestMachinesHandler};
pub use return_machines::{HostRef, ReturnAccepted, ReturnMachines, ReturnMachinesHandler};
pub use sync_machines::{SyncMachines, SyncMachinesHandler};
pub use sync_requests::{SyncReport, SyncRequests, SyncRequestsHandler};
pub use take_metrics::{MetricsTaken, Publish, TakeMetrics, TakeMetricsHandler};
pub use take_over::{TakeOver, TakeOverHandler, TakeOverReport, Tally};
