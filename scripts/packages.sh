#!/bin/sh
# packages.sh count NUMBER: whether so many packages are compiled into the release.
# packages.sh sbom NUMBER: writes what they are, target/gatehouse.cdx.json, and whether that lists them all.
# packages.sh list: their names and versions.
set -eu

cd "$(dirname "$0")/.."
CARGO=${CARGO:-cargo}
# Names, versions and licences are the same for every target that is released, to a package or two.
TARGET=x86_64-unknown-linux-gnu
SBOM=target/gatehouse.cdx.json

list() {
    # Of macros nothing is in the program but what they wrote.
    $CARGO tree --locked --edges normal,no-proc-macro --target $TARGET --prefix none --no-dedupe --format '{p}' |
        sed 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/' | LC_ALL=C sort -u
}

count() {
    there=$(list | wc -l)
    if [ "$there" -gt "$1" ]; then
        echo "packages: $there are compiled into the release, and RELEASE_PACKAGES in the Makefile says $1." >&2
        echo "packages: see what brings the new ones (cargo tree --edges normal --invert NAME). Do without them, or raise the number" >&2
        echo "packages: and say in the commit what they are for, who keeps them, and why it is not written here." >&2
        exit 1
    fi
    if [ "$there" -lt "$1" ]; then
        echo "packages: only $there are compiled into the release. Good: write $there to RELEASE_PACKAGES in the Makefile, so that it stays so." >&2
        exit 1
    fi
    echo "packages: $there are compiled into the release"
}

sbom() {
    export PATH="$PWD/.tools/bin:$PATH"
    mkdir -p target
    # It writes beside Cargo.toml. No day and no random number: the same commit gives the same file.
    SOURCE_DATE_EPOCH=0 $CARGO cyclonedx --quiet --format json --spec-version 1.5 --target $TARGET --no-build-deps \
        --override-filename gatehouse.cdx
    list >target/packages.list
    python3 scripts/sbom.py gatehouse.cdx.json target/packages.list >$SBOM
    rm gatehouse.cdx.json
    echo "packages: $SBOM lists $(wc -l <target/packages.list)"
}

case ${1:-} in
list) list ;;
count) count "$2" ;;
sbom) count "$2" && sbom ;;
*) sed -n '2,4s/^# //p' "$0" && exit 2 ;;
esac
