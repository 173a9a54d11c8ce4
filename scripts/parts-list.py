#!/usr/bin/env python3
"""Lists what is linked into hostfactory: a CycloneDX document, and the licences with their texts.

  scripts/parts-list.py --binary FILE --target x86_64-unknown-linux-gnu --features aws,sqlite --sbom FILE --licences FILE

Crates come from `cargo metadata`, their checksums from Cargo.lock, licence texts from the crates' own sources. What takes part
in the build alone (build scripts, procedural macros and what these need) is in the document with the scope "excluded".
The same sources give the same bytes; the time is $SOURCE_DATE_EPOCH. Needs Python 3.6, cargo and readelf.
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

LICENCE_FILE = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def cargo(verb, features, *options):
    command = ["cargo", verb, "--locked", "--no-default-features", "--features", features] + list(options)
    done = subprocess.run(command, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit("scripts/parts-list.py: `%s` failed: see above" % " ".join(command))
    return done.stdout.decode()


def closure(target, features):
    """Returns all packages, the root's id, which packages end up in the program, and what each package needs."""
    metadata = json.loads(cargo("metadata", features, "--format-version", "1", "--filter-platform", target))
    # The graph of `metadata` also has what tests alone switch on.
    tree = cargo("tree", features, "--target", target, "-e", "normal,build", "--prefix", "none", "-f", "{p}")
    built = {tuple(line.split()[:2]) for line in tree.splitlines()}
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    is_macro = {key for key, package in packages.items() for it in package["targets"] if "proc-macro" in it["kind"]}

    def is_built(key):
        return (packages[key]["name"], "v" + packages[key]["version"]) in built

    def needs(key, kinds):
        found = [dep["pkg"] for dep in nodes[key]["deps"] if any(it["kind"] in kinds for it in dep["dep_kinds"])]
        return sorted(key for key in found if is_built(key))

    def reached(follow):
        found, todo = {root}, [root]
        while todo:
            for key in follow(todo.pop()):
                if key not in found:
                    found.add(key)
                    todo.append(key)
        return found

    linked = reached(lambda key: [it for it in needs(key, [None]) if it not in is_macro])
    everything = reached(lambda key: needs(key, [None, "build"]))
    return packages, root, linked, {key: needs(key, [None, "build"]) for key in everything}


def checksums():
    text = Path("Cargo.lock").read_text(encoding="utf-8")
    entry = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"')
    return {(name, version): checksum for name, version, checksum in entry.findall(text)}


def purl(package):
    return "pkg:cargo/%s@%s" % (package["name"], package["version"].replace("+", "%2B"))


def licence(package):
    # Older crates write a slash where SPDX has OR.
    return re.sub(r"\s*/\s*", " OR ", package["license"] or "LicenseRef-file")


def component(package, sums, scope):
    described = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": scope,
        "licenses": [{"expression": licence(package)}],
        "purl": purl(package),
    }
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("repository"):
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def part(name, version, expression, **more):
    ref = name.lower().replace(" ", "-")
    return dict({"type": "library", "bom-ref": ref, "name": name, "version": version, "scope": "required",
                 "licenses": [{"expression": expression}]}, **more)


def outside_cargo(binary, packages, linked):
    """Returns what is linked in and is no crate, each with the crate, or None, that brings it."""
    def told(flag, *section):
        return subprocess.check_output(["readelf", flag] + list(section) + [binary]).decode(errors="replace")

    made_by = dict(re.findall(r"(rustc|clang) version (\S+)", told("-p", ".comment")))
    parts = [(part("Rust standard library", made_by.get("rustc", "unknown"), "MIT OR Apache-2.0"), None)]
    # Zig brings LLVM's, where the usual linker takes libgcc_s from the machine.
    if "clang" in made_by and "libgcc_s" not in told("-d"):
        parts.append((part("LLVM libunwind", made_by["clang"], "Apache-2.0 WITH LLVM-exception"), None))
    if "NEEDED" not in told("-d"):
        parts.append((part("GNU C Library", "unknown", "LGPL-2.1-or-later"), None))
    for key in sorted(linked):
        if packages[key]["name"] == "libsqlite3-sys":
            header = Path(packages[key]["manifest_path"]).parent / "sqlite3" / "sqlite3.h"
            version = re.search(r'#define SQLITE_VERSION\s+"(.+)"', header.read_text(encoding="utf-8")).group(1)
            parts.append((part("SQLite", version, "blessing", purl="pkg:generic/sqlite@" + version), key))
    return parts


def software_bill(packages, root, linked, needs, extra, features):
    sums = checksums()
    ordered = sorted((key for key in needs if key != root), key=lambda key: purl(packages[key]))
    components = [component(packages[key], sums, "required" if key in linked else "excluded") for key in ordered]
    components += [described for described, _ in extra]
    depends = {purl(packages[key]): {purl(packages[it]) for it in needs[key]} for key in needs}
    for described, owner in extra:
        depends[purl(packages[owner or root])].add(described["bom-ref"])
        depends[described["bom-ref"]] = set()
    program = packages[root]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0")))),
            "component": {"type": "application", "bom-ref": purl(program), "name": program["name"],
                          "version": program["version"], "description": program["description"],
                          "properties": [{"name": "cargo:features", "value": features}]},
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(depends[ref])} for ref in sorted(depends)],
    }


def licences(packages, root, linked, extra):
    lines, texts, bare = [], {}, []
    for key in sorted(linked - {root}, key=lambda key: purl(packages[key])):
        package = packages[key]
        name = "%s %s" % (package["name"], package["version"])
        lines.append("%-45s %s" % (name, licence(package)))
        folder = Path(package["manifest_path"]).parent
        found = sorted(it for it in folder.iterdir() if it.is_file() and LICENCE_FILE.match(it.name))
        if not found:
            bare.append(name)
        for path in found:
            text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip("\n")
            texts.setdefault(hashlib.sha256(text.encode()).hexdigest(), (text, []))[1].append(name)
    for described, _ in extra:
        lines.append("%-45s %s" % ("%(name)s %(version)s" % described, described["licenses"][0]["expression"]))
    page = ["What is linked into hostfactory, and under which licence each part is (SPDX).", ""] + lines
    if bare:
        page += ["", "Without a text of their own in what their authors publish; the SPDX names above say which holds:"]
        page += ["  " + name for name in bare]
    for text, names in sorted(texts.values(), key=lambda it: (-len(it[1]), it[1])):
        page += ["", "=" * 100, "The text in: " + ", ".join(sorted(set(names))), "=" * 100, "", text]
    return "\n".join(page) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("binary", "target", "features", "sbom", "licences"):
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()
    packages, root, linked, needs = closure(args.target, args.features)
    extra = outside_cargo(args.binary, packages, linked)
    bill = software_bill(packages, root, linked, needs, extra, args.features)
    with open(args.sbom, "w", encoding="utf-8") as file:
        json.dump(bill, file, indent=1, ensure_ascii=False)
        file.write("\n")
    with open(args.licences, "w", encoding="utf-8") as file:
        file.write(licences(packages, root, linked, extra))


main()
