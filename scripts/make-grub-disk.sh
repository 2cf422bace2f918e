#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a raw disk image that boots GRUB, which prints the date and all of CMOS on the serial port
# and switches the machine off. Needs no root, no loop device and no file system; the same input
# gives the same bytes.
#
#   usage: scripts/make-grub-disk.sh OUT.img [CONFIG]
#
# The disk is GRUB's boot.img in sector 0 and the core image from sector 1 on. That is where both
# expect to be when nobody has told them otherwise: boot.img loads sector 1, and the core image's
# first sector loads the rest from sector 2. So nothing has to be patched, only looked at.
#
# GRUB_LIB names the folder of GRUB's i386-pc files (Debian and Ubuntu: package grub-pc-bin), GRUB_MODULES
# what the configuration needs of them.
set -eu

lib=${GRUB_LIB:-/usr/lib/grub/i386-pc}
modules=${GRUB_MODULES:-biosdisk serial terminal echo date datetime cmosdump halt}
size=1048576

fail() {
	echo "make-grub-disk: $*" >&2
	exit 1
}

# 8 bytes of a file at an offset, as one hexadecimal word: where a loader finds its next sector.
sector_at() {
	od -A n -t x8 -j "$2" -N 8 "$1" | tr -d ' '
}

[ $# -ge 1 ] && [ $# -le 2 ] || fail "usage: $0 OUT.img [CONFIG]"
out=$1
config=${2:-$(dirname "$0")/../guests/grub/grub.cfg}
[ -r "$config" ] || fail "$config: cannot read it"
[ -r "$lib/boot.img" ] || fail "$lib/boot.img: not there (install grub-pc-bin)"
command -v grub-mkimage >/dev/null || fail "grub-mkimage: not there (install grub-common)"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# The parser of an embedded configuration knows no comments.
grep -v '^#' "$config" >"$tmp/grub.cfg" || fail "$config: says nothing"
# shellcheck disable=SC2086 # the modules are words
grub-mkimage -O i386-pc -d "$lib" -p '(hd0)' -c "$tmp/grub.cfg" -o "$tmp/core.img" $modules
[ "$(sector_at "$lib/boot.img" 92)" = 0000000000000001 ] ||
	fail "$lib/boot.img: does not load sector 1"
[ "$(sector_at "$tmp/core.img" 500)" = 0000000000000002 ] ||
	fail "core image: does not go on at sector 2"

cat "$lib/boot.img" "$tmp/core.img" >"$tmp/disk.img"
[ "$(wc -c <"$tmp/disk.img")" -le $size ] || fail "the core image is larger than the disk"
truncate -s $size "$tmp/disk.img"
# In one step, so that whoever stops us leaves no half a disk.
cp "$tmp/disk.img" "$out.new" && mv "$out.new" "$out" || fail "$out: cannot write it"
