# What a change needs, by how long it takes. `just --list` names them all.

# Formatting, lints and types, in minutes
check:
    cargo fmt --check --all
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --package hushtag --lib -- -D warnings

# Every test of the workspace, on made-up data
test *ARGS:
    cargo test --locked {{ARGS}}

# What CI runs
all:
    .ci/run

# What a seal costs: rows per second and peak memory
bench NAME="seal":
    cargo bench --locked --bench {{NAME}}

# Every fuzz target for so many seconds (nightly toolchain, cargo-fuzz)
fuzz SECONDS="60":
    fuzz/run.sh {{SECONDS}}

# The list of public items, after a change of the public interface
public-items:
    cargo doc --locked --no-deps --package hushtag
    docs/public-items.sh > docs/public-items.txt

# The golden errors, after a change of their texts; read the diff
errors:
    cargo test --locked --test command errors:: -- --ignored
