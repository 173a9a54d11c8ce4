//! Installations of other plug-ins, as they are read for being taken over.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shaku::Interface;

use crate::domain::{DomainError, Timestamp};

/// Whose installation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// IBM's `awsprov`.
    Ibm,
    /// Open Host Factory, ORB's ancestor.
    Ohfp,
    /// Open Resource Broker.
    Orb,
}

impl Flavour {
    /// Every flavour.
    pub const ALL: [Self; 3] = [Self::Ibm, Self::Ohfp, Self::Orb];

    /// Returns its name on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ibm => "ibm",
            Self::Ohfp => "ohfp",
            Self::Orb => "orb",
        }
    }
}

/// Where an installation lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignPlace {
    /// Whose it is; unset, that is found out.
    pub flavour: Option<Flavour>,
    /// Its configuration folder.
    pub config: Option<PathBuf>,
    /// Its work folder.
    pub work: Option<PathBuf>,
}

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldFate {
    /// It is kept as it is.
    Taken,
    /// It is kept as something else.
    Changed,
    /// It is not kept.
    Left,
}

impl FieldFate {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Changed => "changed",
            Self::Left => "left",
        }
    }
}

/// A field that was met, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldReport {
    /// What became of it.
    pub fate: FieldFate,
    /// What it is here, or why it is left.
    pub note: String,
    /// How often it was met.
    pub count: usize,
}

/// A part of an installation: configuration, templates, requests, machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The files it was read from.
    pub files: Vec<PathBuf>,
    /// How many records were read.
    pub records: usize,
    /// The fields that were met.
    pub fields: BTreeMap<String, FieldReport>,
    /// What could not be used, and why.
    pub left: Vec<(String, String)>,
    /// What the operator should know.
    pub remarks: Vec<String>,
}

impl Section {
    /// Counts a field.
    pub fn note(&mut self, field: &str, fate: FieldFate, note: &str) {
        if let Some(known) = self.fields.get_mut(field) {
            known.count += 1;
        } else {
            self.fields.insert(field.to_owned(), FieldReport { fate, note: note.to_owned(), count: 1 });
        }
    }
}

/// What a foreign request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignKind {
    /// To get hosts.
    Acquire,
    /// To give hosts back.
    Return,
}

/// A request as another plug-in tells of it. Texts are as they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRequest {
    /// The id that Host Factory knows.
    pub id: String,
    /// What it is for.
    pub kind: ForeignKind,
    /// The template.
    pub template: Option<String>,
    /// How many hosts it asks for.
    pub wanted: Option<u32>,
    /// Its status, in the words of ORB.
    pub status: String,
    /// The explanation.
    pub message: String,
    /// The way its hosts were got.
    pub api: Option<String>,
    /// The type of its fleet.
    pub fleet_type: Option<String>,
    /// Fleets, groups and reservations.
    pub resources: Vec<String>,
    /// Its hosts.
    pub machines: Vec<String>,
    /// When it was accepted.
    pub created_at: Option<Timestamp>,
    /// The account that it is charged to.
    pub account: Option<String>,
}

/// A host as another plug-in tells of it. Texts are as they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignMachine {
    /// The instance id.
    pub id: String,
    /// The name that Host Factory knows.
    pub name: Option<String>,
    /// The request it was got for.
    pub request: Option<String>,
    /// The return it is part of.
    pub return_request: Option<String>,
    /// The template.
    pub template: Option<String>,
    /// The way it was got; unset, that of its request.
    pub api: Option<String>,
    /// The fleet or group that it is a member of; unset, that of its request.
    pub resource: Option<String>,
    /// Its status, in the words of ORB.
    pub status: String,
    /// Why it ended, or failed.
    pub reason: Option<String>,
    /// Private address.
    pub private_ip: Option<String>,
    /// Public address.
    pub public_ip: Option<String>,
    /// When it was launched.
    pub launched_at: Option<Timestamp>,
    /// Instance type.
    pub instance_type: Option<String>,
    /// How it is paid for.
    pub price_type: Option<String>,
    /// Availability zone.
    pub zone: Option<String>,
    /// Tags as `k=v;k=v`.
    pub tags: String,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Whose installation it is.
    pub flavour: Flavour,
    /// By which signs that was found out, or that it was said.
    pub signs: Vec<String>,
    /// Its requests.
    pub requests: Vec<ForeignRequest>,
    /// Its hosts.
    pub machines: Vec<ForeignMachine>,
    /// Capacity units of instance types, by template, where they are not 1.
    pub weights: BTreeMap<String, BTreeMap<String, u32>>,
    /// Configuration, templates, requests and machines.
    pub sections: BTreeMap<&'static str, Section>,
    /// What there is to do by hand.
    pub next: Vec<String>,
}

/// Reads installations of other plug-ins. Implementations MUST NOT change anything of theirs.
pub trait ForeignReader: Interface {
    /// Reads an installation.
    ///
    /// # Errors
    /// [`DomainError::Validation`] when there is none, when it is not clear whose it is, or when its database cannot be
    /// read.
    fn read(&self, place: &ForeignPlace) -> Result<Found, DomainError>;
}
