//! Host Factory's wire documents: tolerant readers, strict writers, and the five calls between them.

mod calls;
mod document;
mod failure;
mod json;
mod reader;
mod status;
mod writer;

use super::chain::Chain;

pub use calls::Calls;
pub use document::{DocumentError, Empty, MOST_BYTES, Source, read};
pub use failure::Failure;
pub use json::{Json, Members};
pub use reader::{Asked, HeldHosts, held_hosts, request_ids, request_machines, return_machines};
pub use writer::{
    AcceptedOutput, Answer, RequestEntry, StatusOutput, TemplatesOutput, ToReturnOutput, requested, returned, status,
    templates, to_return,
};
