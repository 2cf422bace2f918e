#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make run` shows: SeaBIOS and GRUB boot from a disk made here, the table of what their port
# accesses cost follows, and then the measurement of the one loop that coalescing is about.
# usage: scripts/run.sh BUILD-FOLDER
set -eu
cd "$(dirname "$0")/.."
coalport=$1/coalport
disk=$1/grub.img

if [ ! -e /dev/kvm ]; then
	echo "coalport: /dev/kvm is not there: this machine has no KVM (load kvm_intel or kvm_amd, or allow nesting), so no guest can run" >&2
	exit 1
elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo "coalport: /dev/kvm: no permission (add yourself to group kvm, or run as root)" >&2
	exit 1
fi

scripts/make-grub-disk.sh "$disk"

echo
echo "== SeaBIOS and GRUB from $disk: takes some seconds on hardware, half a minute where KVM emulates =="
status=0
"$coalport" -M pc -m 64 -nodefaults -nographic -serial stdio \
	-drive "file=$disk,format=raw,if=virtio" -exits text -no-reboot || status=$?
if [ "$status" != 0 ]; then
	echo "coalport: the guest ended with status $status" >&2
	exit "$status"
fi

echo
echo "== the RTC's index and data ports in a loop, coalescing off and on =="
exec "$coalport" bench rtc --rounds 3 --count 50000
