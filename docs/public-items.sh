#!/bin/sh
# The public items of the library, one a line, as `cargo doc --no-deps --package hushtag` lists them. After a change of the public
# interface: cargo doc --no-deps --package hushtag && docs/public-items.sh > docs/public-items.txt
cd "$(dirname "$0")/.." || exit 1
grep -o '<li><a href="[^"]*">[^<]*</a>' target/doc/hushtag/all.html | sed 's/.*href="//; s/".*//; s/\.html$//; s/index$//' | LC_ALL=C sort
