#!/usr/bin/env python3
"""Writes the table of EC2 on-demand prices that the program ships (src/infrastructure/prices/shipped.tsv).

Usage: prices.py SOURCE... > shipped.tsv

A SOURCE is one of these; the first that knows the price of a type in a region counts:

- a wheel of apache-libcloud, from `pip download --no-deps apache-libcloud`, which has libcloud/data/pricing.json inside,
  or that file
- AWS's own offer file of a region, `.csv`: offers/v1.0/aws/AmazonEC2/current/REGION/index.csv of the AWS Price List

libcloud keeps one figure for a type and a region without its tenancy, so that some are those of dedicated tenancy (5 to
11 % more) and some are 0. Families are priced by size: the least price for one unit of size counts, if another size of
the family confirms it, by the same price or by one with the surcharge. What nothing confirms is left out, and so are
families that are not priced by size (GPUs, HPC and the like), and bare metal.

A line is one type, sorted by name: its name, then US dollars an hour in each region of the line `#type`, divided by tabs;
empty where not known, empty ones at the end left away. src/infrastructure/prices/table.rs reads it.
"""

import csv
import json
import re
import sys
import zipfile
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

REGIONS = (
    "us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 sa-east-1 eu-west-1 eu-west-2 eu-west-3 eu-central-1 "
    "eu-north-1 eu-south-1 ap-south-1 ap-southeast-1 ap-southeast-2 ap-northeast-1 ap-northeast-2"
).split()
SIZES = {"nano": 1 / 16, "micro": 1 / 8, "small": 1 / 4, "medium": 1 / 2, "large": 1, "xlarge": 2}
# Families that are priced by size.
BY_SIZE = re.compile(r"(a|c|d|h|i|im|is|m|r|t|x|z)\d")
SAME = 0.006
SURCHARGE = (1.045, 1.115)


def units(size):
    """Returns how many `large` a size counts for, if it is priced so."""
    times = re.fullmatch(r"(\d+)xlarge", size)
    return 2 * int(times[1]) if times else SIZES.get(size)


def confirmed(prices):
    """Returns the least of these prices, if another one confirms it."""
    found = sorted(price for price in prices if price)
    if len(found) < 2:
        return None
    ratios = [other / found[0] for other in found[1:]]
    agree = any(ratio < 1 + SAME or SURCHARGE[0] < ratio < SURCHARGE[1] for ratio in ratios)
    return found[0] if agree else None


def of_libcloud(document):
    """Returns the prices by type and region."""
    families = defaultdict(dict)
    for name, regions in document["compute"]["ec2_linux"].items():
        family, _, size = name.partition(".")
        if units(size) and BY_SIZE.match(family):
            for region, price in regions.items():
                families[family, region][name] = (price, units(size))
    prices = {}
    for (_, region), types in families.items():
        unit = confirmed(price / size for price, size in types.values())
        for name, (price, size) in types.items() if unit else ():
            own = abs(price / size / unit - 1) < SAME
            prices[name, region] = price if own else unit * size
    day = datetime.fromtimestamp(document["updated"], timezone.utc).date()
    return prices, f"{day}"


def of_offers(lines):
    """Returns the prices by type and region, of AWS's own offer file."""
    rows = csv.reader(lines)
    about = {}
    for row in rows:
        if row[0] == "SKU":
            break
        about[row[0]] = row[1]
    wanted = {
        "TermType": "OnDemand", "Unit": "Hrs", "Tenancy": "Shared", "Operating System": "Linux",
        "Pre Installed S/W": "NA", "CapacityStatus": "Used", "Currency": "USD",
    }
    prices = {}
    for fields in (dict(zip(row, values)) for values in rows):
        if all(fields.get(key) == value for key, value in wanted.items()):
            prices[fields["Instance Type"], fields["Region Code"]] = float(fields["PricePerUnit"])
    return prices, about["Publication Date"][:10]


def load(path):
    """Returns the prices that a source knows, and what to call the source."""
    if path.suffix == ".csv":
        with path.open(newline="") as lines:
            prices, day = of_offers(lines)
        return prices, f"AWS Price List ({day})", day
    label, data = path.name, path.read_bytes()
    if path.suffix == ".whl":
        label = " ".join(path.name.split("-")[:2]).replace("_", "-")
        with zipfile.ZipFile(path) as wheel:
            data = wheel.read("libcloud/data/pricing.json")
    prices, day = of_libcloud(json.loads(data))
    return prices, f"{label} ({day})", day


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    prices, labels, days = {}, [], []
    for path in map(Path, sys.argv[1:]):
        found, label, day = load(path)
        labels.append(label)
        days.append(day)
        prices = found | prices
    print("# EC2 on-demand prices of Linux hosts, US dollars an hour, made by scripts/prices.py; do not edit. As kept in:")
    print(f"# {', '.join(labels)}")
    print(f"#date\t{min(days)}")
    print("\t".join(["#type", *REGIONS]))
    for name in sorted({name for name, _ in prices}):
        figures = [prices.get((name, region)) for region in REGIONS]
        if any(figures):
            print("\t".join([name, *(f"{figure:.5g}" if figure else "" for figure in figures)]).rstrip("\t"))


if __name__ == "__main__":
    main()
