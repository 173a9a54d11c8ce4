#!/usr/bin/env bash
# Installs what the tests need and passes every test: format, lints, the emulator, the plug-in without a cloud, with SQLite,
# and with AWS against two emulators: our own and moto. The first run compiles the AWS SDK, which takes some minutes.
#
#   scripts/test.sh          everything
#   scripts/test.sh --fast   all that needs no AWS SDK and no moto: about a minute
#   scripts/test.sh --long N the campaigns alone, which draw faults at random, N times as much as usual: N emulated days of
#                            the fault fuzz and 7 N kills on each store, N times the storage torture, byte flips and readers,
#                            1,000 N sequences of the model. A minute or so for each N. Each prints its seed;
#                            HOSTFACTORY_TEST_SEED draws the same again.
#
# Build products and moto's Python environment are kept outside of the source tree, in
# $HOSTFACTORY_CACHE (default ~/.cache/hostfactory), so that the AWS SDK is compiled once.
set -euo pipefail
cd "$(dirname "$0")/.."

fast=false
long=
case "${1:-}" in
'') ;;
--fast) fast=true ;;
--long) long=${2:-10} ;;
*) long=usage ;;
esac
case $long in
*[!0-9]* | 0*)
  echo "usage: scripts/test.sh [--fast | --long N]" >&2
  exit 2
  ;;
esac

need() {
  command -v "$1" >/dev/null 2>&1 || {
    echo "scripts/test.sh: '$1' is missing: $2" >&2
    exit 1
  }
}
need cargo "install Rust 1.95 or later, https://rustup.rs"
need cc "install a C compiler, for SQLite (Debian: build-essential, Red Hat: gcc)"

cache=${HOSTFACTORY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/hostfactory}
if ! { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null; then
  cache=$PWD/target
  mkdir -p "$cache"
fi
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}

step() { printf '\n== %s\n' "$*"; }

if [ -n "$long" ]; then
  failed=
  campaign() {
    step "$3, $2"
    HOSTFACTORY_TEST_TRIALS=$2 cargo test --locked "$1" "$3" -- --nocapture || failed="$failed $3"
  }
  campaign --lib $((long * 1000)) application::model_tests
  campaign --test=integration "$long" campaigns::fuzz
  campaign --test=integration $((long * 7)) campaigns::kill_sweep
  campaign --test=integration "$long" faults::torture
  campaign --test=integration "$long" row_30
  campaign --test=integration "$long" readers
  [ -z "$failed" ] || {
    echo "scripts/test.sh: violations in$failed" >&2
    exit 1
  }
  exit 0
fi

# Packages are made and installed by the tests. Debian has all of it; elsewhere they say what they leave out.
missing=()
for tool in dpkg-deb:dpkg rpmbuild:rpm strip:binutils unshare:util-linux; do
  command -v "${tool%:*}" >/dev/null 2>&1 || missing+=("${tool#*:}")
done
if [ ${#missing[@]} -gt 0 ] && [ "$(uname -s)" = Linux ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    step "packages of Debian that the tests need: ${missing[*]}"
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
      { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null; }
  else
    echo "scripts/test.sh: packages are not tested without ${missing[*]} (Debian: apt-get install ${missing[*]};" \
      "Red Hat: dnf install rpm-build binutils util-linux, and dpkg from EPEL)" >&2
  fi
fi

step "format"
cargo fmt --all --check
step "lints, without AWS"
cargo clippy --locked --workspace --no-default-features --features hostfactory/sqlite --all-targets -- --deny warnings
step "tests of the emulator"
cargo test --locked -p hostfactory-emulator
step "tests of the plug-in without a cloud and without SQLite"
cargo test --locked --no-default-features
step "tests of the plug-in without a cloud"
cargo test --locked --no-default-features --features sqlite
if $fast; then exit 0; fi

need python3 "install Python 3.9 or later with venv, for moto (Debian: python3-venv)"
venv=$cache/moto-$(cksum <tests/moto/requirements.txt | cut -d' ' -f1)
if [ ! -e "$venv/ready" ]; then
  step "moto in $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/moto/requirements.txt
  touch "$venv/ready"
fi
export HOSTFACTORY_TEST_PYTHON=$venv/bin/python

step "lints, all of it"
cargo clippy --locked --all-targets -- --deny warnings
step "all tests, with AWS against the emulator and moto"
cargo test --locked
