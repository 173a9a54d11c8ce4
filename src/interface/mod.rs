//! The edges: the command line and Host Factory's wire documents.
//!
//! Invariant: nothing here knows an adapter; the composed application comes in through [`cli::Composition`].

pub mod chain;
pub mod cli;
pub mod hostfactory;
