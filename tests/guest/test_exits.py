# SPDX-License-Identifier: MIT
"""Ways out of a guest, and what a guest that has stopped costs."""
import os
import time

from machine import Machine, Test, guest, main, needs_kvm

WAYS = ('reset-cf9', 'reset-8042', 'reset-92', 'triple-fault')
COALESCE = ('on', 'off')
TRIES = 5


def exits(way, *more, **how):
    return guest('exits', f'do={way}', *more, **how)


def measured(test, once, limit):
    """Checks the least of some measurements: what else the machine does is in the others."""
    least = min(once() for _ in range(TRIES))
    print(f'{least * 1000:.1f} ms ', end='', flush=True)
    test.assertLess(least, limit)


@needs_kvm
class Exits(Test):
    def test_power_off(self):
        for coalesce in COALESCE:
            ended = self.run_well(*exits('power-off', '-M', f'pc,coalesce={coalesce}'))
            self.assertEqual(ended.out, 'exits: power-off\r\n')

    def test_power_off_ends_despite_no_reboot(self):
        self.run_well(*exits('power-off', '-no-reboot'))

    def test_debug_exit(self):
        """The status is twice the value and one, as far as a status goes."""
        device = ('-device', 'isa-debug-exit,iobase=0xf4,iosize=4')
        for value in (0, 1, 21, 127):
            ended = Machine(*exits(f'debug-exit value={value}', *device)).end()
            self.assertEqual((ended.status, ended.err), (value * 2 + 1, ''), str(ended))
            self.assertEqual(ended.out, 'exits: debug-exit\r\n')

    def test_resets(self):
        for way in WAYS:
            for coalesce in COALESCE:
                with self.subTest(way=way, coalesce=coalesce):
                    ended = self.run_well(*exits(way, '-M', f'pc,coalesce={coalesce}'))
                    self.assertEqual(ended.out, f'exits: {way}\r\nexits: came back after a reset\r\n')

    def test_resets_end_with_no_reboot(self):
        for way in WAYS:
            with self.subTest(way=way):
                ended = self.run_well(*exits(way, '-no-reboot'))
                self.assertEqual(ended.out, f'exits: {way}\r\n')

    def test_reset_of_a_guest_that_spins(self):
        """0xcf9 may lie in a zone, and nothing that this guest does afterwards leaves the kernel."""
        for way in ('spin-cf9', 'spin-cf9-lent'):
            with self.subTest(way=way):
                self.check_spinning(way)

    def check_spinning(self, way):
        def once():
            with Machine(*exits(way)) as machine:
                machine.wait_for(f'exits: {way}\r\n')
                begin = time.monotonic()
                machine.wait_for('exits: came back after a reset')
                seconds = time.monotonic() - begin
                self.assertEqual(machine.end().status, 0)
            return seconds
        measured(self, once, 1)

    def test_nothing_behind_a_reset(self):
        """The guest's next write would end the program; its reset may still be in the ring then."""
        for coalesce in COALESCE:
            with self.subTest(coalesce=coalesce):
                ended = self.run_well(*exits('reset-cf9-exit', '-M', f'pc,coalesce={coalesce}', '-device',
                                             'isa-debug-exit,iobase=0xf4,iosize=4'))
                self.assertEqual(ended.out, 'exits: reset-cf9-exit\r\nexits: came back after a reset\r\n')

    def test_no_shutdown(self):
        for way, more in (('power-off', ()), ('reset-cf9', ('-no-reboot',))):
            with self.subTest(way=way), Machine(*exits(way, '-no-shutdown', *more)) as machine:
                machine.wait_for(f'exits: {way}\r\n')
                # It would have ended long before.
                with self.assertRaises(TimeoutError):
                    end = time.monotonic() + 2
                    while machine.pump(end):
                        pass
                self.assertIsNone(machine.process.poll())
                ended = machine.terminate()
                self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
                self.assertEqual(ended.out, f'exits: {way}\r\n')

    def debug_console(self, coalesce):
        """Seconds until a byte that a halted guest wrote is in the file."""
        path = self.file('debug')
        with Machine(*exits('write port=233 value=72', '-M', f'pc,coalesce={coalesce}', '-debugcon',
                            f'file:{path}')) as machine:
            machine.wait_for('exits: write\r\n')
            begin = time.monotonic()
            machine.wait_until(lambda: os.path.getsize(path))
            seconds = time.monotonic() - begin
            self.assertEqual(self.content('debug'), 'H')
            self.assertIsNone(machine.process.poll())
            self.assertEqual(machine.terminate().status, 0)
            self.assertEqual(self.content('debug'), 'H')
        return seconds

    def test_debug_console_of_a_halted_guest(self):
        for coalesce in COALESCE:
            measured(self, lambda coalesce=coalesce: self.debug_console(coalesce), 1)

    def test_waits_end_with_the_machine(self):
        """What still waits when the machine ends is counted, and nothing of it is lost."""
        path = self.file('debug')
        with Machine(*exits('write port=233 value=72', '-debugcon', f'file:{path}', '-exits', 'text')) as machine:
            machine.wait_for('exits: write\r\n')
            ended = machine.terminate()
        self.assertEqual(ended.status, 0, str(ended))
        # The signal may have come before the write; the table knows.
        self.assertEqual(len(self.content('debug')), ended.out.count('0xe9:POUT'), str(ended))


def switches(machine):
    """Voluntary context switches so far: of the first thread, and of those that have names."""
    total = 0
    pid = str(machine.process.pid)
    for thread in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{thread}/status', encoding='ascii') as file:
            status = dict(line.split(':', 1) for line in file)
        # A sanitizer's own thread wakes as it likes.
        if thread == pid or status['Name'].strip() != 'coalport':
            total += int(status['voluntary_ctxt_switches'])
    return total


@needs_kvm
class Halted(Test):
    def check_wakes_nobody(self, coalesce):
        """What the guest said is out, its zones are taken back, and no thread has anything to do."""
        with Machine(*exits('halt', '-M', f'pc,coalesce={coalesce}')) as machine:
            machine.wait_for('exits: halt\r\n')
            counts = [switches(machine)]
            while len(counts) < 4 or counts[-1] != counts[-4]:
                self.assertLess(len(counts), 60, str(counts))
                time.sleep(1)
                counts.append(switches(machine))
            self.assertIsNone(machine.process.poll())
            self.assertEqual(machine.terminate().status, 0)

    def test_wakes_nobody(self):
        """As many seconds as it takes to find three without a single switch to another thread."""
        for coalesce in COALESCE:
            with self.subTest(coalesce=coalesce):
                self.check_wakes_nobody(coalesce)


main()
