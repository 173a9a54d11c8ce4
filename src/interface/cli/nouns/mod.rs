//! What operators can do: a file for each noun, with its verbs, and what each answers.

mod about;
mod bundle;
mod cataloguing;
mod choosing;
mod config;
mod costs;
mod discovering;
mod doctor;
mod events;
mod findings;
mod generating;
mod import;
mod init;
mod later;
mod lists;
mod machines;
mod metrics;
mod moving;
mod operator;
mod orders;
mod provider;
mod receivers;
mod reconcile;
mod rehearsal;
mod requests;
mod resources;
mod storage;
mod story;
mod templates;
mod waiting;
mod words;

pub(super) use operator::{OperatorVerb, operate};
