#!/bin/sh
# SPDX-License-Identifier: MIT
# Every check in every configuration. Goes on after a failure, so that one run shows all of them;
# the last line is "N passed, N failed, N skipped" and the status says whether anything failed.
set -u
cd "$(dirname "$0")/.." || exit 1
logs=build-test-logs
rm -rf "$logs"
mkdir -p "$logs"
failed_builds=0

step()
{
	printf '\n== %s\n' "$*"
}

build()
{
	step "build: $2"
	if ! scripts/build.sh "$1" "$2"; then
		echo "build: $2 FAILED"
		failed_builds=$((failed_builds + 1))
		return 1
	fi
}

# suites FOLDER NAME MESON-OPTIONS...: the results of meson go to the logs as NAME.json.
suites()
{
	folder=$1
	name=$2
	shift 2
	step "test: $name"
	rm -f "$folder/meson-logs/$name.json"
	meson test -C "$folder" --no-rebuild --print-errorlogs --timeout-multiplier 10 --logbase "$name" "$@"
	status=$?
	# No log and no complaint: the configuration has no test of these suites.
	if [ -e "$folder/meson-logs/$name.json" ]; then
		mv "$folder/meson-logs/$name.json" "$logs/$name.json"
	elif [ "$status" != 0 ]; then
		echo '{"name": "meson test", "result": "ERROR"}' >"$logs/$name.json"
	fi
}

# What ships is what is tested: optimised, without assertions.
build build-ship ship && suites build-ship ship --no-suite lint --no-suite race --no-suite inject
# Packagers have build types of their own; each sees other warnings.
for type in plain debug minsize; do
	build "build-$type" "$type"
done
build build-gcc gcc && suites build-gcc gcc --no-suite lint
if build build-asan asan; then
	# This build is clang's: its warnings are told by it, and its options are what clang-tidy needs.
	suites build-asan lint --suite lint
	export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
	export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
	suites build-asan asan --no-suite lint --no-suite guest
	suites build-asan asan-guest --suite asan
fi
if build build-tsan tsan; then
	export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
	suites build-tsan tsan --suite threads
fi

python3 scripts/summary.py "$failed_builds" "$logs"/*.json >"$logs/summary"
status=$?
cat "$logs/summary"
exit "$status"
