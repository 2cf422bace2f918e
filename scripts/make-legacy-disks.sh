#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes what `coalport bench legacy --images FOLDER` boots besides guests of our own:
#
#   grub-console.img    GRUB that prints lines on the screen
#   freedos-floppy.img  a FreeDOS floppy disk that boots to where its prompt would come
#   freedos-disk.img    the same FreeDOS on a hard disk, started by GRUB, which shows a DIR
#
#   usage: scripts/make-legacy-disks.sh FOLDER [FREEDOS.img]
#
# FREEDOS.img is a floppy disk's image with KERNEL.SYS and COMMAND.COM on it; without it there is only the
# first of the three. It is not changed. All three end by isa-debug-exit at 0xf4 with the status of a guest
# that is done (guests/guests.h). Needs grub-pc-bin and, for FreeDOS, mtools; no root.
set -eu

lib=${GRUB_LIB:-/usr/lib/grub/i386-pc}
here=$(dirname "$0")
grub=$here/../guests/grub

fail() {
	echo "make-legacy-disks: $*" >&2
	exit 1
}

# "mov al, 16; out 0xf4, al; ret"
leave() {
	printf '\260\020\346\364\303'
}

[ $# -ge 1 ] && [ $# -le 2 ] || fail "usage: $0 FOLDER [FREEDOS.img]"
out=$1
freedos=${2-}
mkdir -p "$out"
GRUB_MODULES='biosdisk terminal echo iorw' sh "$here/make-grub-disk.sh" "$out/grub-console.img" "$grub/console.cfg"
[ -n "$freedos" ] || exit 0
[ -r "$freedos" ] || fail "$freedos: cannot read it"
command -v mcopy >/dev/null || fail "mcopy: not there (install mtools)"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
leave >"$tmp/leave.com"

# The floppy disk: what it does anyway, and then the end.
cp "$freedos" "$tmp/floppy.img"
chmod u+w "$tmp/floppy.img"
mcopy -n -i "$tmp/floppy.img" ::AUTOEXEC.BAT "$tmp/autoexec.bat" 2>/dev/null || : >"$tmp/autoexec.bat"
printf '\r\nLEAVE\r\n' >>"$tmp/autoexec.bat"
mcopy -o -i "$tmp/floppy.img" "$tmp/autoexec.bat" ::AUTOEXEC.BAT
mcopy -o -i "$tmp/floppy.img" "$tmp/leave.com" ::LEAVE.COM

# The hard disk: 40 cylinders of 16 heads of 63 sectors; GRUB, and from 1 MiB on a FAT partition that ends
# where a cylinder does, so that whoever guesses a geometry from it guesses this one.
mcopy -n -i "$freedos" ::KERNEL.SYS ::COMMAND.COM "$tmp/" || fail "$freedos: no FreeDOS kernel or shell in it"
grep -v '^#' "$grub/freedos.cfg" >"$tmp/grub.cfg"
grub-mkimage -O i386-pc -d "$lib" -p '(hd0,msdos1)' -c "$tmp/grub.cfg" -o "$tmp/core.img" biosdisk part_msdos fat freedos boot
{
	head -c 446 "$lib/boot.img"
	# Active, from 2/0/33, FAT16, to 39/15/63; sectors 2048 to 40319.
	printf '\200\000\041\002\006\017\077\047\000\010\000\000\200\225\000\000'
	head -c 48 /dev/zero
	printf '\125\252'
	cat "$tmp/core.img"
} >"$tmp/disk.img"
[ "$(wc -c <"$tmp/disk.img")" -le 1048576 ] || fail "the core image does not fit in front of the partition"
truncate -s 20643840 "$tmp/disk.img"
mformat -i "$tmp/disk.img@@1048576" -h 16 -n 63 -H 2048 -T 38272 -c 4 -N 00000000 ::
printf 'FILES=20\r\nBUFFERS=20\r\nSHELL=C:\\COMMAND.COM C:\\ /E:512 /P\r\n' >"$tmp/config.sys"
printf '@ECHO OFF\r\nDIR\r\nLEAVE\r\n' >"$tmp/autoexec.bat"
mcopy -i "$tmp/disk.img@@1048576" "$tmp/KERNEL.SYS" "$tmp/COMMAND.COM" ::
mcopy -i "$tmp/disk.img@@1048576" "$tmp/config.sys" ::CONFIG.SYS
mcopy -i "$tmp/disk.img@@1048576" "$tmp/autoexec.bat" ::AUTOEXEC.BAT
mcopy -i "$tmp/disk.img@@1048576" "$tmp/leave.com" ::LEAVE.COM
# So that the DIR scrolls for a while, as it does on most disks.
for file in 1 2 3 4 5 6; do
	mcopy -i "$tmp/disk.img@@1048576" "$tmp/autoexec.bat" "::FILE$file.TXT"
done

for name in floppy disk; do
	mv "$tmp/$name.img" "$out/freedos-$name.img"
done
