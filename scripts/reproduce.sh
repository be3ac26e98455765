#!/bin/sh
# Builds the release twice, in two folders of different names and depths, from what the container is built from, and
# compares the two. Takes two whole builds.
set -eu

cd "$(dirname "$0")/.."
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

fail() {
    echo "reproduce: $*" >&2
    exit 1
}

# What deploy/Dockerfile.dockerignore lets in.
# shellcheck disable=SC2046  # A list of names.
tar -cf "$WORK/inputs.tar" $(sed -n 's/^!//p' deploy/Dockerfile.dockerignore)
build() {
    mkdir -p "$WORK/$1"
    tar -xf "$WORK/inputs.tar" -C "$WORK/$1"
    echo "reproduce: building in $WORK/$1"
    sh "$WORK/$1/scripts/release.sh" || fail "the build fails"
    mv "$WORK/$1/target/release/gatehouse" "$WORK/$2"
    rm -rf "${WORK:?}/$1"
}
build one first
build two/somewhere-else/below second
cd "$WORK"
sha256sum first second
cmp first second || fail "the two differ"
for path in "$WORK" "${CARGO_HOME:-$HOME/.cargo}"; do
    if grep -aqF "$path" first; then fail "$path stands in the program"; fi
done
echo "reproduce: the two are the same, and neither says where it was built"
