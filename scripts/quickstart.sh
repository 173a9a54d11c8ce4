#!/usr/bin/env bash
# The main job on the simulated provider, in a scratch folder, without a cloud and at no cost: lists templates, asks for
# hosts, polls until they run, gives them back, polls until they have ended. Shows each document it reads and writes.
#
#   scripts/quickstart.sh            on the JSON store
#   scripts/quickstart.sh --sqlite   on the SQLite store
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
features=() strategy=json
case "${1:-}" in
'') ;;
--sqlite) features=(--features sqlite) strategy=sqlite ;;
*)
  echo "usage: scripts/quickstart.sh [--sqlite]" >&2
  exit 2
  ;;
esac

if [ -z "${HOSTFACTORY_BIN:-}" ]; then
  cache=${HOSTFACTORY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/hostfactory}
  if ! { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null; then cache=$here/../target; fi
  export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
  echo "Building hostfactory without AWS (about a minute the first time) ..."
  (cd "$here/.." && cargo build --quiet --locked --no-default-features "${features[@]}")
  export HOSTFACTORY_BIN=$CARGO_TARGET_DIR/debug/hostfactory
fi

# The folders that Host Factory would give to a provider instance called "awsinst".
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hostfactory-quickstart.XXXXXX")
export HF_PROVIDER_NAME=awsinst HF_PROVIDER_CONFDIR="$scratch/conf" HF_PROVIDER_WORKDIR="$scratch/work" HF_PROVIDER_LOGDIR="$scratch/log"
mkdir -p "$scratch/conf" "$scratch/work" "$scratch/log"
cp "$here/../config/awsprov_templates.json" "$scratch/conf/awsinstprov_templates.json"
cat >"$scratch/conf/config.json" <<JSON
{
  "provider": { "type": "simulated", "simulated": { "bootSeconds": 2, "shutdownSeconds": 1 } },
  "storage": { "strategy": "$strategy" }
}
JSON

call() { # script, input document: shows both documents, keeps the answer in $answer
  printf '%s' "$2" >"$scratch/in.json"
  printf '\n$ %s.sh -f in.json\n  in:  %s\n' "$1" "$2"
  if answer=$("$here/$1.sh" -f "$scratch/in.json"); then
    printf '  out: %s\n' "$answer"
  else
    printf '  out: %s\n  the call failed; the log is in %s\n' "$answer" "$scratch/log" >&2
    exit 1
  fi
}
field() { printf '%s' "$answer" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
poll() { # request id
  for _ in $(seq 60); do
    call getRequestStatus "{\"requests\":[{\"requestId\":\"$1\"}]}"
    case "$answer" in *'"status":"running","message"'*) sleep 1 ;; *) return ;; esac
  done
  echo "the request did not settle within a minute" >&2
  exit 1
}

echo "Everything happens in $scratch; nothing is written elsewhere."
call getAvailableTemplates '{}'
template=$(printf '%s' "$answer" | grep -o '"templateId":"[^"]*"' | head -n 1 | cut -d'"' -f4)
call requestMachines "{\"template\":{\"templateId\":\"$template\",\"machineCount\":2}}"
poll "$(field requestId)"
machines=$(printf '%s' "$answer" | grep -o '"machineId":"[^"]*","name":"[^"]*"' | sed 's/.*/{&}/' | paste -sd, -)
call getReturnRequests "{\"machines\":[$machines]}"
call requestReturnMachines "{\"machines\":[$machines]}"
poll "$(field requestId)"
printf '\nDone: two hosts came and went. State: %s, log: %s\n' "$scratch/work/data" "$scratch/log"
