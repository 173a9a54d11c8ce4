#!/usr/bin/env bash
# The main job in a scratch folder, without a cloud and at no cost: lists templates, asks for hosts, polls until they run,
# gives them back, polls until they have ended. Shows each document it reads and writes.
#
#   scripts/quickstart.sh              on the simulated provider, with the JSON store
#   scripts/quickstart.sh --sqlite     with the SQLite store
#   scripts/quickstart.sh --emulator   through the real AWS SDK, on an EC2 emulator that it starts and stops
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
emulator=false strategy=json
for option; do
  case "$option" in
  --sqlite) strategy=sqlite ;;
  --emulator) emulator=true ;;
  *)
    echo "usage: scripts/quickstart.sh [--emulator] [--sqlite]" >&2
    exit 2
    ;;
  esac
done
features=()
if $emulator; then features+=(aws); fi
if [ $strategy = sqlite ]; then features+=(sqlite); fi

if [ -z "${HOSTFACTORY_BIN:-}" ] || $emulator; then
  cache=${HOSTFACTORY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/hostfactory}
  if ! { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null; then cache=$here/../target; fi
  export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
fi
if $emulator; then
  (cd "$here/.." && cargo build --quiet --locked -p hostfactory-emulator)
fi
if [ -z "${HOSTFACTORY_BIN:-}" ]; then
  if $emulator; then
    echo "Building hostfactory with the AWS SDK (some minutes the first time) ..."
  else
    echo "Building hostfactory without AWS (about a minute the first time) ..."
  fi
  (cd "$here/.." && IFS=, && cargo build --quiet --locked --no-default-features --features "${features[*]-}")
  export HOSTFACTORY_BIN=$CARGO_TARGET_DIR/debug/hostfactory
fi

# The folders that Host Factory would give to a provider instance called "awsinst".
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hostfactory-quickstart.XXXXXX")
export HF_PROVIDER_NAME=awsinst HF_PROVIDER_CONFDIR="$scratch/conf" HF_PROVIDER_WORKDIR="$scratch/work" HF_PROVIDER_LOGDIR="$scratch/log"
mkdir -p "$scratch/conf" "$scratch/work" "$scratch/log"
# The sample templates name what the emulator has.
cp "$here/../config/awsprov_templates.json" "$scratch/conf/awsinstprov_templates.json"
if $emulator; then
  # The emulator ends with its standard input, which this script holds open.
  mkfifo "$scratch/emulator.in"
  "$CARGO_TARGET_DIR/debug/hostfactory-emulator" --boot 2 <"$scratch/emulator.in" >"$scratch/emulator.json" &
  emulator_pid=$!
  exec 9>"$scratch/emulator.in"
  trap 'exec 9>&-; wait "$emulator_pid" || true' EXIT
  until [ -s "$scratch/emulator.json" ]; do
    kill -0 "$emulator_pid" 2>/dev/null || {
      echo "the emulator did not start" >&2
      exit 1
    }
    sleep 0.1
  done
  endpoint=$(grep -o 'http://[^"]*' "$scratch/emulator.json")
  echo "The emulator listens at $endpoint; it shows every host at $endpoint/_emulator/truth."
  export AWS_ACCESS_KEY_ID=emulated AWS_SECRET_ACCESS_KEY=emulated
  provider="{ \"type\": \"aws\", \"aws\": { \"region\": \"us-east-1\", \"endpointUrl\": \"$endpoint\" } }"
else
  provider='{ "type": "simulated", "simulated": { "bootSeconds": 2, "shutdownSeconds": 1 } }'
fi
printf '{ "provider": %s, "storage": { "strategy": "%s" } }\n' "$provider" "$strategy" >"$scratch/conf/config.json"

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
