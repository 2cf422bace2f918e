#!/bin/sh
# SPDX-License-Identifier: MIT
# Sees to the Debian or Ubuntu packages that building and running (run), testing (test) or the machine in a
# browser (demo) need.
# Says nothing and costs nothing when all are there; installs as root or by sudo without a password;
# otherwise prints the command and stops.
set -eu

run='gcc libc6-dev meson ninja-build pkg-config binutils libjson-c-dev libnbd-dev libpng-dev libvncserver-dev liburing-dev libtraceevent-dev libbpf-dev uuid-dev libedit-dev libncurses-dev seabios grub-pc-bin grub-common acpica-tools'
test="$run clang libcmocka-dev clang-format clang-tidy cppcheck strace tmux qemu-system-common qemu-utils"
demo="$run novnc python3"

case "${1-}" in
run) wanted=$run ;;
demo) wanted=$demo ;;
test) wanted=$test ;;
*)
	echo "usage: $0 run|test|demo" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	for tool in gcc meson ninja pkg-config; do
		command -v "$tool" >/dev/null && continue
		echo "coalport: $tool is missing, and this is no Debian or Ubuntu where it could be installed" >&2
		echo "coalport: these are the Debian names of what is needed: $wanted" >&2
		exit 1
	done
	exit 0
fi

missing()
{
	# shellcheck disable=SC2086 # a list of names
	dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
		awk -v wanted="$wanted" '
			$2 == "installed" { have[$1] = 1 }
			END {
				n = split(wanted, want, " ")
				for (i = 1; i <= n; i++)
					if (!(want[i] in have))
						printf "%s ", want[i]
			}'
}

# The sanitizers' and the fuzzer's runtime comes in a package with clang's version in its name, or,
# with older ones, in clang's own.
clang_runtime()
{
	[ "$1" = test ] || return 0
	for lib in /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a \
		/usr/lib/llvm-*/lib/clang/*/lib/x86_64-pc-linux-gnu/libclang_rt.fuzzer.a; do
		[ -e "$lib" ] && command -v clang >/dev/null && return 0
	done
	version=$(apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	if [ -n "$version" ] && apt-cache show "libclang-rt-$version-dev" >/dev/null 2>&1; then
		echo "libclang-rt-$version-dev"
	fi
}

need=$(missing)
[ -n "$need" ] || [ -n "$(clang_runtime "$1")" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	sudo='sudo -n'
else
	echo "coalport: packages are missing, and this user may not install them. Run:" >&2
	echo "  sudo apt-get update && sudo apt-get install --no-install-recommends" $need $(clang_runtime "$1") >&2
	exit 1
fi

echo "coalport: installing what is missing: $need$(clang_runtime "$1")"
# Without the network, what was fetched earlier may still do.
$sudo apt-get -q update || echo "coalport: apt-get update failed; trying with the lists there are" >&2
# shellcheck disable=SC2046,SC2086 # lists of names
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $need $(clang_runtime "$1")
need=$(missing)
if [ -n "$need" ]; then
	echo "coalport: still missing: $need" >&2
	exit 1
fi
