#!/bin/sh
# SPDX-License-Identifier: MIT
# Repeats the tests of suite "soak" with a new seed each time, until one fails or Ctrl-C, or
# SOAK_ROUNDS times. A failure names the seed that repeats it. The first round fails every system call
# that tests/inject knows, which takes minutes; the others a sample.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh build-gcc gcc

round=0
while [ -z "${SOAK_ROUNDS-}" ] || [ "$round" -lt "$SOAK_ROUNDS" ]; do
	round=$((round + 1))
	COALPORT_SEED=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	export COALPORT_SEED
	export COALPORT_STEPS="${COALPORT_STEPS-20000000}" # of the proof that waiting harms nothing
	COALPORT_INJECT=60
	[ "$round" -gt 1 ] || COALPORT_INJECT=all
	export COALPORT_INJECT
	if ! meson test -C build-gcc --no-rebuild --suite soak -t 0 >build-gcc/soak.log 2>&1; then
		cat build-gcc/soak.log
		echo "round $round failed; to repeat it: COALPORT_SEED=$COALPORT_SEED meson test -C build-gcc --suite soak"
		exit 1
	fi
	if [ -t 1 ]; then
		printf '\rround %d passed (seed %s)   ' "$round" "$COALPORT_SEED"
	else
		echo "round $round passed (seed $COALPORT_SEED)"
	fi
done
echo
