//! Requests: what Host Factory asked for, and what came of it.

mod acquire;
mod attempt;
mod attempt_parts;
mod body;
mod cancelling;
mod event;
mod give_back;
mod policy;
mod recovery;
mod request;
mod resolving;
mod status;
mod taking_over;

pub use acquire::{Acquire, LaunchPlan, Outcome};
pub use attempt::{Attempt, AttemptState, Pool, Refusal};
pub use body::Body;
pub use cancelling::CANCELLED;
pub use event::RequestEvent;
pub use give_back::{Return, ReturnItem};
pub use policy::{OverMaximum, PartialStatus, RequestPolicy, Verdict};
pub use request::{Request, RequestSnapshot};
pub use status::RequestStatus;
