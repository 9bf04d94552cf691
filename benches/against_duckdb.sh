#!/usr/bin/env bash
# Seals a folder and lets DuckDB do the same job without any privacy, right after each other, and asks both the same four questions;
# ends with `ratio N.NN`.
#
# usage: benches/against_duckdb.sh DIR [BASELINE.py]
# DIR holds follows.parquet (follower, followee), payments.parquet (payer, merchant, category, amount, at) and covered.parquet
# (subject). BASELINE.py prints `JOB TOTAL  N s`; it needs a `python3` with duckdb, or $PYTHON.
set -euo pipefail

dir=$(realpath "${1:?"usage: benches/against_duckdb.sh DIR [BASELINE.py]"}")
cd "$(dirname "$0")/.."
baseline=${2:-../shared/bench/duckdb_baseline.py}
[ -f "$baseline" ] || { echo "no baseline at $baseline: give it as the second argument" >&2; exit 2; }

cargo bench --bench against_duckdb --no-run
# Both find the files in the page cache.
cat "$dir"/*.parquet >/dev/null
sealed=$(HUSHTAG_BENCH_FOLDER=$dir cargo bench --quiet --bench against_duckdb)
echo "$sealed"
other=$("${PYTHON:-python3}" "$baseline" "$dir")
echo "$other"
awk '
  /^question in memory: / { sub(/^question in memory: /, ""); name = $0; sub(/ +[0-9.]+ us$/, "", name); ours[name] = $(NF - 1) }
  /^question: / { sub(/^question: /, ""); name = $0; sub(/ +[0-9.]+ ms$/, "", name); theirs[name] = $(NF - 1) * 1000 }
  END { for (name in ours) if (name in theirs) printf "question %s: %.1f us, %.0f times faster\n", name, ours[name], theirs[name] / ours[name] }
' <<<"$sealed"$'\n'"$other"
ours=$(awk '$1 == "seal" { print $2 }' <<<"$sealed")
theirs=$(awk '$1 == "JOB" { print $3 }' <<<"$other")
awk -v ours="$ours" -v theirs="$theirs" 'BEGIN { printf "ratio %.2f\n", ours / theirs }'
