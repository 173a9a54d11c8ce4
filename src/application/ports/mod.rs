//! What the application needs from outside. Adapters implement these in `infrastructure` and `providers`.

mod catalogue;
mod clock;
mod discovery;
mod events;
mod foreign;
mod fulfilment;
mod inspection;
mod installation;
mod instance_types;
mod listings;
mod metrics;
mod notebook;
mod prices;
mod sinks;
mod store_keeper;
mod store_mover;
mod summaries;
mod template_editor;
mod unit_of_work;

pub use catalogue::{Listing, RefusedTemplate, TemplateCatalogue, TemplateReview};
pub use clock::{Clock, IdSource};
pub use discovery::{Discovery, OfferedImage, Part, SecurityGroup, Subnet, Vpc};
pub use events::{EventHandler, Outbox};
pub use foreign::{
    FieldFate, FieldReport, Flavour, ForeignKind, ForeignMachine, ForeignPlace, ForeignReader, ForeignRequest, Found,
    Section,
};
pub use fulfilment::{
    Acquired, Fulfilment, Hold, Host, Keep, Launch, Leftover, Observation, Owner, Progress, Rehearsal, RehearsedCall,
    Released, Search,
};
pub use inspection::{Caller, CloudResource, CloudResources, Finding, Inspection, Outcome, Probe, Reach, ResourceKind};
pub use installation::Installation;
pub use instance_types::{InstanceTypeSource, InstanceTypes, OfferedTypes};
pub use listings::{Census, EventFilter, Listings, MachineFilter, MachineSort, RequestFilter, RequestSort};
pub use metrics::MetricsKeeper;
pub use notebook::Notebook;
pub use prices::{PriceTable, Prices, Usd};
pub use sinks::{HeldLedger, Outside, SinkLedger, SinkProfile, Sinks, Standings};
pub use store_keeper::{Condition, Contents, Depth, Recovery, StoreCopy, StoreKeeper, StoreReport};
pub use store_mover::{Archive, Moved, Present, StoreMover};
pub use summaries::{Purpose, RequestSummary};
pub use template_editor::{EditedTemplate, EditedTemplates, TemplateChange, TemplateEdit, TemplateEditor};
pub use unit_of_work::{
    Admission, Changes, MachineRepository, Purged, RequestRepository, TemplateRepository, UnitOfWork,
};
