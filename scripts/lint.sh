#!/bin/sh
# SPDX-License-Identifier: MIT
# The checks that only read the source. Status 77, with the reason, if the tool is not installed.
# usage: scripts/lint.sh format|tidy|cppcheck|text|man|fix BUILD-FOLDER
set -eu
build=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
jobs=$(nproc)

need()
{
	command -v "$1" >/dev/null && return
	echo "SKIP: $1 is not installed"
	exit 77
}

# Every C file of the tree; a tarball has no git to ask.
sources()
{
	find src tests bench guests -type f \( -name '*.c' -o -name '*.h' \) | sort
}

case "$1" in
format)
	need clang-format
	sources | xargs -r clang-format --dry-run -Werror
	;;
fix)
	need clang-format
	sources | xargs -r clang-format -i
	;;
tidy)
	need clang-tidy
	# Only what this build compiles: the compiler's options for the rest are not known. A file is
	# looked at again when its object, made from it and its headers, is newer than its good mark.
	mkdir -p "$build/tidy"
	awk -F '"' '$2 == "file" { file = $4 }
		$2 == "output" && file ~ /\.c$/ && !seen[file]++ {
			mark = file
			gsub("[^A-Za-z0-9]", "_", mark)
			print file, $4, "tidy/" mark
		}' "$build/compile_commands.json" |
		(cd "$build" && config=$OLDPWD/.clang-tidy xargs -r -P "$jobs" -L 1 sh -c '
			[ -z "$(find "$1" "$config" -newer "$2" 2>&1)" ] && exit 0
			clang-tidy -p . --quiet "$0" && touch "$2"') 2>"$build/tidy.err" || {
		grep -v 'warnings\{0,1\} generated' "$build/tidy.err" >&2 || true
		exit 1
	}
	;;
cppcheck)
	need cppcheck
	mkdir -p "$build/cppcheck"
	# What is compiled for the kernel's BPF has headers of its own; clang has warned of it.
	sources | grep '\.c$' | grep -v '\.bpf\.c$' >"$build/cppcheck.list"
	# It reads no system header by itself; the lists of this one are macros it cannot guess.
	queue=$(echo '#include <sys/queue.h>' | ${CC-cc} -E - | sed -n 's/^# 1 "\(.*queue\.h\)".*/\1/p')
	# Not: comparePointers (symbols around assembly are one object, though two names), and
	# uninitStructMember (does not follow a flag that says whether the struct was filled).
	cppcheck --quiet -j "$jobs" --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingInclude --suppress=missingIncludeSystem --error-exitcode=1 \
		--suppress=comparePointers --suppress=uninitStructMember \
		--cppcheck-build-dir="$build/cppcheck" --include="$queue" -I src --file-list="$build/cppcheck.list"
	;;
man)
	need man
	said=$(MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$build/coalport.1" 2>&1 >/dev/null)
	[ -z "$said" ] || {
		echo "$said"
		exit 1
	}
	;;
text)
	bad=0
	for file in $(sources) $(find scripts -name '*.sh') Makefile; do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
			echo "$file: no licence line on top"
			bad=1
		}
		if grep -nE '[[:space:]]+$' "$file"; then
			echo "$file: white space at the end of lines"
			bad=1
		fi
	done
	# The floors keep apart: only hv/ knows KVM's header, and dev/ and hv/ do not know each other.
	if grep -rn '<linux/kvm' src --include='*.[ch]' | grep -v '^src/hv/'; then
		echo "only src/hv may include <linux/kvm.h>"
		bad=1
	fi
	if grep -n '#include "hv/' src/dev/*.[ch] || grep -n '#include "dev/' src/hv/*.[ch]; then
		echo "src/dev and src/hv may not see each other"
		bad=1
	fi
	# A file that a document names is there. NAME stands for any; other projects' have their folders.
	for name in $(grep -ohE '[A-Za-z0-9_./*-]*[A-Za-z0-9_*]\.(c|h|py|sh)\b' README.md docs/*.md man/*.in | sort -u); do
		case "$name" in
		*[A-Z]* | arch/* | drivers/* | hw/* | linux/*) continue ;;
		esac
		[ -n "$(find src tests bench guests man scripts -path "$name" -o -path "*/$name")" ] || {
			grep -nF "$name" README.md docs/*.md man/*.in
			echo "$name: no such file"
			bad=1
		}
	done
	exit $bad
	;;
*)
	echo "usage: $0 format|tidy|cppcheck|text|man|fix BUILD-FOLDER" >&2
	exit 2
	;;
esac
