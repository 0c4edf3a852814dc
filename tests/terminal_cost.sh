#!/bin/sh
# Prints what the dashboard costs: bytes a second to the terminal, and processor
# time of `run` in percent of a core (all threads but tui-logger's own, which
# stands beside it; then each thread), by the release build on private servers.
# Takes five minutes; needs what the tests need. Processor time, not time on the
# clock: the machine need not be idle.
#
# Wanted: at 80x24 under 2000 bytes a second while backfilling (aim 1000), and
# paused or held under 1 % of a core at any size. On 2 busy cores, bytes a second
# and percent of a core: at 80x24 at rest 77 and 0.33, backfilling at a pace of
# 20 % 282 and 0.50, paused 130 and 0.43, held 112 and 0.37; ten pictures a second
# at rest, as it was before, made that 0.83 to 1.00. tui-logger's thread: below a tick.
# At 200x60: rest 483 0.53; backfill 1849 0.70; paused 1377 0.60; held 1251 0.57.
set -eu
cd "$(dirname "$0")/.."
cargo build --release
PGCUTOVER_TEST_PROGRAM="$PWD/target/release/pgcutover" \
    cargo test --test terminal -- --ignored --nocapture --test-threads=1 cost::
