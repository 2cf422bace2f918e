# SPDX-License-Identifier: MIT
"""What "coalport trace" costs the guest that it watches: a loop of port accesses that all leave the kernel,
watched and not watched in turn while it runs. What counts is the processor time of the guest's process for each exit,
against that of the slices of time before and after: so neither other programs nor a processor that changes its speed
count.

usage: trace.py [ROUNDS [METHOD...]], with COALPORT and GUESTS in the environment as for the tests."""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

COALPORT = os.environ.get('COALPORT', 'build/coalport')
GUESTS = os.environ.get('GUESTS', 'build/guests')
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
METHODS = sys.argv[2:] or ['bpf', 'records']
SLICE = 0.2  # seconds, or as long as it takes for ...
LEAST = 1000  # exits
PROGRAMS = {
    'coalport, coalesce=off': [COALPORT, '-M', 'pc,coalesce=off'],
    'QEMU': ['qemu-system-x86_64', '-M', 'pc', '-accel', 'kvm'],
}


class Guest:
    def __init__(self, program, folder):
        path = os.path.join(folder, 'qmp')
        self.process = subprocess.Popen(
            [*program, '-nodefaults', '-display', 'none', '-m', '16', '-qmp', f'unix:{path},server=on,wait=off', '-bios',
             os.path.join(GUESTS, 'rtcbench.bin'), '-serial', 'stdio', '-fw_cfg',
             'name=opt/org.coalport/guest,string=count=100000000 samples=2'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            self.connection = socket.socket(socket.AF_UNIX)
            try:
                self.connection.connect(path)
                break
            except OSError:
                self.connection.close()
                time.sleep(0.01)
        self.qmp = self.connection.makefile('rwb')
        self.qmp.readline()
        self.execute({'execute': 'qmp_capabilities'})

    def execute(self, command):
        self.qmp.write(json.dumps(command).encode())
        self.qmp.flush()
        while 'return' not in (answer := json.loads(self.qmp.readline())):
            if 'error' in answer:
                sys.exit(answer['error']['desc'])
        return answer['return']

    def exits(self):
        """Exits so far. QEMU knows those of the processor, which for this guest are as good."""
        answer = self.execute({'execute': 'query-stats', 'arguments': {'target': 'vcpu'}}) if 'qemu' in \
            self.process.args[0] else self.execute({'execute': '__org.coalport_query-report'})
        if 'exits' in answer:
            return answer['exits']
        stats = {one['name']: one['value'] for part in answer for one in part['stats']}
        return stats['exits']

    def processor_time(self):
        """Of all threads, in ns."""
        total = 0
        for thread in os.listdir(f'/proc/{self.process.pid}/task'):
            with open(f'/proc/{self.process.pid}/task/{thread}/schedstat', encoding='ascii') as file:
                total += int(file.read().split()[0])
        return total

    def slice(self):
        """ns of processor time an exit."""
        exits, spent, more = self.exits(), self.processor_time(), 0
        # On a busy machine it may not have run at all.
        while more < LEAST:
            time.sleep(SLICE)
            more = self.exits() - exits
        return (self.processor_time() - spent) / more

    def watched(self, method):
        """The same under watch, with the watcher's processor time in parts of the guest's, and the events lost."""
        watcher = subprocess.Popen([COALPORT, 'trace', '-p', str(self.process.pid), '--json', '--method', method],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if 'watching' not in (line := watcher.stderr.readline()):
            self.close()
            sys.exit(line.strip())
        with open(f'/proc/{watcher.pid}/schedstat', encoding='ascii') as file:
            before, spent = int(file.read().split()[0]), self.processor_time()
            exit_time = self.slice()
            file.seek(0)
            after = int(file.read().split()[0])
        spent = self.processor_time() - spent
        watcher.send_signal(signal.SIGINT)
        out, _ = watcher.communicate()
        return exit_time, (after - before) / spent, json.loads(out)['trace']['lost']

    def close(self):
        self.process.kill()
        self.process.wait()
        self.qmp.close()
        self.connection.close()


def measure(name, program):
    times, parts, losses, plain = ({method: [] for method in METHODS} for _ in range(4))
    with tempfile.TemporaryDirectory(prefix='coalport-bench-') as folder:
        guest = Guest(program, folder)
        time.sleep(1)  # samples are taken first, in which the index may wait
        for _ in range(ROUNDS):
            for method in METHODS:
                before = guest.slice()
                exit_time, part, lost = guest.watched(method)
                plain[method].append((before + guest.slice()) / 2)
                times[method].append(exit_time / plain[method][-1])
                parts[method].append(part)
                losses[method].append(lost)
        guest.close()
    print(f'{name}: {statistics.median(plain[METHODS[0]]) / 1000:.2f} us of processor time an exit; {ROUNDS} rounds')
    for method in METHODS:
        quarters = statistics.quantiles(times[method], n=4)
        print(f'  watched by {method}, it takes {quarters[1]:.3f} times as much ({quarters[0]:.3f} to {quarters[2]:.3f} '
              f'in the middle half of the rounds), and the watcher {statistics.median(parts[method]):.3f} times as much '
              f'beside it; events lost {sum(losses[method])}', flush=True)


def main():
    for name, program in PROGRAMS.items():
        if shutil.which(program[0]):
            measure(name, program)


main()
