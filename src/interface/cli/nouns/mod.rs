//! What operators can do: a file for each noun, with its verbs, and what each answers.

mod config;
mod operator;
mod reconcile;
mod storage;

pub(super) use operator::{OperatorVerb, operate};
