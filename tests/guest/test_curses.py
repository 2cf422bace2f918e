# SPDX-License-Identifier: MIT
"""-display curses as a person has it: a terminal that shows a machine's text, and whose keys the machine gets."""
import fcntl
import os
import pty
import signal
import socket
import struct
import termios
import time

from machine import COALPORT, Machine, Test, main, needs_kvm
from pane import Pane, needs_tmux
from player import MODE_3, MODE_12, Guest
from qmp import Qmp

CURSES = ('-accel', 'qtest', '-nodefaults', '-display', 'curses')
# Keys as tmux names them, and what the guest's keyboard says (set 1).
KEYS = (
    ('a', '1e 9e'), ('A', '2a 1e 9e aa'), ('&', '2a 08 88 aa'), ('Enter', '1c 9c'), ('Tab', '0f 8f'),
    ('BSpace', '0e 8e'), ('Escape', '01 81'), ('Space', '39 b9'), ('C-c', '1d 2e ae 9d'), ('C-h', '1d 23 a3 9d'),
    ('C-z', '1d 2c ac 9d'), ('C-s', '1d 1f 9f 9d'), ('M-x', '38 2d ad b8'), ('M-1', '38 02 82 b8'),
    ('Up', 'e0 48 e0 c8'), ('Left', 'e0 4b e0 cb'), ('Home', 'e0 47 e0 c7'), ('End', 'e0 4f e0 cf'),
    ('PageUp', 'e0 49 e0 c9'), ('PageDown', 'e0 51 e0 d1'), ('IC', 'e0 52 e0 d2'), ('DC', 'e0 53 e0 d3'),
    ('F1', '3b bb'), ('F10', '44 c4'), ('F12', '58 d8'), ('BTab', '2a 0f 8f aa'), ('S-F5', '2a 3f bf aa'),
    ('C-Up', '1d e0 48 e0 c8 9d'), ('M-F4', '38 3e be b8'),
)


class Curses(Test):
    def start(self, *options, columns=100, rows=30):
        """A terminal with a machine in it, and the machine's guest, in mode 3 with nothing on the screen."""
        pane = Pane(self.folder, columns, rows, 'LC_ALL=C.UTF-8')
        self.addCleanup(pane.close)
        return pane, self.run_in(pane, *options)

    def run_in(self, pane, *options, kind=''):
        sockets = ('-qtest', f'unix:{self.path("qtest")},server=on,wait=off', '-qmp',
                   f'unix:{self.path("qmp")},server=on,wait=off')
        pane.type(' '.join((kind and f'TERM={kind}', COALPORT, *CURSES, *sockets, *options)) + '; echo status $?')
        guest = Guest(self.connect(pane, 'qtest'))
        self.addCleanup(guest.close)
        guest.set_mode(MODE_3)
        guest.clear()
        return guest

    def connect(self, pane, name):
        connection = socket.socket(socket.AF_UNIX)
        pane.wait(lambda: connection.connect_ex(self.path(name)) == 0, f'no {name}')
        return connection

    def check_restored(self, pane):
        self.assertTrue(pane.restored())
        formats = ('scroll_region_upper', 'cursor_flag', 'keypad_flag', 'keypad_cursor_flag', 'scroll_region_lower',
                   'pane_height')
        *flags, lower, height = map(int, pane.call('display-message', '-p',
                                                   ' '.join(f'#{{{name}}}' for name in formats)).split())
        self.assertEqual((flags, lower), ([0, 1, 0, 0], height - 1))

    def ends(self, pane, status=0):
        """The terminal is the shell's again."""
        pane.wait_for(rf'^status {status}$')
        self.check_restored(pane)
        self.assertFalse(os.path.exists(self.path('qtest')))
        pane.type('clear')
        pane.wait_without('status')


@needs_tmux
class Screen(Curses):
    def test_text(self):
        """Code page 437, in the middle of a larger terminal, with its colours."""
        pane, guest = self.start()
        guest.put(0, 0, b'first')
        guest.put(24, 75, b'last!')
        guest.put(3, 10, bytes([0xc9, 0xcd, 0xbb, 0xdb, 0x01, 0xe3, 0x80]), 0x1e)
        pane.wait_for(r'last!$')
        lines = pane.text().split('\n')
        self.assertEqual(lines[2], ' ' * 10 + 'first')
        self.assertEqual(lines[26], ' ' * 85 + 'last!')
        self.assertEqual(lines[5], ' ' * 20 + '╔═╗█☺πÇ')
        # Yellow on blue, where there are 256 colours.
        self.assertRegex(pane.looks(), '\x1b\\[[\\d;]*(93|38;5;11)[\\d;]*m(\x1b\\[[\\d;]*m)*╔')
        guest.put(3, 10, b'changed')
        pane.wait_for(r'^ {20}changed$')
        pane.keys('C-a', 'x')
        self.ends(pane)

    def test_cursor(self):
        pane, guest = self.start()
        guest.cursor(7, 40)
        guest.put(7, 38, b'C>')

        def at():
            return pane.call('display-message', '-p', '#{cursor_flag} #{cursor_x} #{cursor_y}').strip()
        pane.wait(lambda: at() == '1 50 9', 'no cursor')
        guest.out(0x3d4, 0x0a)
        guest.out(0x3d5, 0x20)
        pane.wait(lambda: at().startswith('0'), 'still a cursor')
        pane.keys('C-a', 'x')
        self.ends(pane)

    def test_modes(self):
        pane, guest = self.start()
        guest.put(0, 0, b'text')
        pane.wait_for('text')
        guest.set_mode(MODE_12)
        pane.wait_for(r'^ {38,42}640 x 480 Graphic mode$')
        guest.out(0x3c4, 1)
        guest.out(0x3c5, 0x21)  # the screen is off
        pane.wait_without('Graphic')
        self.assertEqual(pane.text().strip(), '')
        guest.set_mode(MODE_3)
        guest.clear()
        guest.put(0, 0, b'again')
        pane.wait_for('again')
        pane.keys('C-a', 'x')
        self.ends(pane)

    def test_sizes(self):
        """A smaller terminal shows what is around the cursor."""
        pane, guest = self.start()
        for row in range(25):
            guest.put(row, 0, b'row%02d' % row)
            guest.put(row, 75, b'%02dend' % row)
        guest.cursor(24, 79)
        pane.wait_for('24end')
        for columns, rows, cursor, wanted, gone in (
                (40, 10, (24, 79), '24end', 'row'), (40, 10, (0, 0), 'row00', 'end'),
                (40, 10, (12, 0), 'row12', 'row00'), (120, 40, (0, 0), r'^ {20}row00.*00end$', 'xx'),
                (80, 25, (0, 0), r'\Arow00.*00end$', 'xx'), (5, 1, (24, 79), r'\A24end$', 'row'),
                (79, 24, (24, 79), '24end', 'row00')):
            with self.subTest(columns=columns, rows=rows, cursor=cursor):
                guest.cursor(*cursor)
                pane.resize(columns, rows)
                pane.wait_for(wanted)
                pane.wait_without(gone)
        pane.resize(100, 30)
        pane.wait_for(r'^ {10}row00')
        pane.keys('C-a', 'x')
        self.ends(pane)

    def test_terminals(self):
        """One without colours, those with eight, one that is not UTF-8."""
        pane = Pane(self.folder, 100, 30)
        self.addCleanup(pane.close)
        for kind, locale in (('vt100', 'C.UTF-8'), ('linux', 'C.UTF-8'), ('xterm', 'C.UTF-8'), ('xterm-256color', 'C')):
            with self.subTest(kind=kind):
                guest = self.run_in(pane, kind=f'{kind} LC_ALL={locale}')
                guest.put(0, 0, b'\xc9\xcd\xbb\x0b boxed', 0x4f)
                pane.wait_for(r'^ +╔═╗♂ boxed' if locale != 'C' else r'^ +\+=\+o boxed')
                pane.keys('C-a', 'x')
                pane.wait_for(r'^status 0$')
                pane.type('clear')
                pane.wait_without('status')


@needs_tmux
class Keys(Curses):
    def test_all(self):
        pane, guest = self.start()
        guest.hear_keys()
        for key, codes in KEYS:
            with self.subTest(key=key):
                pane.keys(key)
                wanted = [int(code, 16) for code in codes.split()]
                self.assertEqual(guest.heard(len(wanted)), wanted)
        pane.keys('C-a', 'C-a')
        self.assertEqual(guest.heard(4), [0x1d, 0x1e, 0x9e, 0x9d])
        pane.keys('C-a', 'x')
        self.ends(pane)

    def test_pasted(self):
        """More than a keyboard keeps, and none is lost."""
        pane, guest = self.start()
        guest.hear_keys()
        pane.call('send-keys', '-l', '1234567890' * 30)
        self.assertEqual(guest.heard(600), [code for key in range(2, 12) for code in (key, key | 0x80)] * 30)
        pane.keys('C-a', 'x')
        self.ends(pane)

    def test_help(self):
        pane, guest = self.start()
        guest.put(12, 0, b'text')
        pane.wait_for('text')
        pane.keys('C-a', 'h')
        pane.wait_for(r'^Ctrl-A x ends the program')
        pane.keys('z')
        pane.wait_without('Ctrl-A')
        pane.keys('C-a', 'x')
        self.ends(pane)


@needs_tmux
class Ends(Curses):
    def test_ways_out(self):
        pane = Pane(self.folder, 80, 25, 'LC_ALL=C.UTF-8')
        self.addCleanup(pane.close)

        def quit_by_qmp(_guest):
            qmp = Qmp(self.connect(pane, 'qmp'))
            qmp.execute('qmp_capabilities')
            qmp.execute('quit')
            qmp.close()

        def power_off(guest):
            """By the chipset: the guest's own way."""
            assert guest.ask('outl 0xcf8 0x80000b40') == 'OK'
            assert guest.ask('outl 0xcfc 0x0601') == 'OK'
            assert guest.ask('outl 0xcf8 0x80000b80') == 'OK'
            assert guest.ask('outb 0xcfc 0x01') == 'OK'
            guest.say('outw 0x604 0x2000\n')

        for end, status in ((lambda _: os.kill(pane.pid(), signal.SIGTERM), 0),
                            (lambda _: os.kill(pane.pid(), signal.SIGINT), 0),
                            (lambda _: os.kill(pane.pid(), signal.SIGHUP), 0),
                            (lambda _: os.kill(pane.pid(), signal.SIGABRT), 128 + signal.SIGABRT),
                            (quit_by_qmp, 0), (power_off, 0), (lambda _: pane.keys('C-a', 'x'), 0)):
            for name in ('qtest', 'qmp'):
                if os.path.exists(self.path(name)):
                    os.unlink(self.path(name))
            guest = self.run_in(pane)
            guest.put(0, 0, b'running')
            pane.wait_for(r'^running')
            end(guest)
            pane.wait_for(rf'^status {status}$')
            self.check_restored(pane)
            pane.type('clear')
            pane.wait_without('status')

    def test_killed_by_keys(self):
        """Ctrl-C, Ctrl-Z and Ctrl-backslash are the guest's."""
        pane, guest = self.start()
        guest.hear_keys()
        for key in ('C-c', 'C-z', 'C-\\'):
            pane.keys(key)
            self.assertEqual(guest.heard(4)[0], 0x1d)
        pane.keys('C-a', 'x')
        self.ends(pane)

    def test_messages(self):
        """What is said while the screen is there is said behind it."""
        pane, guest = self.start(columns=80, rows=25)
        guest.put(0, 0, b'running')
        pane.wait_for(r'^running')
        os.kill(pane.pid(), signal.SIGXCPU)
        pane.wait_for(r'^coalport: the limit on processor time is reached')
        self.ends(pane, 1)

    def test_stopped(self):
        """By somebody outside; when it goes on, all is drawn anew."""
        pane, guest = self.start(columns=80, rows=25)
        guest.put(0, 0, b'running')
        pane.wait_for(r'^running')
        os.kill(pane.pid(), signal.SIGSTOP)
        pane.wait_for(r'Stopped')
        pane.type('fg')
        pane.wait_for(r'\Arunning')
        pane.wait_without(r'Stopped')
        pane.keys('C-a', 'x')
        pane.wait_for(r'^%')
        self.check_restored(pane)

    def test_takes_nothing(self):
        """A terminal that nobody reads holds up neither the machine nor its end."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
        with Machine(*CURSES, '-qtest', f'unix:{self.path("qtest")},server=on,wait=off', stdin=slave, stdout=slave,
                     env=dict(os.environ, TERM='xterm', LC_ALL='C.UTF-8')) as machine:
            connection = socket.socket(socket.AF_UNIX)
            machine.wait_until(lambda: connection.connect_ex(self.path('qtest')) == 0)
            guest = Guest(connection)
            self.addCleanup(guest.close)
            guest.set_mode(MODE_3)
            for screen in range(60):
                for row in range(25):
                    guest.put(row, 0, bytes(33 + (screen + row + i) % 90 for i in range(80)), screen)
                time.sleep(0.03)
            ended = machine.terminate()
        self.assertEqual((ended.status, ended.err),
                         (0, 'coalport: warning: standard output: the last output was not read\n'))

    def test_starts_that_fail(self):
        pane = Pane(self.folder, 200, 25)
        self.addCleanup(pane.close)
        for options, wanted in (('-pidfile /nowhere/x', r'^coalport: /nowhere/x: '),
                                ('-vnc 192.0.2.1:0', r'^coalport: -vnc 192.0.2.1: ')):
            pane.type(f'{COALPORT} {" ".join(CURSES)} {options}; echo status $?')
            pane.wait_for(wanted)
            self.ends(pane, 1)
        for kind in ('no-such-terminal', 'dumb'):
            pane.type(f'TERM={kind} {COALPORT} {" ".join(CURSES)}; echo status $?')
            pane.wait_for(rf'^coalport: -display curses: .*\(TERM={kind}\)')
            self.ends(pane, 1)


class Refusals(Test):
    def test_no_terminal(self):
        self.run_badly(*CURSES, status=1, says='-display curses: standard input is not a terminal')
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        self.run_badly(*CURSES, status=1, says='-display curses: standard output is not a terminal', stdin=slave)

    def test_one_user(self):
        for options in (('-serial', 'stdio'), ('-serial', 'mon:stdio'), ('-qmp', 'stdio')):
            self.run_badly(*options, *CURSES, status=2, says='-display curses: stdio is in use by another option')
        self.run_badly(*CURSES, '-nographic', status=2, says='-display curses: not with -nographic')


@needs_tmux
class Firmware(Curses):
    @needs_kvm
    def test_seabios(self):
        """A real BIOS's screen, and a key that it takes."""
        pane = Pane(self.folder, 80, 25, 'LC_ALL=C.UTF-8')
        self.addCleanup(pane.close)
        pane.type(f'{COALPORT} -m 16 -display curses -boot menu=on,splash-time=60000; echo status $?')
        pane.wait_for(r'SeaBIOS \(version')
        pane.wait_for(r'Press ESC')
        pane.keys('Escape')
        pane.wait_for(r'boot device')
        pane.keys('C-a', 'x')
        pane.wait_for(r'^status 0$')
        self.check_restored(pane)

    @needs_kvm
    def test_report(self):
        """It comes when the terminal is given back."""
        pane = Pane(self.folder, 200, 25, 'LC_ALL=C.UTF-8')
        self.addCleanup(pane.close)
        pane.type(f'{COALPORT} -m 16 -display curses -exits text; echo status $?')
        pane.wait_for(r'SeaBIOS \(version')
        pane.keys('C-a', 'x')
        pane.wait_for(r'^user-space exits \d.*\nstatus 0$')
        self.check_restored(pane)


if __name__ == '__main__':
    main()
