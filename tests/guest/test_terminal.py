# SPDX-License-Identifier: MIT
"""The terminal is raw while a machine uses it, and as it was after every way out."""
import ctypes
import os
import shutil
import signal
import termios

from machine import COALPORT, PATIENCE, Test, guest, main, needs_kvm, no_kvm
from terminal import IFLAG, LFLAG, OFLAG, STILL, Terminal

CTRL_A, CTRL_C, CTRL_BACKSLASH = b'\x01', b'\x03', b'\x1c'
SYS_TGKILL = 234  # of x86-64


def tgkill(process, thread, number):
    if ctypes.CDLL(None, use_errno=True).syscall(SYS_TGKILL, process, thread, number):
        raise OSError(ctypes.get_errno(), 'tgkill')


class Modes(Test):
    """No guest is needed to look at the terminal."""

    def check_end(self, machine, status=0, err=''):
        ended = machine.end()
        self.assertEqual(machine.after, machine.before)
        self.assertEqual((ended.status, ended.err), (status, err), str(ended))
        return ended

    def raw(self, machine, signals):
        machine.wait_until(lambda: machine.attributes()[LFLAG] & termios.ICANON == 0)
        lflag, iflag = machine.attributes()[LFLAG], machine.attributes()[IFLAG]
        self.assertEqual(lflag & (termios.ECHO | termios.IEXTEN), 0)
        self.assertEqual(iflag & (termios.ICRNL | termios.IXON), 0)
        self.assertEqual(bool(lflag & termios.ISIG), signals)
        # A newline of ours goes to the line's start.
        self.assertTrue(machine.attributes()[OFLAG] & termios.OPOST)

    def test_signals_from_outside(self):
        for serial, signals in (('stdio', True), ('mon:stdio', False)):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
                with self.subTest(serial=serial, signal=number), \
                        Terminal(*STILL, '-serial', serial) as machine:
                    self.raw(machine, signals)
                    machine.send(number)
                    self.check_end(machine)

    def test_keys_that_signal(self):
        for key in (CTRL_C, CTRL_BACKSLASH):
            with self.subTest(key=key), Terminal(*STILL, '-serial', 'stdio') as machine:
                machine.type(key)
                self.check_end(machine)

    def test_escape(self):
        for options in (('-serial', 'mon:stdio'), ('-nographic',)):
            with self.subTest(options=options), \
                    Terminal('-accel', 'qtest', '-S', *options) as machine:
                machine.type(CTRL_A + b'h')
                machine.wait_for('Ctrl-A x +end the program')
                machine.type(CTRL_A + b'x')
                self.check_end(machine)

    def test_no_escape(self):
        """With Ctrl-C for the program, Ctrl-A is for the guest."""
        with Terminal(*STILL, '-serial', 'stdio') as machine:
            machine.type(CTRL_A + b'h' + CTRL_A + b'x' + CTRL_C)
            self.assertEqual(self.check_end(machine).out, '')

    def test_escape_behind_what_nobody_takes(self):
        """However much was typed before, and no machine reads it."""
        with Terminal(*STILL, '-serial', 'mon:stdio') as machine:
            machine.type(b'typed ' * 400000)
            machine.type(CTRL_A + b'x')
            self.check_end(machine)

    def test_limit_of_processor_time(self):
        with Terminal(*STILL, '-serial', 'mon:stdio') as machine:
            self.raw(machine, False)
            machine.send(signal.SIGXCPU)
            self.check_end(machine, 1, 'coalport: the limit on processor time is reached (ulimit -t)\n')

    def foreign(self, *options):
        """A terminal that the program may not open again, because it is another user's."""
        if os.geteuid():
            self.skipTest('only root can become another user')
        os.chmod(self.folder, 0o755)
        program = shutil.copy(COALPORT, self.path('coalport'))
        return Terminal(*options, program=program, user=65534, group=65534, extra_groups=[])

    def test_terminal_of_somebody_else(self):
        with self.foreign(*STILL, '-serial', 'mon:stdio') as machine:
            machine.type(CTRL_A + b'h')
            machine.wait_for('Ctrl-A x +end the program')
            machine.type(CTRL_A + b'x')
            self.check_end(machine)

    def test_terminal_of_somebody_else_stands_still(self):
        """Ctrl-S: who writes there would wait, but the machine does not."""
        with self.foreign(*STILL, '-serial', 'mon:stdio') as machine:
            self.raw(machine, False)
            termios.tcflow(machine.slave, termios.TCOOFF)
            machine.type((CTRL_A + b'h') * 2000)
            machine.send(signal.SIGTERM)
            status = machine.process.wait(PATIENCE)
            machine.take()
            self.assertEqual(status, 0, machine.said('err'))
            termios.tcflow(machine.slave, termios.TCOON)
            self.assertEqual(machine.attributes(), machine.before)

    def test_crashes(self):
        """A program that dies must not leave a terminal that does not echo."""
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
            with self.subTest(signal=number), Terminal(*STILL, '-serial', 'mon:stdio') as machine:
                self.raw(machine, False)
                machine.send(number)
                ended = machine.end()
                self.assertEqual(machine.after, machine.before)
                self.assertNotEqual(ended.status, 0)

    def test_crash_of_a_vcpu(self):
        """The thread of a processor is no exception."""
        if why := no_kvm():
            self.skipTest(why)
        with Terminal(*guest('exits', 'do=halt', serial='mon:stdio')) as machine:
            machine.wait_for('exits: halt')
            tasks = f'/proc/{machine.process.pid}/task'
            names = {}
            for task in os.listdir(tasks):
                with open(f'{tasks}/{task}/comm', encoding='ascii') as name:
                    names[name.read().strip()] = int(task)
            # To this thread only: what the kernel does when it faults.
            tgkill(machine.process.pid, names['vcpu0'], signal.SIGSEGV)
            ended = machine.end()
            self.assertEqual(machine.after, machine.before)
            self.assertNotEqual(ended.status, 0)

    def test_stop_and_go_on(self):
        """The shell that stops a program has the terminal in between."""
        with Terminal(*STILL, '-serial', 'mon:stdio') as machine:
            self.raw(machine, False)
            raw = machine.attributes()
            machine.send(signal.SIGSTOP)
            os.waitpid(machine.process.pid, os.WUNTRACED)
            termios.tcsetattr(machine.slave, termios.TCSANOW, machine.before)
            machine.send(signal.SIGCONT)
            machine.wait_until(lambda: machine.attributes() == raw)
            machine.send(signal.SIGTERM)
            self.check_end(machine)

    def test_hang_up(self):
        """The terminal's window is closed."""
        for serial in ('stdio', 'mon:stdio'):
            with self.subTest(serial=serial), Terminal(*STILL, '-serial', serial) as machine:
                self.raw(machine, serial == 'stdio')
                machine.forget(machine.master)
                os.close(machine.master)
                machine.master = -1
                self.assertEqual(machine.process.wait(PATIENCE), 0)

    def test_refusal(self):
        """What is found wrong after the terminal was made raw."""
        disk = self.path('missing')
        with Terminal(*STILL, '-serial', 'mon:stdio', '-drive', f'file={disk},if=virtio') as machine:
            self.check_end(machine, 1, f'coalport: {disk}: No such file or directory\n')

    def test_other_back_ends(self):
        """A machine that does not use the terminal leaves it alone."""
        with Terminal(*STILL, '-serial', 'null', '-pidfile', self.path('there')) as machine:
            machine.wait_until(lambda: self.content('there'))
            self.assertEqual(machine.attributes(), machine.before)
            machine.send(signal.SIGTERM)
            self.check_end(machine)


@needs_kvm
class Guests(Test):
    def test_power_off(self):
        with Terminal(*guest('exits', 'do=power-off')) as machine:
            ended = machine.end()
            self.assertEqual(machine.after, machine.before)
            self.assertEqual((ended.status, ended.out), (0, 'exits: power-off\r\r\n'), str(ended))

    def test_embedded(self):
        with Terminal() as machine:
            ended = machine.end()
            self.assertEqual(machine.after, machine.before)
            self.assertEqual(ended.status, 0, str(ended))
            self.assertRegex(ended.out, r'% saved\r\n\Z')

    def test_escape_from_a_running_guest(self):
        with Terminal(*guest('exits', 'do=echo', serial='mon:stdio')) as machine:
            machine.wait_for('exits: echo\r')
            machine.type(CTRL_A + b'x')
            ended = machine.end()
            self.assertEqual(machine.after, machine.before)
            self.assertEqual((ended.status, ended.err), (0, ''), str(ended))

    def test_keys_reach_the_guest(self):
        """Ctrl-C is the guest's, Ctrl-A typed twice is one, and Ctrl-D ends this guest."""
        with Terminal(*guest('exits', 'do=echo', serial='mon:stdio')) as machine:
            machine.wait_for('exits: echo\r\r\n')
            machine.type(b'typed' + CTRL_C + CTRL_A + CTRL_A + b'!')
            machine.wait_for('typed\x03\x01!')
            machine.type(b'\x04')
            ended = machine.end()
            self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
            self.assertEqual(ended.out, 'exits: echo\r\r\ntyped\x03\x01!')

    def test_a_long_paste(self):
        """More than any buffer on the way holds: all of it, in order."""
        text = ''.join(f'{i:07d}.' for i in range(2500))
        with Terminal(*guest('exits', 'do=echo', serial='mon:stdio')) as machine:
            machine.wait_for('exits: echo\r\r\n')
            machine.type(text.encode())
            machine.wait_for(r'0002499\.')
            machine.type(b'\x04')
            self.assertEqual(machine.end().out.removeprefix('exits: echo\r\r\n'), text)


main()
