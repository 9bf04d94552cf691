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
cargo test --quiet --release --lib --no-run
# Both find the files in the page cache.
cat "$dir"/*.parquet >/dev/null
sealed=$(HUSHTAG_BENCH_FOLDER=$dir cargo bench --quiet --bench against_duckdb)
echo "$sealed"
cube=$(cargo test --quiet --release --lib cube_questions -- --ignored --nocapture | grep '^question')
echo "$cube"
other=$("${PYTHON:-python3}" "$baseline" "$dir")
echo "$other"
awk '
  { name = $0; sub(/^question[^:]*: /, "", name); sub(/ +[0-9.]+ [mu]s.*$/, "", name); time = $0; sub(/ [mu]s.*/, "", time); sub(/.* /, "", time) }
  /^question of the cube: / { cube[name] = time }
  /^question in memory: / { whole[name] = time }
  /^question: / { theirs[name] = time * 1000 }
  END {
    for (name in theirs) if (name in cube)
      printf "question %s: the cube %.1f us, %.0f times faster; a whole answer, charged and logged, %.0f us, %.1f times\n",
        name, cube[name], theirs[name] / cube[name], whole[name], theirs[name] / whole[name]
  }
' <<<"$sealed"$'\n'"$cube"$'\n'"$other"
ours=$(awk '$1 == "seal" { print $2 }' <<<"$sealed")
theirs=$(awk '$1 == "JOB" { print $3 }' <<<"$other")
awk -v ours="$ours" -v theirs="$theirs" 'BEGIN { printf "ratio %.2f\n", ours / theirs }'
