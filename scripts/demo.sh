#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make demo` shows: a machine in a browser, by noVNC. DOS names the image of a floppy disk to start
# from; without it SeaBIOS shows itself. The image is copied: what the guest writes is gone afterwards.
# usage: scripts/demo.sh BUILD-FOLDER [DOS-IMAGE]
set -eu
cd "$(dirname "$0")/.."
coalport=$1/coalport
image=${2-}
display=${DISPLAY_NUMBER-5}
page=${PAGE_PORT-6080}
pages=/usr/share/novnc

if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo "coalport: /dev/kvm: not there, or no permission (this machine has no KVM, or add yourself to group kvm)" >&2
	exit 1
fi
if [ -n "$image" ] && [ ! -r "$image" ]; then
	echo "coalport: $image: no such image (DOS=FILE names a floppy disk's)" >&2
	exit 1
fi

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
set -- -m 32 -display none -serial null -vnc "127.0.0.1:$display,websocket=on"
if [ -n "$image" ]; then
	cp "$image" "$work/floppy.img"
	chmod u+w "$work/floppy.img"
	set -- "$@" -fda "$work/floppy.img" -boot a
else
	set -- "$@" -boot menu=on
fi
python3 -m http.server --bind 127.0.0.1 --directory "$pages" "$page" >/dev/null 2>&1 &
server=$!

echo
echo "== a machine with a screen: open this page; Ctrl-C here ends it =="
echo "http://127.0.0.1:$page/vnc_lite.html?host=127.0.0.1&port=$((5700 + display))&path="
echo "(or any VNC viewer: 127.0.0.1:$display)"
"$coalport" "$@"
