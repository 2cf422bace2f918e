# SPDX-License-Identifier: MIT
"""Output that has nowhere to go while a guest runs: told once, at the end, and nothing hangs."""
import contextlib
import os
import socket
import time

from machine import COALPORT, Machine, PATIENCE, Test, guest, main, needs_kvm


@needs_kvm
class Output(Test):
    def power_off(self, *more, serial='stdio'):
        return guest('exits', 'do=power-off', *more, serial=serial)

    def test_full(self):
        with open('/dev/full', 'wb') as full:
            self.run_badly(*self.power_off(), stdout=full, status=1, says='standard output: No space left')
        with open('/dev/full', 'wb') as full:
            self.run_badly(stdout=full, status=1, says='standard output: No space left')
        for options in (('-serial', 'file:/dev/full'), ('-exits', 'text,file=/dev/full'),
                        ('-exits', 'json,file=/dev/full')):
            with self.subTest(options=options):
                more = () if options[0] == '-serial' else options
                serial = options[1] if options[0] == '-serial' else 'stdio'
                self.run_badly(*self.power_off(*more, serial=serial), status=1,
                               says='/dev/full: No space left on device')

    def test_debug_console_full(self):
        for pause in (0.1, 1, 10):
            with Machine(*guest('exits', 'do=write port=233', '-debugcon', 'file:/dev/full')) as machine:
                machine.wait_for('exits: write\r\n')
                time.sleep(pause)
                ended = machine.terminate()
            # The guest may not have come to write before the signal came.
            if ended.status or pause == 10:
                self.check_refusal(ended, 1, '/dev/full: No space left on device')
                return

    def test_report_in_a_missing_folder(self):
        path = self.path('missing/file')
        self.run_badly(*self.power_off('-exits', f'text,file={path}'), status=1, says=f'{path}: No such file')

    def test_the_guest_decides_the_status(self):
        device = ('-device', 'isa-debug-exit,iobase=0xf4,iosize=4')
        with open('/dev/full', 'wb') as full:
            self.run_badly(*guest('exits', 'do=debug-exit value=3', *device), stdout=full, status=7,
                           says='standard output: No space left')

    def test_reader_that_leaves(self):
        """coalport | head -1: the machine goes on to its end."""
        read, write = os.pipe()
        with open(write, 'wb') as out:
            machine = Machine(stdout=out)
        self.addCleanup(machine.kill)
        with open(read, 'rb') as lines:
            self.assertTrue(lines.readline().startswith(b'coalport: embedded guest'))
        self.check_refusal(machine.end(), 1, 'standard output: Broken pipe')

    @contextlib.contextmanager
    def full_pipe(self):
        """One that nobody empties."""
        read, write = os.pipe()
        with open(read, 'rb'), open(write, 'wb') as out:
            os.set_blocking(write, False)
            while True:
                try:
                    os.write(write, b'x' * 4096)
                except BlockingIOError:
                    break
            os.set_blocking(write, True)
            yield out

    def test_report_that_nobody_reads(self):
        for form in ('text', 'json'):
            with self.full_pipe() as out:
                self.run_badly(*self.power_off('-exits', form, serial='null'), stdout=out, status=1,
                               says='standard output: nobody reads it')

    def test_signal_with_a_report_that_nobody_reads(self):
        with self.full_pipe() as out, \
                Machine(*guest('exits', 'do=halt', '-exits', 'text', serial=f'file:{self.path("out")}'),
                        stdout=out) as machine:
            machine.wait_until(lambda: self.content('out'))
            ended = machine.terminate()
            self.check_refusal(ended, 1, 'standard output: nobody reads it')

    def test_report_to_what_standard_error_is(self):
        ended = Machine(*self.power_off('-exits', 'text,file=/dev/stderr')).end()
        self.assertEqual((ended.status, ended.out), (0, 'exits: power-off\r\n'), str(ended))
        self.assertIn('user-space exits', ended.err)

    def test_slow_reader_gets_everything(self):
        """More than all buffers on the way hold: the guest goes on when the reader does."""
        text = b''.join(b'%07d.' % i for i in range(12000))
        ours, mine = socket.socketpair()
        with ours, mine, open(self.file('keys', text + b'\x04'), 'rb') as keys, \
                Machine(*guest('exits', 'do=echo'), stdin=keys, stdout=ours) as machine:
            ours.close()
            time.sleep(1)
            got = b''
            while chunk := mine.recv(4096):
                got += chunk
            self.assertEqual(got.removeprefix(b'exits: echo\r\n'), text)
            self.assertEqual(machine.end().status, 0)

    def test_reader_that_sleeps(self):
        """A pipe that nobody empties must not stop the guest; the report is not lost on the way either."""
        with self.full_pipe() as out:
            with Machine(*self.power_off('-exits', f'text,file={self.path("exits")}'), stdout=out) as machine:
                self.assertEqual(machine.process.wait(PATIENCE), 0)
        self.assertIn('user-space exits', self.content('exits'))

    def test_closed(self):
        ended = Machine('-c', 'exec "$@" >&-', 'sh', COALPORT, *self.power_off(), program='/bin/sh').end()
        self.check_refusal(ended, 1, 'standard output is closed')

    def test_input_closed(self):
        ended = self.run_well('-c', 'exec "$@" <&-', 'sh', COALPORT, *self.power_off(), program='/bin/sh')
        self.assertEqual(ended.out, 'exits: power-off\r\n')

    def test_input_from_a_file(self):
        with open(self.file('keys', b'abc\x04'), 'rb') as keys:
            ended = self.run_well(*guest('exits', 'do=echo'), stdin=keys)
        self.assertEqual(ended.out, 'exits: echo\r\nabc')


main()
