#!/bin/sh
# Builds the program as it is released: the same bytes from the same source with the same compilers, in whatever folder.
# Writes target/release/gatehouse.
set -eu

cd "$(dirname "$0")/.."
HERE=$(pwd -P)
HOME_OF_CARGO=$(cd "${CARGO_HOME:-$HOME/.cargo}" && pwd -P)

# Where the source and the packages lie is no part of the program: neither of Rust's texts of panics, nor of C's of asserts.
RUSTFLAGS="--remap-path-prefix=$HERE=/gatehouse --remap-path-prefix=$HOME_OF_CARGO=/cargo"
CFLAGS="-ffile-prefix-map=$HERE=/gatehouse -ffile-prefix-map=$HOME_OF_CARGO=/cargo"
# Nor is the day it was built.
SOURCE_DATE_EPOCH=0
unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
export RUSTFLAGS CFLAGS CXXFLAGS="$CFLAGS" SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC

CARGO_TARGET_DIR=target ${CARGO:-cargo} build --locked --release --bin gatehouse
