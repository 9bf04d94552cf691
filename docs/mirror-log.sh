#!/usr/bin/env bash
# Copies the audit log of a service into DIR/log, to be verified there with the key that was agreed on elsewhere:
#   docs/mirror-log.sh https://sandbox.example copy TOKEN-FILE && hushtag audit verify copy --log-alone --key VKEY
# The paths are those of C2SP tlog-tiles: a tile has 256 items; the last one of a level, if it is not full, is under its width.
set -euo pipefail

url=${1:?"usage: mirror-log.sh URL DIR [TOKEN-FILE]"}
dir=${2:?"usage: mirror-log.sh URL DIR [TOKEN-FILE]"}
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
# In a file, so that the token is in no list of processes; without one the log must be public.
if [ $# -gt 2 ]; then printf 'Authorization: Bearer %s\n' "$(cat "$3")" >"$headers"; fi

get() { # PATH
  mkdir -p "$(dirname "$dir/log/$1")"
  curl --fail --silent --show-error --header "@$headers" --output "$dir/log/$1" "$url/log/$1"
}

number() { # N: 1234567 is x001/x234/567
  local left=$1 path
  path=$(printf '%03d' $((left % 1000)))
  while [ "$left" -ge 1000 ]; do
    left=$((left / 1000))
    path=$(printf 'x%03d' $((left % 1000)))/$path
  done
  printf '%s' "$path"
}

level() { # NAME ITEMS
  local full=$(($2 / 256)) width=$(($2 % 256)) tile
  for ((tile = 0; tile < full; tile++)); do
    # Full tiles never change, so a later run fetches the new ones alone.
    [ -e "$dir/log/tile/$1/$(number "$tile")" ] || get "tile/$1/$(number "$tile")"
  done
  if [ "$width" -gt 0 ]; then get "tile/$1/$(number "$full").p/$width"; fi
}

# Partial tiles of an earlier run belong to its checkpoint.
find "$dir/log/tile" -type d -name '*.p' -exec rm -r {} + 2>/dev/null || true
get checkpoint
size=$(sed -n 2p "$dir/log/checkpoint")
case $size in '' | *[!0-9]*) echo "the checkpoint states no size" >&2; exit 1 ;; esac
level entries "$size"
for ((height = 0, items = size; items > 0; height++, items /= 256)); do
  level "$height" "$items"
done
echo "$size entries in $dir/log"
