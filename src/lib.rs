//! `hostfactory`: an IBM Spectrum Symphony Host Factory provider plug-in for AWS.
//!
//! Rooms and the arrows between them: `interface -> application -> domain`; `infrastructure` and `providers`
//! implement the ports that `application` declares; [`bootstrap`] alone sees all of them. The architecture test in
//! `tests/architecture.rs` keeps it so.

pub mod application;
pub mod bootstrap;
pub mod domain;
pub mod infrastructure;
pub mod interface;
pub mod providers;
