#!/bin/sh
# From CSV files to answered questions. `HUSHTAG=path sh run.sh FOLDER` works in FOLDER; without one, in a new folder.
set -eu
hushtag=${HUSHTAG:-hushtag}
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
cd "$folder"

awk -f "$here/data.awk"
"$hushtag" policy check "$here/study.toml"
"$hushtag" init box --study "$here/study.toml" --epsilon 4 --approval none
"$hushtag" seal box --epoch 2026-q3 --as-of 2026-10-01 \
    --data members=members.csv --data friends=friends.csv --data purchases=purchases.csv --consents consents.csv
"$hushtag" vocabulary box --recipient researcher
"$hushtag" ask box --recipient researcher --forecast "SELECT buyer, COUNT(*) FROM tags GROUP BY buyer"
"$hushtag" ask box --recipient researcher "SELECT buyer, COUNT(*) FROM tags GROUP BY buyer"
"$hushtag" ask box --recipient researcher "SELECT popular, COUNT(*) FROM tags WHERE buyer = 'much' GROUP BY popular"
"$hushtag" metrics box --recipient researcher
"$hushtag" budget box
"$hushtag" audit verify box
echo "The sandbox is in $folder/box"
