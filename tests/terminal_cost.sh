#!/bin/sh
# Prints what the dashboard costs: bytes a second to the terminal, and processor
# time of `run` in percent of a core (all threads but tui-logger's own, which
# stands beside it; then each thread), by the release build on private servers.
# Takes five minutes; needs what the tests need. Processor time, not time on the
# clock: the machine need not be idle.
#
# Wanted: at 80x24 under 2000 bytes a second while backfilling (aim 1000), and
# paused or held under 1 % of a core at any size. On 2 cores, bytes a second and
# percent of a core; tui-logger's thread stays below a tick:
#
#   80x24    rest 99 0.17, full pace 727 0.80, pace 20 % 303 0.58, paused 171 0.50, held 96 0.50
#   200x60   rest 443 0.42, full pace 1825 1.60, pace 20 % 1622 0.67, paused 1566 0.50, held 1393 0.58
set -eu
cd "$(dirname "$0")/.."
cargo build --release
PGCUTOVER_TEST_PROGRAM="$PWD/target/release/pgcutover" \
    cargo test --test terminal -- --ignored --nocapture --test-threads=1 cost::
