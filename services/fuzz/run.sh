#!/usr/bin/env bash
# Runs every fuzz target of the service for SECONDS each, from what earlier runs kept in corpus/. An unoptimised build, since most of it is
# DataFusion, in which no target looks for faults. A crash stops the run; the input is then in artifacts/TARGET/.
set -euo pipefail

seconds=${1:?"usage: services/fuzz/run.sh SECONDS [TARGET...]"}
shift
case $seconds in '' | *[!0-9]*) echo "services/fuzz/run.sh: SECONDS is a whole number, not \`$seconds\`" >&2; exit 2 ;; esac
cd "$(dirname "$0")/.."

# Exit code 69: a tool is missing.
cargo +nightly fuzz --version >/dev/null 2>&1 || { echo "services/fuzz/run.sh needs the nightly toolchain and cargo-fuzz" >&2; exit 69; }
[ $# -gt 0 ] || set -- body login message token
for target in "$@"; do
  echo "== $target: $seconds s"
  cargo +nightly fuzz run --dev --sanitizer none "$target" -- \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1
done
