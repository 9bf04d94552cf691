#!/usr/bin/env bash
# Runs every fuzz target for SECONDS each, from its seeds, its regressions and what earlier runs kept in corpus/.
# A crash stops the run; the input is then in artifacts/TARGET/. Fix the bug, then move the input to regressions/TARGET/.
set -euo pipefail

seconds=${1:?"usage: fuzz/run.sh SECONDS [TARGET...]"}
shift
case $seconds in '' | *[!0-9]*) echo "fuzz/run.sh: SECONDS is a whole number, not \`$seconds\`" >&2; exit 2 ;; esac
cd "$(dirname "$0")/.."

# Exit code 69: a tool is missing. Nothing is installed unasked; CI=true asks.
missing() {
  echo "fuzz/run.sh needs $1: $2" >&2
  if [ "${CI:-}" != true ] || ! $2; then exit 69; fi
}
cargo +nightly --version >/dev/null 2>&1 ||
  missing "the nightly toolchain" "rustup toolchain install nightly --profile minimal"
cargo fuzz --version >/dev/null 2>&1 || missing "cargo-fuzz" "cargo install --locked cargo-fuzz"

if [ $# -eq 0 ]; then
  for file in fuzz/fuzz_targets/*.rs; do set -- "$@" "$(basename "$file" .rs)"; done
fi
for target in "$@"; do
  echo "== $target: $seconds s"
  mkdir -p "fuzz/corpus/$target"
  corpora=("fuzz/corpus/$target" "fuzz/seeds/$target")
  [ ! -d "fuzz/regressions/$target" ] || corpora+=("fuzz/regressions/$target")
  # The crate forbids unsafe code, so the address sanitizer would find nothing of ours and halve the speed.
  cargo +nightly fuzz run --sanitizer none "$target" "${corpora[@]}" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 -dict="fuzz/words/$target.dict"
done
