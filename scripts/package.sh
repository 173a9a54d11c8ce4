#!/usr/bin/env bash
# Makes packages of hostfactory: a tarball, a .deb and a .rpm with the program, the five scripts, manual pages, completions,
# sample configuration, documentation, the licences of what is linked in, and a list of parts (SBOM, CycloneDX).
#
#   scripts/package.sh                          all three, with a release build that starts on glibc 2.17 (RHEL 7) and later
#   scripts/package.sh deb rpm                  only these
#   scripts/package.sh --binary FILE            with a program that has been built already, from these sources
#   scripts/package.sh --native                 with a plain release build: starts where glibc is as new as here
#   scripts/package.sh -- --no-default-features --features sqlite      with these options for cargo
#   --out FOLDER      where the packages go; else `packages` in cargo's target folder
#   --revision N      the packages' own number, for packing the same version again; else 1
#
# The same sources and program give the same bytes: times are $SOURCE_DATE_EPOCH, else that of the last commit.
# $HOSTFACTORY_PACKAGER names who answers for the packages.
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/.."
umask 022
export LC_ALL=C TZ=UTC

fail() {
  echo "scripts/package.sh: $1" >&2
  exit "${2:-1}"
}
need() { command -v "$1" >/dev/null 2>&1 || fail "'$1' is missing: $2"; }
usage() { fail "$1; usage: scripts/package.sh [--binary FILE | --native] [--out FOLDER] [--revision N] [tar] [deb] [rpm] [-- CARGO-OPTIONS]" 2; }

binary='' native=false out='' revision=1 kinds=()
while [ $# -gt 0 ]; do
  case $1 in
  --binary | --out | --revision)
    [ $# -ge 2 ] && [ -n "$2" ] || usage "$1 needs a value"
    value=$2
    case $1=$value in --revision=* | *=/*) ;; *) value=$from/$value ;; esac
    printf -v "${1#--}" %s "$value"
    shift
    ;;
  --native) native=true ;;
  tar | deb | rpm) kinds+=("$1") ;;
  --)
    shift
    break
    ;;
  *) usage "'$1' is not known" ;;
  esac
  shift
done
[ ${#kinds[@]} -gt 0 ] || kinds=(tar deb rpm)
wanted() { case " ${kinds[*]} " in *" $1 "*) ;; *) return 1 ;; esac; }
case $revision in *[!0-9]* | 0* | '') usage "--revision takes a whole number from 1" ;; esac
[ -z "$binary" ] || ! $native || usage "--binary and --native exclude each other"
[ -z "$binary" ] || [ $# -eq 0 ] || usage "--binary is not built, so it takes no options for cargo"

case ${HOSTFACTORY_PACKAGER:-} in *[%$'\n']*) fail "HOSTFACTORY_PACKAGER takes one line without %" ;; esac

[ "$(uname -s)" = Linux ] || fail "packages are made on Linux; this is $(uname -s)"
need cargo "install Rust 1.95 or later, https://rustup.rs"
need python3 "install Python 3.6 or later (Debian, Red Hat: python3)"
need readelf "install binutils (Debian, Red Hat: binutils)"
need gzip "install gzip"
tar --version 2>/dev/null | grep -q 'GNU tar' || fail "GNU tar is missing: install tar"
wanted deb && need dpkg-deb "install it (Debian: dpkg, Red Hat: dpkg from EPEL), or name the kinds to make: tar rpm"
wanted rpm && need rpmbuild "install it (Debian: rpm, Red Hat: rpm-build), or name the kinds to make: tar deb"

cache=${HOSTFACTORY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/hostfactory}
if ! { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null; then
  cache=$PWD/target
  mkdir -p "$cache"
fi
target=${CARGO_TARGET_DIR:-$cache/target}
triple=$(rustc -vV | sed -n 's/^host: //p')

if [ -z "$binary" ] && $native; then
  cargo build --locked --release --target-dir "$target" "$@"
  binary=$target/release/hostfactory
elif [ -z "$binary" ]; then
  case $triple in *-linux-gnu) ;; *) fail "cannot build for an old glibc from $triple: use --native or --binary" ;; esac
  tools=$cache/zigbuild-$(cksum <packaging/requirements.txt | cut -d' ' -f1)
  if [ ! -e "$tools/ready" ]; then
    echo "Installing cargo-zigbuild in $tools ..." >&2
    rm -rf "$tools"
    python3 -m venv "$tools" || fail "no Python environment could be made: install venv (Debian: python3-venv), or use --native"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check -r packaging/requirements.txt ||
      fail "cargo-zigbuild could not be installed from PyPI: see above, or use --native"
    touch "$tools/ready"
  fi
  PATH=$tools/bin:$PATH cargo zigbuild --locked --release --target-dir "$target" --target "$triple.2.17" "$@"
  binary=$target/$triple/release/hostfactory
fi

# What the program says of itself, and what it needs.
[ -f "$binary" ] && [ -x "$binary" ] || fail "$binary is not a program that can be run"
about=$("$binary" version --output json) || fail "$binary does not start here, and completions are made with it: package on the machine it is for"
said() { printf '%s' "$about" | python3 -c 'import json, sys; value = json.load(sys.stdin)[sys.argv[1]]; print(value if isinstance(value, str) else ",".join(value))' "$1"; }
version=$(said version) features=$(said features)
ours=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[ "$version" = "$ours" ] || fail "$binary is version $version and these sources are $ours: its manual pages and licences would be wrong; build it from these sources"
case $(said architecture) in
x86_64) rpm_arch=x86_64 deb_arch=amd64 ;;
aarch64) rpm_arch=aarch64 deb_arch=arm64 ;;
*) fail "no packages are made for $(said architecture)" ;;
esac
libraries=$(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | paste -sd ' ')
glibc=$(readelf -V "$binary" | grep -o 'GLIBC_2\.[0-9.]*' | cut -d_ -f2 | sort -uV | tail -n 1 || true)
[ -z "$libraries" ] || echo "$binary needs glibc ${glibc:-of any age} or later, and: $libraries" >&2

epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
case $epoch in *[!0-9]* | '') fail "SOURCE_DATE_EPOCH is not a number of seconds: '$epoch'" ;; esac
export SOURCE_DATE_EPOCH=$epoch
out=${out:-$target/packages}
mkdir -p "$out" || fail "$out cannot be made"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hostfactory-package.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
case $scratch in *[!A-Za-z0-9/._-]*) wanted rpm && fail "rpmbuild cannot work in $scratch: set TMPDIR to a folder with plain letters in its name" ;; esac

# Parts that all packages share.
parts=$scratch/parts
mkdir -p "$parts/manual" "$parts/completions"
for page in docs/man/*.1; do gzip -9nc "$page" >"$parts/manual/${page##*/}.gz"; done
for shell in bash zsh fish; do "$binary" completions "$shell" >"$parts/completions/$shell"; done
python3 scripts/parts-list.py --binary "$binary" --target "$triple" --features "$features" --sbom "$parts/sbom.cdx.json" --licences "$parts/licences.txt"

calls=(getAvailableTemplates requestMachines getRequestStatus requestReturnMachines getReturnRequests)

put() { # mode, file, name: copies it there, folders and all
  install -D -m "$1" -- "$2" "$3"
}
put_all() { # source folder, folder: copies what is there, but for hidden files and for manual pages, which go elsewhere
  local file
  while IFS= read -r file; do put 644 "$1/$file" "$2/$file"; done < <(cd "$1" && find . -type f ! -path './man/*' ! -name '.*' | sort)
}
put_documents() { # folder
  local file
  for file in README.md CHANGELOG.md packaging/copyright "$parts/licences.txt" "$parts/sbom.cdx.json"; do
    put 644 "$file" "$1/${file##*/}"
  done
  put_all docs "$1/docs"
}

lay_out() { # root, folder of zsh's completions: lays the files out as they are installed
  local root=$1 usr=$1/usr call
  put 755 "$binary" "$usr/bin/hostfactory"
  # The scripts find the program as ../bin/hostfactory, so nothing depends on the PATH that Host Factory gives them.
  for call in "${calls[@]}"; do put 755 "scripts/$call.sh" "$usr/libexec/hostfactory/scripts/$call.sh"; done
  install -d "$usr/libexec/hostfactory/bin"
  ln -s ../../../bin/hostfactory "$usr/libexec/hostfactory/bin/hostfactory"
  put_all config "$usr/share/hostfactory/config"
  put_documents "$usr/share/doc/hostfactory"
  ln -s ../../hostfactory/config "$usr/share/doc/hostfactory/config" # where README.md points
  put_all "$parts/manual" "$usr/share/man/man1"
  put 644 "$parts/completions/bash" "$usr/share/bash-completion/completions/hostfactory"
  put 644 "$parts/completions/zsh" "$root$2/_hostfactory"
  put 644 "$parts/completions/fish" "$usr/share/fish/vendor_completions.d/hostfactory.fish"
  find "$root" -exec touch -h -d "@$epoch" {} +
}

make_tar() { # A folder that can be put where Host Factory looks for plug-ins, as it is.
  local name=hostfactory-$version-$rpm_arch-linux call
  local root=$scratch/tar/$name
  put 755 "$binary" "$root/bin/hostfactory"
  for call in "${calls[@]}"; do
    put 755 "scripts/$call.sh" "$root/scripts/$call.sh"
    put 644 "scripts/$call.bat" "$root/scripts/$call.bat"
  done
  put_all config "$root/config"
  put_all "$parts/manual" "$root/share/man/man1"
  put_all "$parts/completions" "$root/share/completions"
  put_documents "$root"
  tar -C "$scratch/tar" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" --format=gnu -cf - "$name" |
    gzip -n >"$scratch/out/$name.tar.gz"
}

make_deb() {
  local root=$scratch/deb depends=''
  lay_out "$root" /usr/share/zsh/vendor-completions
  case " $libraries " in *' libc.so.6 '*) depends="libc6 (>= ${glibc:-2.17})" ;; esac
  case " $libraries " in *' libgcc_s.so.1 '*) depends="$depends, libgcc-s1 | libgcc1" ;; esac
  mkdir "$root/DEBIAN"
  # No maintainer scripts and no conffiles: nothing outside /usr is touched, ever.
  cat >"$root/DEBIAN/control" <<EOF
Package: hostfactory
Version: $version-$revision
Architecture: $deb_arch
Maintainer: ${HOSTFACTORY_PACKAGER:-whoever made this package}
Installed-Size: $(du -k --apparent-size -s "$root/usr" | cut -f1)
${depends:+Depends: $depends
}Recommends: ca-certificates
Section: admin
Priority: optional
Description: IBM Spectrum Symphony Host Factory provider plug-in for AWS
 Rents hosts from AWS for the Host Factory of IBM Spectrum Symphony: one
 program, and the five scripts that Host Factory runs.
EOF
  (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  touch -d "@$epoch" "$root/DEBIAN"/* "$root/DEBIAN" "$root"
  dpkg-deb --root-owner-group -Zgzip -z6 --uniform-compression -b "$root" "$scratch/out/hostfactory_$version-${revision}_$deb_arch.deb" >/dev/null
}

make_rpm() {
  local root=$scratch/rpm
  lay_out "$root" /usr/share/zsh/site-functions
  # Folders that other packages own too are left to them.
  (cd "$root" && find . -type d \( -path '*/hostfactory' -o -path '*/hostfactory/*' \) -printf '%%dir "/%P"\n' -o ! -type d -printf '"/%P"\n') |
    sort >"$scratch/files"
  rpmbuild -bb --quiet --target "$rpm_arch-linux" \
    --define "_topdir $scratch/rpmbuild" --define "_rpmdir $scratch/out" --define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
    --define "hostfactory_version $version" --define "hostfactory_revision $revision" \
    --define "hostfactory_tree $root" --define "hostfactory_files $scratch/files" \
    ${HOSTFACTORY_PACKAGER:+--define "hostfactory_packager $HOSTFACTORY_PACKAGER"} \
    packaging/hostfactory.spec >/dev/null
}

mkdir "$scratch/out"
for kind in "${kinds[@]}"; do "make_$kind"; done
for package in "$scratch/out"/*; do
  name=${package##*/}
  (cd "$scratch/out" && sha256sum -- "$name" >"$name.sha256")
  mv -f "$package" "$package.sha256" "$out/"
  echo "$out/$name"
done
