#!/usr/bin/env bash
# Sends requests that schemathesis makes from the OpenAPI document, valid and invalid ones, to the demo: no answer is a server error, and
# each is one that the document names. Usage: conformance.sh HUSHTAG-SERVE. Exit code 69: no Python with venv, or no schemathesis.
set -euo pipefail

program=$(realpath "${1:?"usage: conformance.sh HUSHTAG-SERVE"}")
scratch=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill "$service" 2>/dev/null || true; rm -rf "$scratch"' EXIT

python3 -m venv "$scratch/venv" 2>/dev/null && "$scratch/venv/bin/pip" -q --retries 1 --timeout 20 install 'schemathesis==4.32.5' || exit 69

"$program" demo --dir "$scratch/demo" --people 2000 --http-port 0 --postgres-port 0 >"$scratch/lines" 2>/dev/null &
service=$!
for _ in $(seq 120); do
  if grep -q '^Ctrl-C' "$scratch/lines"; then break; fi
  sleep 1
done
url=$(grep -o 'http://127.0.0.1:[0-9]*/openapi.json' "$scratch/lines" | head -1)
mapfile -t tokens < <(grep -o 'hushtag_[A-Za-z0-9_-]*' "$scratch/lines" | awk '!seen[$0]++')

# A text is a valid value of `sql` without being a query, so `positive_data_acceptance` is left out; without a token every path is refused by
# a test of ours.
# It leaves a folder of its own where it runs.
run() {
  cd "$scratch"
  "$scratch/venv/bin/schemathesis" run "$url" --header "Authorization: Bearer $1" --include-path-regex "$2" --checks all \
    --exclude-checks positive_data_acceptance,ignored_auth --phases examples,coverage,fuzzing --max-examples 60 --seed 1 --warnings off --suppress-health-check all
}
run "${tokens[0]}" '^/(v1|openapi|healthz|readyz|metrics)'
run "${tokens[1]}" '^/log'
