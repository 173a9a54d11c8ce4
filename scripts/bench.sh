#!/usr/bin/env bash
# Measures what the project promises and says whether it holds. Instruction counts come from valgrind, which load does not
# move; wall times are printed beside them and are not judged.
#
#   scripts/bench.sh [--aws]     --aws adds the calls against the emulator (needs scripts/test.sh to have run)
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${HOSTFACTORY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hostfactory}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
command -v valgrind >/dev/null || { echo "scripts/bench.sh: install valgrind" >&2; exit 1; }
features=(--no-default-features --features sqlite)
[ "${1:-}" = --aws ] && features=()
cargo build --quiet --locked --release "${features[@]}"
bin=$CARGO_TARGET_DIR/release/hostfactory

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{conf,work,log}
export HF_PROVIDER_NAME=bench HF_PROVIDER_CONFDIR=$scratch/conf HF_PROVIDER_WORKDIR=$scratch/work HF_PROVIDER_LOGDIR=$scratch/log
python3 - "$scratch/conf/benchprov_templates.json" <<'PY'
import json, sys
template = lambda n: {
    "templateId": f"Template-{n}", "maxNumber": 1000, "imageId": "ami-0123456789abcdef0", "vmType": "m6i.large",
    "subnetId": "subnet-0123456789abcdef0", "securityGroupIds": ["sg-0123456789abcdef0"], "keyName": "grid",
    "instanceTags": "project=risk;owner=grid", "priceType": "ondemand",
    "attributes": {"type": ["String", "X86_64"], "ncpus": ["Numeric", "2"], "ncores": ["Numeric", "1"], "nram": ["Numeric", "8192"]},
}
json.dump({"templates": [template(n) for n in range(25)]}, open(sys.argv[1], "w"))
PY
failed=0
configure() { # strategy
  cat >"$scratch/conf/config.json" <<JSON
{"provider":{"type":"simulated","simulated":{"bootSeconds":0,"shutdownSeconds":0}},"storage":{"strategy":"$1"}}
JSON
  rm -rf "$scratch/work/"*
}
instructions() { # label, limit in millions, then the call
  local label=$1 limit=$2 count
  shift 2
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bin" "$@" >"$scratch/out" 2>"$scratch/valgrind" || true
  count=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$scratch/valgrind")
  awk -v c="$count" -v l="$limit" -v n="$label" 'BEGIN {
    printf "%-58s %8.2f M instructions (at most %s M) %s\n", n, c / 1e6, l, c / 1e6 <= l ? "ok" : "TOO MANY"; exit c / 1e6 > l }' || failed=1
}
for strategy in json sqlite; do
  configure $strategy
  [ $strategy = json ] && instructions "getAvailableTemplates, 25 templates" 3 getAvailableTemplates --data '{}'
  request=$("$bin" requestMachines --data '{"template":{"templateId":"Template-1","machineCount":10}}' | sed 's/.*"requestId":"\([^"]*\)".*/\1/')
  status="{\"requests\":[{\"requestId\":\"$request\"}]}"
  "$bin" getRequestStatus --data "$status" >"$scratch/settled"
  machines=$(grep -o '"machineId":"[^"]*","name":"[^"]*"' "$scratch/settled" | sed 's/.*/{&}/' | paste -sd, -)
  instructions "getRequestStatus, settled, 10 hosts, $strategy" 5 getRequestStatus --data "$status"
  instructions "getReturnRequests, no host listed, $strategy" 5 getReturnRequests --data '{"machines":[]}'
  "$bin" requestReturnMachines --data "{\"machines\":[$machines]}" | sed 's/.*"requestId":"\([^"]*\)".*/\1/' >"$scratch/ret"
  "$bin" getRequestStatus --data "{\"requests\":[{\"requestId\":\"$(cat "$scratch/ret")\"}]}" >/dev/null
  instructions "getReturnRequests, 10 hosts that have ended, $strategy" 5 getReturnRequests --data "{\"machines\":[$machines]}"
done
exit $failed
