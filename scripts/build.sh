#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets up a build folder, if it is not there yet, and brings it up to date.
# usage: scripts/build.sh FOLDER release|gcc|clang|asan|tsan|fuzz|fuzz-fast|ship|plain|debug|minsize
#
# release is what users and packagers build. All others are our own: warnings are errors there. ship
# is the release with its tests, which also finds what only goes wrong without assertions.
set -eu
cd "$(dirname "$0")/.."
folder=$1
strict=-Dwerror=true
[ "$2" != release ] || strict=

case "$2" in
release) set -- -Dtests=disabled --buildtype=release -Db_lto=true ;;
ship) set -- -Dtests=enabled --buildtype=release -Db_lto=true ;;
plain) set -- -Dtests=enabled --buildtype=plain ;;
debug | minsize) set -- -Dtests=disabled --buildtype="$2" ;;
gcc) CC=gcc && set -- -Dtests=enabled --buildtype=debugoptimized ;;
clang) CC=clang && set -- -Dtests=enabled --buildtype=debugoptimized ;;
asan) CC=clang && set -- -Dtests=enabled --buildtype=debugoptimized -Db_lundef=false -Db_sanitize=address,undefined ;;
tsan) CC=clang && set -- -Dtests=enabled --buildtype=debugoptimized -Db_lundef=false -Db_sanitize=thread ;;
fuzz) CC=clang && set -- -Dtests=disabled -Dfuzz=true --buildtype=debugoptimized -Db_lundef=false -Db_sanitize=address,undefined ;;
# Several times as fast: no AddressSanitizer, edges only, undefined behaviour is a trap.
fuzz-fast) CC=clang && set -- -Dtests=disabled -Dfuzz=true --buildtype=debugoptimized -Db_lundef=false -Db_sanitize=undefined \
	"-Dc_args=-fsanitize-trap=undefined -fno-sanitize-coverage=trace-cmp,indirect-calls" ;;
*)
	echo "usage: $0 FOLDER release|gcc|clang|asan|tsan|fuzz|fuzz-fast|ship|plain|debug|minsize" >&2
	exit 2
	;;
esac
export CC="${CC-gcc}"

# A folder whose setup was cut short has no build.ninja; meson will not set up over it.
if [ ! -e "$folder/build.ninja" ]; then
	rm -rf "$folder"
	# shellcheck disable=SC2086 # one word or none
	meson setup "$folder" $strict "$@" >"$folder.log" 2>&1 || {
		cat "$folder.log" >&2
		rm -f "$folder.log"
		exit 1
	}
	rm -f "$folder.log"
fi
# All that fails to compile shows at once.
exec ninja -C "$folder" -k 0
