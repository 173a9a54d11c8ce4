//! The configuration: command line over environment over files over defaults, each value with its origin; and the
//! operator's template files.
//!
//! Invariants: nothing is written here but the work folder that Host Factory's global variables imply; no call asks a
//! cloud; no secret shows in an error or in `Debug`.

mod address;
mod document;
mod edit;
mod env;
mod error;
mod folders;
mod ibm;
mod init;
mod keys;
mod layers;
mod orb;
mod origin;
mod outline;
mod replacing;
mod schema;
mod settings;
mod sinks;
mod site;
mod survey;
mod tags;
pub mod templates;
mod text;
mod typed;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod settings_tests;

pub use edit::{Edited, is_in_a_section, set};
pub use env::{Environment, VARIABLES, Variable};
pub(in crate::infrastructure) use env::{HF_CONFDIR, HF_TOP};
pub use error::ConfigurationError;
pub(in crate::infrastructure) use folders::resolve as located;
pub use folders::{FolderOptions, Folders};
pub use init::{NewSite, Site, lay_out, write_new};
pub use keys::{KEYS, Key};
pub use origin::Origin;
pub use schema::config_schema;
pub use settings::{LogSettings, Overrides, Settings, StorageSettings};
pub use sinks::{CommandSettings, SinkSettings, SnsForm, SnsSettings, WebhookSettings};
pub use site::Registration;
pub use survey::survey;
