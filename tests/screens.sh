#!/bin/sh
# Makes the pictures and the recording in assets/ from the real program on
# private servers: assets/screens/*.svg and assets/demo.cast. Takes a few minutes;
# needs what the tests need. Replay with: asciinema play assets/demo.cast
set -eu
cd "$(dirname "$0")/.."
cargo test --test terminal -- --ignored --test-threads=1 record::
ls -l assets/screens/*.svg assets/demo.cast
