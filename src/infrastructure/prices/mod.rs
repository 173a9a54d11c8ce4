//! What hosts cost: list prices that the program ships, and the operator's own.

mod known;
mod table;

pub use known::{KnownPrices, KnownPricesParameters};
