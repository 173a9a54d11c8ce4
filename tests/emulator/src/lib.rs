//! An EC2 endpoint on 127.0.0.1 for the tests of `hostfactory`.
//!
//! It behaves as AWS is documented to (`docs` of the actions name the source), remembers every host that it ever launched
//! and every call, and goes wrong on demand. It speaks the Query protocol over plain sockets, so that an answer can be
//! cut, held or lost exactly where a test wants it.
//!
//! A test holds an [`Emulator`], sets [`Fault`]s and [`Edit`]s, and asks for the [`Truth`] at the end. The program of the
//! same name offers the same over HTTP, below `/_emulator/`.
//!
//! Invariants: nothing here panics over what comes in; time is the emulator's own clock, except for delays, which are
//! real; no signature is verified.
//!
//! ```
//! use hostfactory_emulator::{Emulator, Fault};
//!
//! let emulator = Emulator::start()?;
//! emulator.fault(Fault::drop_after().on("RunInstances"));
//! println!("{}", emulator.endpoint());
//! assert!(emulator.truth().is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```

mod actions;
mod agenda;
mod call;
mod catalogue;
mod clock;
mod control;
mod edits;
mod emulator;
mod faults;
mod fleets;
mod group_edits;
mod groups;
mod habits;
mod health;
mod hold;
mod http;
mod instances;
mod query;
mod refusal;
mod reservations;
mod scaling;
mod server;
mod templates;
mod throttle;
mod tree;
mod truth;
mod world;
mod xml;

pub use catalogue::{
    ACCOUNT, FREE_ADDRESSES, IMAGES, KEY_PAIR, LAUNCH_TEMPLATE, PARAMETERS, REGION, SECURITY_GROUP, SUBNETS, VPC,
};
pub use clock::Millis;
pub use edits::{Edit, Which};
pub use emulator::{Emulator, Held};
pub use faults::{Fault, Garble, Phase, Verb};
pub use fleets::FleetError;
pub use habits::{Again, Victims};
pub use health::Check;
pub use instances::{Actor, End, Launch, Market, State};
pub use query::Parameters;
pub use reservations::{Reservation, ReservationKind};
pub use truth::{TrueInstance, Truth};
pub use world::{CallRecord, Settings};
