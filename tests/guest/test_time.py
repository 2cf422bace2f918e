# SPDX-License-Identifier: MIT
"""A machine that is stopped for a while: none of the guest's clocks notices, and they still agree."""
import json
import re
import socket
import statistics
import struct
import time

from machine import Machine, PATIENCE, Test, guest, main, needs_kvm

PM_HZ, PIT_HZ = 3579545, 1193182
PIT_PERIOD = 65536 / PIT_HZ  # seconds
SAMPLES = 40
# KVM begins a period of the PIT anew when it goes on, and late ticks come later still.
LIMITS = {'pit': 0.5, 'tsc': 0.1, 'kvmclock': 0.1}  # seconds
PAUSES = (2, 0.5, 0.7)  # seconds


class Sample:
    """What clocks.S saw at one moment, in seconds."""

    def __init__(self, line):
        (self.tsc, self.pm, ticks, _, _, stamp, nanoseconds, mul, shift, _,
         _) = struct.unpack('<QIIIIQQIbBH', bytes.fromhex(line))
        self.kvmclock = self.hz = None
        self.pit = ticks * PIT_PERIOD
        if mul:
            ticks = self.tsc - stamp
            ticks = ticks << shift if shift >= 0 else ticks >> -shift
            self.kvmclock = (nanoseconds + (ticks * mul >> 32)) / 1e9
            self.hz = 1e9 * 2 ** (32 - shift) / mul


class Clocks:
    """Samples in the order in which they came; PM timer and TSC as seconds since the first."""

    def __init__(self, text):
        self.samples = [Sample(line) for line in re.findall(r'([0-9a-f]{96})\r\n', text)]
        self.pm = [0.0]
        for before, after in zip(self.samples, self.samples[1:]):
            self.pm.append(self.pm[-1] + (after.pm - before.pm) % 2 ** 24 / PM_HZ)

    def against_pm(self, name):
        """A clock's lead over the PM timer, at each sample."""
        first, pm = self.samples[0], self.pm
        if name == 'tsc':
            return [(s.tsc - first.tsc) / first.hz - p for s, p in zip(self.samples, pm)]
        if name == 'kvmclock':
            return [s.kvmclock - first.kvmclock - p for s, p in zip(self.samples, pm)]
        return [s.pit - first.pit - p for s, p in zip(self.samples, pm)]


@needs_kvm
class Pauses(Test):
    def qmp(self):
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.settimeout(PATIENCE)
        connection.connect(self.path('qmp'))
        lines = connection.makefile('rw')
        self.addCleanup(lines.close)
        json.loads(lines.readline())
        return lines

    def execute(self, lines, command):
        lines.write(json.dumps({'execute': command}) + '\n')
        lines.flush()
        while 'event' in (answer := json.loads(lines.readline())):
            pass
        self.assertEqual(answer, {'return': {}})

    def more(self, machine):
        """Waits for some samples."""
        wanted = machine.said().count('\n') + SAMPLES
        machine.wait_until(lambda: machine.pump(time.monotonic() + PATIENCE)
                           and machine.said().count('\n') >= wanted)

    def pause(self, machine, qmp, seconds):
        """How long the guest certainly did not run."""
        self.execute(qmp, 'stop')
        begin = time.monotonic()
        # Also takes what the guest had said before.
        with self.assertRaises(TimeoutError):
            while machine.pump(begin + seconds):
                pass
        stopped = time.monotonic() - begin
        self.execute(qmp, 'cont')
        return stopped

    def test_no_clock_sees_a_pause(self):
        launched, stopped = time.monotonic(), 0
        with Machine(*guest('clocks', '', '-qmp', f'unix:{self.path("qmp")},server=on,wait=off')) as machine:
            self.more(machine)
            qmp = self.qmp()
            self.execute(qmp, 'qmp_capabilities')
            for seconds in PAUSES:
                stopped += self.pause(machine, qmp, seconds)
                self.more(machine)
            clocks = Clocks(machine.said())
            ran = time.monotonic() - launched - stopped
            self.assertEqual(machine.terminate().status, 0)
        self.assertLess(clocks.pm[-1], ran + 0.2, 'the PM timer went on')
        for name in self.to_check(clocks.samples[0], ran):
            self.check_agreement(clocks, name)

    def to_check(self, first, ran):
        if not first.hz:
            return ['pit']
        # A machine's TSC begins at 0. Where it does not, KVM shows the host's, and cannot stop it.
        if first.tsc / first.hz > ran + 10:
            print('(the TSC is the host\'s) ', end='', flush=True)
            return ['pit', 'kvmclock']
        return ['pit', 'kvmclock', 'tsc']

    def check_agreement(self, clocks, name):
        """Others may have had the processor between two clocks of a sample; in most they had not."""
        lead = clocks.against_pm(name)
        drift = statistics.median(lead[-SAMPLES // 2:]) - statistics.median(lead[:SAMPLES // 2])
        print(f'{name} {drift * 1000:+.2f} ms ', end='', flush=True)
        self.assertLess(abs(drift), LIMITS[name], f'{name} and the PM timer do not agree')


main()
