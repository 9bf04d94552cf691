#!/usr/bin/env bash
# Sends requests that schemathesis makes from the OpenAPI documents, valid and invalid ones, to the demo and to a platform that evaluates
# blind tokens: no answer is a server error, and each is one that the document names. `hushtag` is found in `examples` beside the program.
# Usage: conformance.sh HUSHTAG-SERVE. Exit code 69: no Python with venv, or no schemathesis.
set -euo pipefail

program=$(realpath "${1:?"usage: conformance.sh HUSHTAG-SERVE"}")
hushtag=$(dirname "$program")/examples/hushtag
study=$(realpath "$(dirname "$0")/../../../policies/demo/study.toml")
scratch=$(mktemp -d)
services=()
trap 'kill "${services[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

python3 -m venv "$scratch/venv" 2>/dev/null && "$scratch/venv/bin/pip" -q --retries 1 --timeout 20 install 'schemathesis==4.32.5' || exit 69

# Waits until FILE has PATTERN, at most two minutes.
await() {
  for _ in $(seq 120); do
    if grep -q "$2" "$1"; then return; fi
    sleep 1
  done
  echo "$1 has no $2:" >&2
  cat "$1" >&2
  exit 1
}

# A text is a valid value of `sql` without being a query, and bytes are a valid body without being a request, so `positive_data_acceptance`
# is left out; without a token every path is refused by a test of ours. It leaves a folder of its own where it runs.
run() {
  cd "$scratch"
  "$scratch/venv/bin/schemathesis" run "$1" --header "Authorization: Bearer $2" --include-path-regex "$3" --checks all \
    --exclude-checks positive_data_acceptance,ignored_auth --phases examples,coverage,fuzzing --max-examples 60 --seed 1 --warnings off --suppress-health-check all
}

"$program" demo --dir "$scratch/demo" --people 2000 --http-port 0 --postgres-port 0 >"$scratch/lines" 2>/dev/null &
services+=($!)
await "$scratch/lines" '^Ctrl-C'
url=$(grep -o 'http://127.0.0.1:[0-9]*/openapi.json' "$scratch/lines" | head -1)
mapfile -t tokens < <(grep -o 'hushtag_[A-Za-z0-9_-]*' "$scratch/lines" | awk '!seen[$0]++')
run "$url" "${tokens[0]}" '^/(v1|openapi|healthz|readyz|metrics)'
run "$url" "${tokens[1]}" '^/log'

mkdir "$scratch/platform"
cd "$scratch/platform"
cp "$study" study.toml
for pair in social-platform:a payment-platform:b; do
  public=$("$hushtag" key new --out "${pair#*:}.key" --for blind-token)
  sed -i "/^id = \"${pair%:*}\"\$/a token_key = \"$public\"" study.toml
done
printf '\n[tokens]\nmax_ids = 1000\npadding = 16\n' >>study.toml
printf 'state = "serve"\n[evaluation]\nstudy = "study.toml"\nkey = "b.key"\nbook = "b.evaluations"\n[http]\nlisten = "127.0.0.1:0"\n' >serve.toml
token=$("$program" token new --role requester --days 1 --config serve.toml | grep -o 'hushtag_[A-Za-z0-9_-]*' | head -1)
"$program" run --config serve.toml 2>log &
services+=($!)
await log '127.0.0.1:[1-9]'
address=$(grep -o '127.0.0.1:[1-9][0-9]*' log | head -1)
run "http://$address/openapi.json" "$token" '^/(v1|healthz)'
