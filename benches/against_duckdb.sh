#!/usr/bin/env bash
# Seals a folder, and lets DuckDB and Polars do the same job without any privacy, right after each other; asks us and DuckDB the same
# four questions. Ends with `to DuckDB: ratio N.NNN` and, where there is a Polars job, `to Polars: ratio N.NNN`.
#
# usage: benches/against_duckdb.sh DIR [DUCKDB.py [POLARS.py]]
# DIR holds follows.parquet (follower, followee), payments.parquet (payer, merchant, category, amount, at) and covered.parquet
# (subject). Both jobs print `JOB TOTAL  N s`; they need a `python3` with duckdb and polars, or $PYTHON. $PROFILE is the profile of
# ours, `bench` if not given; `dist` is what is given out.
set -euo pipefail

dir=$(realpath "${1:?"usage: benches/against_duckdb.sh DIR [DUCKDB.py [POLARS.py]]"}")
cd "$(dirname "$0")/.."
duckdb=${2:-../shared/bench/duckdb_baseline.py}
polars=${3:-../shared/bench/polars_job.py}
[ -f "$duckdb" ] || { echo "no baseline at $duckdb: give it as the second argument" >&2; exit 2; }
bench=(cargo bench --profile "${PROFILE:-bench}" --bench against_duckdb)

"${bench[@]}" --no-run
cargo test --quiet --release --lib --no-run
# All find the files in the page cache.
cat "$dir"/*.parquet >/dev/null
sealed=$(HUSHTAG_BENCH_FOLDER=$dir "${bench[@]}" --quiet)
echo "$sealed"
other=$("${PYTHON:-python3}" "$duckdb" "$dir")
echo "$other"
columns=""
if [ -f "$polars" ]; then
  columns=$("${PYTHON:-python3}" "$polars" "$dir")
  echo "$columns"
fi
cube=$(cargo test --quiet --release --lib cube_questions -- --ignored --nocapture | grep '^question')
echo "$cube"
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
ratio() {
  local theirs
  theirs=$(awk '$1 == "JOB" { print $3 }' <<<"$2")
  awk -v name="$1" -v ours="$ours" -v theirs="$theirs" 'BEGIN { printf "to %s: ratio %.3f\n", name, ours / theirs }'
}
ratio DuckDB "$other"
[ -z "$columns" ] || ratio Polars "$columns"
