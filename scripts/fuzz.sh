#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every fuzz target for FUZZ_SECONDS (60), or FUZZ_RUNS executions if that is set, FUZZ_JOBS at
# a time (as many as processors); FUZZ_TARGETS names some. What is found goes to
# tests/fuzz/reproducers/, where every later test run tries it again.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh build-fuzz fuzz

limit=-max_total_time=${FUZZ_SECONDS-60}
[ -z "${FUZZ_RUNS-}" ] || limit=-runs=$FUZZ_RUNS
export limit

targets=${FUZZ_TARGETS-$(cd build-fuzz/tests/fuzz && find . -maxdepth 1 -type f -name 'fuzz_*' | sed 's,^\./fuzz_,,' | sort)}
echo "fuzzing $(echo "$targets" | wc -w) targets, $limit each, ${FUZZ_JOBS-$(nproc)} at a time"

# The work corpus stays in the build folder; only chosen seeds belong into the tree.
# shellcheck disable=SC2016 # expanded by the inner shell
echo "$targets" | tr ' ' '\n' | xargs -P "${FUZZ_JOBS-$(nproc)}" -I{} sh -c '
	mkdir -p build-fuzz/corpus/{} tests/fuzz/reproducers/{}
	if build-fuzz/tests/fuzz/fuzz_{} "$limit" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix=tests/fuzz/reproducers/{}/ build-fuzz/corpus/{} tests/fuzz/corpus/{} \
		>build-fuzz/fuzz_{}.log 2>&1; then
		status=ok
	else
		status=FOUND
		tail -n 60 build-fuzz/fuzz_{}.log
	fi
	rmdir tests/fuzz/reproducers/{} 2>/dev/null || true
	echo "{}: $status: $(awk "/number_of_executed_units/ { print \$2 }" build-fuzz/fuzz_{}.log) executions"
	[ $status = ok ]'
