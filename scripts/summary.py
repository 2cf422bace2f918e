#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Adds up meson's results (testlog.json) over several runs.

A cmocka program counts as the tests it ran, anything else as one. What failed and what was skipped
is listed with its reason; the last line is "N passed, N failed, N skipped".
usage: summary.py FAILED-BUILDS TESTLOG...
"""
import json
import os
import re
import sys

COUNT = re.compile(r'\[\s+(PASSED|SKIPPED|FAILED)\s+\] (\d+) test\(s\)')


def count(result, output):
    """Passed, failed, skipped tests of one program."""
    inner = {'PASSED': 0, 'SKIPPED': 0, 'FAILED': 0}
    for kind, number in COUNT.findall(output):
        inner[kind] += int(number)
    good = result in ('OK', 'EXPECTEDFAIL')
    if result == 'SKIP':
        return 0, 0, max(1, inner['SKIPPED'])
    if good:
        if sum(inner.values()) == 0:
            return 1, 0, 0
        return inner['PASSED'], 0, inner['SKIPPED']
    return inner['PASSED'], max(1, inner['FAILED']), inner['SKIPPED']


def reason(output):
    """Why a program or a test in it was skipped, as far as it says."""
    lines = [line.strip() for line in output.splitlines()]
    said = [line for line in lines if line.startswith('SKIP')]
    if said:
        return said[0]
    said = [line for line in lines if line and not line.startswith('[')]
    return said[-1] if said else 'gives no reason'


def main():
    failed_builds = int(sys.argv[1])
    total = [0, failed_builds, 0]
    notes = []
    ran = 0
    if failed_builds:
        notes.append(f'FAILED   {failed_builds} build(s)')
    for path in sys.argv[2:]:
        name = os.path.splitext(os.path.basename(path))[0]
        if not os.path.exists(path):
            continue
        with open(path, encoding='utf-8', errors='replace') as log:
            for line in log:
                test = json.loads(line)
                output = test.get('stdout', '') + '\n' + test.get('stderr', '')
                counts = count(test['result'], output)
                total = [a + b for a, b in zip(total, counts)]
                ran += 1
                if counts[1]:
                    notes.append(f"FAILED   {name}: {test['name']} ({test['result']})")
                if counts[2]:
                    notes.append(f"skipped  {name}: {test['name']}: {counts[2]}: {reason(output)}")
    if not ran:
        notes.append('FAILED   no test ran')
        total[1] += 1
    print()
    print('\n'.join(notes))
    print(f'{total[0]} passed, {total[1]} failed, {total[2]} skipped')
    return 1 if total[1] else 0


sys.exit(main())
