//! The fault table (`docs/faults.md`): each test is named after the row it proves.

mod disk;
mod store;
mod store_damage;
mod torture;
