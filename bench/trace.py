# SPDX-License-Identifier: MIT
"""What "coalport trace" costs the guest that it watches: a loop of port accesses that all leave the
kernel, watched and not watched in turn. What counts is the processor time of the guest's process: unlike the
guest's own clock it does not see what else the machine does.

usage: trace.py [ROUNDS [COUNT [METHOD...]]], with COALPORT and GUESTS in the environment as for the tests."""
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

COALPORT = os.environ.get('COALPORT', 'build/coalport')
GUESTS = os.environ.get('GUESTS', 'build/guests')
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 7
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 30000
METHODS = sys.argv[3:] or ['bpf', 'records']
PROGRAMS = {
    'coalport, coalesce=off': [COALPORT, '-M', 'pc,coalesce=off'],
    'QEMU': ['qemu-system-x86_64', '-M', 'pc', '-accel', 'kvm'],
}


def connect(path):
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
            return connection.makefile('rwb')
        except OSError:
            connection.close()
            time.sleep(0.01)


def processor_time(process):
    usage = os.wait4(process.pid, 0)[2]
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def once(program, method):
    """Seconds of processor time of the guest's process and of its watcher's, and the events that were lost."""
    with tempfile.TemporaryDirectory(prefix='coalport-bench-') as folder:
        path = os.path.join(folder, 'qmp')
        guest = subprocess.Popen(
            [*program, '-nodefaults', '-display', 'none', '-m', '16', '-S', '-qmp', f'unix:{path},server=on,wait=off',
             '-bios', os.path.join(GUESTS, 'rtcbench.bin'), '-serial', 'stdio', '-fw_cfg',
             f'name=opt/org.coalport/guest,string=count={COUNT} samples=2'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        qmp, trace = connect(path), None
        if method:
            trace = subprocess.Popen([COALPORT, 'trace', '-p', str(guest.pid), '--json', '--method', method],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if 'watching' not in (line := trace.stderr.readline()):
                guest.kill()
                guest.wait()
                sys.exit(line.strip())
        for command in ('qmp_capabilities', 'cont'):
            qmp.write(json.dumps({'execute': command}).encode())
            qmp.flush()
        guest_time = processor_time(guest)
        if not trace:
            return guest_time, 0, 0
        report = json.load(trace.stdout)
        return guest_time, processor_time(trace), report['trace']['lost']


def main():
    for name, program in PROGRAMS.items():
        if not shutil.which(program[0]):
            continue
        plain, watched = [], {method: [] for method in METHODS}
        for _ in range(ROUNDS):
            plain.append(once(program, None)[0])
            for method in METHODS:
                watched[method].append(once(program, method))
        without = statistics.median(plain)
        print(f'{name}: {without / COUNT / 4 * 1e6:.2f} us of processor time an exit; {ROUNDS} rounds of {4 * COUNT} '
              'exits')
        for method in METHODS:
            guests, watchers, losses = zip(*watched[method])
            print(f'  watched by {method}, it takes {statistics.median(guests) / without:.3f} times as much (the least '
                  f'of each: {min(guests) / min(plain):.3f}), and the watcher {statistics.median(watchers) / without:.3f} '
                  f'times as much beside it; events lost {sum(losses)}', flush=True)


main()
