//! The table of list prices that the program ships, as `scripts/prices.py` writes it: comments (`#`), the regions behind
//! `#type`, then one type a line with its price in each of them.

use std::str::FromStr as _;

use crate::application::ports::Usd;
use crate::infrastructure::instance_types::line_of;

static SHIPPED: &[u8] = include_bytes!("shipped.tsv");

/// Returns the list price of an hour on demand; `None` where it is not known.
pub(super) fn on_demand(region: &str, instance_type: &str) -> Option<Usd> {
    let column = heading("#type")?.split('\t').position(|named| named == region)?;
    let line = std::str::from_utf8(line_of(SHIPPED, instance_type)?).ok()?;
    Usd::from_str(line.split('\t').nth(column + 1)?).ok()
}

/// Returns the day of the table.
pub(super) fn day() -> &'static str {
    heading("#date").unwrap_or("an unknown day")
}

/// Returns what stands behind a name among the comments.
fn heading(name: &str) -> Option<&'static str> {
    let lines = SHIPPED.split(|byte| *byte == b'\n').take_while(|line| line.starts_with(b"#"));
    let text = |line| std::str::from_utf8(line).ok();
    lines.filter_map(text).find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_and_every_price_is_one() {
        let text = std::str::from_utf8(SHIPPED).unwrap();
        let regions: Vec<&str> = heading("#type").unwrap().split('\t').collect();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() > 500 && regions.len() > 10);
        for line in &lines {
            let mut fields = line.split('\t');
            let name = fields.next().unwrap();
            for (region, price) in regions.iter().zip(fields) {
                assert_eq!(on_demand(region, name).is_some(), !price.is_empty(), "{name} in {region}");
            }
        }
        assert!(day().starts_with("20"));
    }

    #[test]
    fn known_list_prices_are_as_aws_publishes_them() {
        // aws.amazon.com/ec2/pricing/on-demand, us-east-1 and eu-west-1.
        for (region, name, wanted) in [
            ("us-east-1", "m6i.large", "0.096"),
            ("us-east-1", "c7g.16xlarge", "2.32"),
            ("us-east-1", "r5.large", "0.126"),
            ("us-east-1", "m5.xlarge", "0.192"),
            ("eu-west-1", "m5.large", "0.107"),
        ] {
            assert_eq!(on_demand(region, name), Usd::from_str(wanted).ok(), "{name} in {region}");
        }
        for (region, name) in [("us-east-1", "p5.48xlarge"), ("moon-1", "m5.large"), ("us-east-1", "m5"), ("", "")] {
            assert_eq!(on_demand(region, name), None, "{name} in {region}");
        }
    }
}
