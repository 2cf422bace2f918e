#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every fuzz target for FUZZ_SECONDS (60), or FUZZ_RUNS executions if that is set, FUZZ_JOBS at
# a time (as many as processors); FUZZ_TARGETS names some, FUZZ_LEN limits inputs (512 bytes).
# FUZZ_FAST=1 takes the build for many executions, without AddressSanitizer. What is found goes to
# tests/fuzz/reproducers/, where every later test run tries it again.
set -eu
cd "$(dirname "$0")/.."
folder=build-fuzz
options="-max_len=${FUZZ_LEN-512} -reload=0 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1"
if [ -n "${FUZZ_FAST-}" ]; then
	folder=build-fuzz-fast
	options="$options -entropic=0"
fi
scripts/build.sh "$folder" "${folder#build-}"

limit=-max_total_time=${FUZZ_SECONDS-60}
[ -z "${FUZZ_RUNS-}" ] || limit=-runs=$FUZZ_RUNS
export limit folder options

targets=${FUZZ_TARGETS-$(cd "$folder/tests/fuzz" && find . -maxdepth 1 -type f -name 'fuzz_*' | sed 's,^\./fuzz_,,' | sort)}
echo "fuzzing $(echo "$targets" | wc -w) targets, $limit each, ${FUZZ_JOBS-$(nproc)} at a time"

# The work corpus stays in the build folder; only chosen seeds belong into the tree.
# shellcheck disable=SC2016 # expanded by the inner shell
echo "$targets" | tr ' ' '\n' | xargs -P "${FUZZ_JOBS-$(nproc)}" -I{} sh -c '
	mkdir -p "$folder/corpus/{}" tests/fuzz/reproducers/{}
	dict=
	[ ! -e tests/fuzz/{}.dict ] || dict=-dict=tests/fuzz/{}.dict
	# shellcheck disable=SC2086 # several words
	if "$folder/tests/fuzz/fuzz_{}" "$limit" $options $dict -artifact_prefix=tests/fuzz/reproducers/{}/ \
		"$folder/corpus/{}" tests/fuzz/corpus/{} >"$folder/fuzz_{}.log" 2>&1; then
		status=ok
	else
		status=FOUND
		tail -n 60 "$folder/fuzz_{}.log"
	fi
	rmdir tests/fuzz/reproducers/{} 2>/dev/null || true
	echo "{}: $status: $(awk "/number_of_executed_units/ { print \$2 }" "$folder/fuzz_{}.log") executions"
	[ $status = ok ]'
