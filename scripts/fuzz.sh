#!/bin/sh
# Runs every target of fuzz/, or those that are named: FUZZ_RUNS inputs each, and FUZZ_SECONDS at most. Fails where one
# finds something; what it found stays in fuzz/artifacts/. What it learned stays in fuzz/corpus/, for the next time.
set -eu

cd "$(dirname "$0")/.."
RUNS=${FUZZ_RUNS:-1000000}
SECONDS_EACH=${FUZZ_SECONDS:-600}
CARGO=${CARGO:-cargo}
export PATH="$PWD/.tools/bin:$PATH"

$CARGO fetch --locked --manifest-path fuzz/Cargo.toml
# The service and its targets hold no unsafe code, so no sanitizer looks on; without one any toolchain builds this.
$CARGO fuzz build --sanitizer "${FUZZ_SANITIZER:-none}"
BUILT=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release

if [ $# -eq 0 ]; then
    for file in fuzz/targets/*.rs; do set -- "$@" "$(basename "$file" .rs)"; done
fi
failed=
for target in "$@"; do
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    said=fuzz/artifacts/$target.log
    set --
    [ -f "fuzz/dictionaries/$target.dict" ] && set -- "-dict=fuzz/dictionaries/$target.dict"
    # One input may take ten seconds and two gigabytes; all of them are made for much less.
    if "$BUILT/$target" "$@" -runs="$RUNS" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=2048 \
        -max_len=16384 -artifact_prefix="fuzz/artifacts/$target/" -print_final_stats=1 \
        "fuzz/corpus/$target" "fuzz/seeds/$target" >"$said" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$said")
        echo "ok      $target: $runs runs, $(sed -n 's/^stat::average_exec_per_sec: *//p' "$said") each second"
        # Inputs that ran are no property that was looked at.
        [ "$runs" -gt 0 ] || failed="$failed $target"
    else
        failed="$failed $target"
        echo "FAULT   $target: see $said"
        grep -a -B2 -A6 "panicked at\|ERROR: libFuzzer" "$said" | head -20
    fi
done
[ -z "$failed" ] || { echo "fuzz: found something in:$failed" >&2; exit 1; }
