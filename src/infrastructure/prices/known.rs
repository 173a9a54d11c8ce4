//! The prices that are known: the operator's, in `prices.tsv` in the configuration folder, then those that are shipped.
//!
//! Invariant: whatever is wrong with the operator's file, what is shipped is known, and what is wrong is told.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::OnceLock;

use shaku::Component;

use super::table;
use crate::application::ports::{PriceTable, Prices, Usd};
use crate::infrastructure::config::Settings;
use crate::infrastructure::files;

const FILE: &str = "prices.tsv";
const LIMIT: u64 = 4 << 20;

/// Knows prices from a file and from the table that is shipped.
#[derive(Component)]
#[shaku(interface = Prices)]
pub struct KnownPrices {
    /// The configuration folder.
    #[shaku(default)]
    folder: PathBuf,
    /// The region.
    #[shaku(default)]
    region: String,
    #[shaku(force_default)]
    own: OnceLock<Own>,
}

/// What the operator's file says.
#[derive(Debug, Default)]
struct Own {
    /// On-demand and spot prices by type.
    prices: HashMap<String, (Option<Usd>, Option<Usd>)>,
    /// What is wrong with it.
    faults: Vec<String>,
}

impl KnownPrices {
    /// Returns the parameters of this component for the settings in force.
    pub fn parameters(settings: &Settings) -> KnownPricesParameters {
        KnownPricesParameters {
            folder: settings.folders.config.clone(),
            region: settings.aws.region.clone().unwrap_or_default(),
        }
    }

    /// Returns the prices of this region known in this configuration folder.
    pub fn new(folder: impl Into<PathBuf>, region: impl Into<String>) -> Self {
        Self { folder: folder.into(), region: region.into(), own: OnceLock::new() }
    }

    fn own(&self) -> &Own {
        self.own.get_or_init(|| {
            let path = self.folder.join(FILE);
            if self.folder.as_os_str().is_empty() || !path.exists() {
                return Own::default();
            }
            let shown = path.display();
            let text = match files::read_limited(&path, LIMIT) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                    return Own { faults: vec![format!("{error}{cause}")], ..Own::default() };
                }
            };
            let mut own = Own::default();
            for (number, line) in (1..).zip(text.lines()) {
                match read(line) {
                    Ok(Some((name, prices))) => drop(own.prices.insert(name, prices)),
                    Ok(None) => {}
                    Err(reason) => own.faults.push(format!("line {number} of {shown} is passed over: {reason}")),
                }
            }
            own
        })
    }
}

type Line = (String, (Option<Usd>, Option<Usd>));

/// Reads a line: a type, the price of an hour on demand and that of an hour of spot, `-` where unknown.
fn read(line: &str) -> Result<Option<Line>, String> {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
    let Some(name) = words.next() else { return Ok(None) };
    let price = |word: Option<&str>| match word {
        None | Some("-") => Ok(None),
        Some(word) => Usd::from_str(word).map(Some).map_err(|error| error.to_string()),
    };
    let prices = (price(words.next())?, price(words.next())?);
    match words.next() {
        Some(_) => Err("it takes a type, a price on demand and a spot price".to_owned()),
        None if !name.contains('.') => Err("it does not begin with an instance type".to_owned()),
        None => Ok(Some((name.to_owned(), prices))),
    }
}

impl Prices for KnownPrices {
    fn on_demand(&self, instance_type: &str) -> Option<Usd> {
        let own = self.own().prices.get(instance_type).and_then(|(on_demand, _)| *on_demand);
        own.or_else(|| table::on_demand(&self.region, instance_type))
    }

    fn spot(&self, instance_type: &str) -> Option<Usd> {
        self.own().prices.get(instance_type).and_then(|(_, spot)| *spot)
    }

    fn table(&self) -> PriceTable {
        let own = self.own();
        PriceTable {
            region: self.region.clone(),
            day: table::day(),
            own: (!own.prices.is_empty()).then(|| self.folder.join(FILE)),
            faults: own.faults.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: Option<&str>) -> (tempfile::TempDir, KnownPrices) {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            files::replace_shared(&folder.path().join(FILE), text.as_bytes(), None).unwrap();
        }
        let prices = KnownPrices::new(folder.path(), "us-east-1");
        (folder, prices)
    }

    fn usd(text: &str) -> Usd {
        Usd::from_str(text).unwrap()
    }

    #[test]
    fn the_operators_prices_go_before_those_that_are_shipped() {
        let (folder, prices) = known(Some(
            "# ours, with our discount\nm6i.large 0.08 0.03\r\nm5.large\t-\t0.02 # spot alone\n\np5.48xlarge 50\n",
        ));
        assert_eq!((prices.on_demand("m6i.large"), prices.spot("m6i.large")), (Some(usd("0.08")), Some(usd("0.03"))));
        assert_eq!((prices.on_demand("m5.large"), prices.spot("m5.large")), (Some(usd("0.096")), Some(usd("0.02"))));
        assert_eq!((prices.on_demand("p5.48xlarge"), prices.spot("p5.48xlarge")), (Some(usd("50")), None));
        let table = prices.table();
        assert_eq!((table.own, table.faults.len()), (Some(folder.path().join(FILE)), 0));
    }

    #[test]
    fn a_line_that_is_none_is_told_and_costs_nothing_else() {
        let (_folder, prices) = known(Some("m6i.large 0,08\nlarge 1\nm5.large 1 2 3\nm5.large -1\nr5.large 0.1\n"));
        assert_eq!(
            (prices.on_demand("m6i.large"), prices.on_demand("r5.large")),
            (Some(usd("0.096")), Some(usd("0.1")))
        );
        let faults = prices.table().faults;
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults[0].contains("line 1 of ") && faults[0].contains("0,08"), "{faults:?}");
        let (_folder, prices) = known(None);
        assert_eq!((prices.spot("m6i.large"), prices.table().own), (None, None));
    }
}
