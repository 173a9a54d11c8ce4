#!/usr/bin/env python3
"""Writes the table of EC2 instance types that the program ships (src/infrastructure/instance_types/shipped.tsv).

Usage: instance-types.py SOURCE... > shipped.tsv

A SOURCE is what DescribeInstanceTypes said, in one of these forms; `.gz` is unpacked:

- the output of `aws ec2 describe-instance-types`: {"InstanceTypes": [...]}
- an object keyed by type, as moto ships it (moto/ec2/resources/instance_types.json)
- a wheel of moto, from `pip download --no-deps moto`, which has that file inside

The first SOURCE that knows a type counts, so name the newest first; older ones add what AWS has withdrawn since.

A line is one type, sorted by name, its fields divided by tabs, empty ones at the end left away: name, vCPUs, cores,
memory in MiB, architecture, baseline and peak bandwidth of all network cards together in Mbit/s, network cards (empty
for 1), EFA interfaces (empty for none), GPUs (empty for none), memory of one GPU in MiB, what the GPU is.
src/infrastructure/instance_types/line.rs reads it. Types for macOS are left out: no grid runs on them.
"""

import gzip
import json
import re
import sys
import zipfile
from pathlib import Path

INSIDE = re.compile(r"moto/ec2/resources/instance_types\.json(\.gz)?")
ARCHITECTURES = ("x86_64", "arm64")


def load(path):
    """Returns the types that a source describes, by name, and what to call the source."""
    label, name, data = path.name, path.name, path.read_bytes()
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            inside = next(entry for entry in wheel.infolist() if INSIDE.fullmatch(entry.filename))
            year, month, day = inside.date_time[:3]
            label = f"{' '.join(path.name.split('-')[:2])} ({year:04}-{month:02}-{day:02})"
            name, data = inside.filename, wheel.read(inside)
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    document = json.loads(data)
    if "InstanceTypes" in document:
        document = {one["InstanceType"]: one for one in document["InstanceTypes"]}
    return document, label


def bandwidths(network):
    """Returns the baseline and the peak bandwidth of all cards together in Mbit/s, empty where they are not told.

    Words such as `200 Gigabit` go first: what the cards tell adds up to more than a host of several cards can have.
    """
    found = re.fullmatch(r"(Up to )?(?:(\d+)x )?([\d.]+) Gigabit", network.get("NetworkPerformance", ""))
    told = round(int(found[2] or 1) * float(found[3]) * 1000) if found else ""
    if found and not found[1]:
        return told, told
    cards = network.get("NetworkCards", [])
    figures = []
    for key in ("BaselineBandwidthInGbps", "PeakBandwidthInGbps"):
        each = [card.get(key) for card in cards]
        figures.append(round(sum(each) * 1000) if each and all(each) else "")
    baseline, peak = figures
    # The words may be rounded down.
    return baseline, max(told, baseline or 0) if told else peak


def row(name, about):
    """Returns the fields of a type, or nothing for one that is left out."""
    architecture = next((one for one in ARCHITECTURES if one in about["ProcessorInfo"]["SupportedArchitectures"]), None)
    if architecture is None:
        return None
    vcpus, cores = about["VCpuInfo"]["DefaultVCpus"], about["VCpuInfo"].get("DefaultCores")
    # Every type has told its cores so far; a guess would be half or twice the truth.
    if not cores or vcpus % cores:
        sys.exit(f"{name}: {vcpus} vCPUs on {cores} cores")
    network = about["NetworkInfo"]
    baseline, peak = bandwidths(network)
    cards = network.get("MaximumNetworkCards", 1)
    efa = network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 1) if network.get("EfaSupported") else 0
    count, memory, model = "", "", ""
    for gpu in about.get("GpuInfo", {}).get("Gpus", []):
        # A share of a GPU is told as none, and as one logical GPU.
        count = gpu["Count"] or gpu.get("LogicalGpuCount", 1)
        memory, model = gpu["MemoryInfo"]["SizeInMiB"], f"{gpu['Manufacturer']} {gpu['Name']}"
    fields = [name, vcpus, cores, about["MemoryInfo"]["SizeInMiB"], architecture, baseline, peak]
    return [*fields, "" if cards == 1 else cards, efa or "", count, memory, model]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rows, labels = {}, []
    for path in map(Path, sys.argv[1:]):
        types, label = load(path)
        labels.append(label)
        for name, about in types.items():
            if name not in rows and (fields := row(name, about)):
                rows[name] = fields
    print("# EC2 instance types, made by scripts/instance-types.py; do not edit. What DescribeInstanceTypes said, as kept in:")
    print(f"# {', '.join(labels)}")
    for name in sorted(rows):
        print("\t".join(map(str, rows[name])).rstrip("\t"))


if __name__ == "__main__":
    main()
