# SPDX-License-Identifier: MIT
"""The VNC server of the program as its options, its monitor and its viewers know it."""
import contextlib
import os
import random
import socket
import statistics
import struct
import threading
import time
import unittest

from machine import Machine, PATIENCE, Test, main, needs_kvm, run
from player import MODE_3, Guest
from qmp import Qmp
from rfb import DESKTOP_SIZE, EXTENDED_KEYS, RAW, Refused, Viewer

# An area beyond all, no area, encodings without number, scales of 0 and 255, a wish for 65535 by 65535 on 255 screens.
ABSURD = (
    b'\x03\x00' + b'\xff' * 8, b'\x03\x01' + bytes(8), b'\x02\x00\xff\xff' + b'\x00' * 100000, b'\x08\x00\x00\x00',
    b'\x08\xff\x00\x00', b'\x0f\x00\x00\x00', b'\x0f\xff\x00\x00', b'\xfb\x00' + b'\xff' * 4 + b'\xff\x00' + b'\xff' * 4080,
    b'\x00\x00\x00\x00' + bytes(16), b'\x00\x00\x00\x00' + b'\xff' * 16,
)
BARE = ('-accel', 'qtest', '-nodefaults', '-display', 'none')


def no_vga():
    """Why no machine shows a picture, or None."""
    ended = run('-vga', 'std', '-machine', 'help', limit=PATIENCE)
    return None if ended.status == 0 else '-vga std is not offered'


class Server(Test):
    def start(self, vnc, *options, base=BARE):
        machine = Machine(*base, '-vnc', vnc, '-qmp', f'unix:{self.path("qmp")},server=on,wait=off', *options)
        self.addCleanup(machine.kill)
        connection = socket.socket(socket.AF_UNIX)
        machine.wait_until(lambda: connection.connect_ex(self.path('qmp')) == 0)
        qmp = Qmp(connection)
        self.addCleanup(qmp.close)
        qmp.execute('qmp_capabilities')
        return machine, qmp

    def address(self, qmp):
        info = qmp.execute('query-vnc')['return']
        return info['service'] if info['family'] == 'unix' else (info['host'], int(info['service']))

    def threads(self, machine):
        return len(os.listdir(f'/proc/{machine.process.pid}/task'))

    def see(self, qmp, **how):
        viewer = Viewer(self.address(qmp), PATIENCE, **how)
        self.addCleanup(viewer.close)
        return viewer

    def answer_time(self, qmp):
        begun = time.monotonic()
        self.assertIn('return', qmp.execute('query-status'))
        return time.monotonic() - begun

    def quit(self, machine, qmp, err=''):
        qmp.execute('quit')
        ended = machine.end()
        self.assertEqual((ended.status, ended.err), (0, err), str(ended))


class Listening(Server):
    def test_port(self):
        machine, qmp = self.start(':3,to=500', '-name', 'a machine')
        info = qmp.execute('query-vnc')['return']
        self.assertEqual((info['enabled'], info['host'], info['family'], info['auth'], info['clients']),
                         (True, '127.0.0.1', 'ipv4', 'none', []))
        viewer = self.see(qmp)
        self.assertEqual((viewer.width, viewer.height, viewer.name), (640, 480, 'a machine'))
        self.assertEqual(set(viewer.picture().values()), {0})
        viewer.close()
        for event in ('VNC_CONNECTED', 'VNC_INITIALIZED', 'VNC_DISCONNECTED'):
            qmp.wait_for(event)
        self.quit(machine, qmp)

    def test_threads(self):
        """A viewer's thread goes with it."""
        machine, qmp = self.start(':3,to=500')
        viewers = [self.see(qmp) for _ in range(3)]
        threads = self.threads(machine)
        for viewer in viewers:
            viewer.close()
        machine.wait_until(lambda: self.threads(machine) == threads - 3)
        self.quit(machine, qmp)

    def test_port_in_use(self):
        taken = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        if port < 5900:
            self.skipTest('the host gives ports below 5900')
        self.run_badly(*BARE, '-vnc', f':{port - 5900}', says=f'port {port}: Address already in use')
        machine, qmp = self.start(f':{port - 5900},to={min(port - 5900 + 100, 59635)}')
        self.assertGreater(self.address(qmp)[1], port)
        self.quit(machine, qmp)

    def test_everybody(self):
        machine, qmp = self.start('0.0.0.0:3,to=500')
        port = self.address(qmp)[1]
        self.quit(machine, qmp, f'coalport: warning: -vnc: port {port} is open to others than this host, '
                                'without a password\n')
        machine, qmp = self.start('0.0.0.0:3,to=500,password=on')
        self.quit(machine, qmp)

    def test_unix(self):
        machine, qmp = self.start(f'unix:{self.path("vnc")}')
        self.assertEqual(self.address(qmp), self.path('vnc'))
        self.assertEqual(len(self.see(qmp).picture()), 640 * 480)
        self.run_badly(*BARE, '-vnc', f'unix:{self.path("vnc")}', says='another server listens there')
        self.quit(machine, qmp)
        self.assertFalse(os.path.exists(self.path('vnc')))

    def test_unix_of_a_successor(self):
        machine, qmp = self.start(f'unix:{self.path("vnc")}')
        os.unlink(self.path('vnc'))
        self.file('vnc')
        self.quit(machine, qmp)
        self.assertTrue(os.path.exists(self.path('vnc')))

    def test_file_in_the_way(self):
        self.run_badly(*BARE, '-vnc', f'unix:{self.file("vnc")}', says='File exists')

    def test_none(self):
        for options in (('-vnc', ':0', '-vnc', 'none'), ()):
            machine, qmp = self.start('none', *options)
            self.assertEqual(qmp.execute('query-vnc'), {'return': {'enabled': False}})
            self.assertIn('error', qmp.execute('set_password', protocol='vnc', password='x'))
            self.quit(machine, qmp)

    def test_refused(self):
        for value, says in (('x', 'not an address'), (':x', 'a number from 0'), (':59636', 'a number from 0'),
                            (':-1', 'a number'), ('unix:', 'needs a path'), ('password=on', 'needs an address'),
                            ('unix:' + 'x' * 200, 'too long'), (':5,to=4', 'below the display'),
                            (f'unix:x,websocket=on', 'not with unix:'), (':5,websocket=maybe', 'websocket=maybe'),
                            (':5,share=allow-exclusive', 'only ignore'), (':5,reverse=on', 'only off'),
                            (':5,tls-creds=x', 'tls-creds'), ('256.0.0.1:5', '256.0.0.1')):
            with self.subTest(value):
                self.run_badly(*BARE, '-vnc', value, says=says)
        self.run_badly(*BARE, '-display', 'sdl', says='only none, curses, vnc=ADDRESS')

    def test_display(self):
        machine = Machine('-accel', 'qtest', '-nodefaults', '-display', f'vnc=unix:{self.path("vnc")}')
        self.addCleanup(machine.kill)
        machine.wait_until(lambda: os.path.exists(self.path('vnc')))
        self.assertEqual(machine.terminate().status, 0)


class Passwords(Server):
    def test_password(self):
        machine, qmp = self.start(':3,to=500,password=on')
        self.assertEqual(qmp.execute('query-vnc')['return']['auth'], 'vnc')
        for password in (None, '', 'secret'):
            self.assertRaises(Refused, self.see, qmp, password=password)
        self.assertEqual(qmp.execute('set_password', protocol='vnc', password='secret'), {'return': {}})
        viewer = self.see(qmp, password='secret')
        self.assertRaises(Refused, self.see, qmp, password='Secret')
        self.assertEqual(qmp.execute('change-vnc-password', password='another one'), {'return': {}})
        self.assertRaises(Refused, self.see, qmp, password='secret')
        self.see(qmp, password='another one').picture()
        viewer.picture()
        self.quit(machine, qmp)

    def test_refused(self):
        machine, qmp = self.start(':3,to=500')
        for arguments in ({}, {'protocol': 'vnc'}, {'protocol': 'spice', 'password': 'x'},
                          {'protocol': 'vnc', 'password': 'x', 'connected': 'fail'},
                          {'protocol': 'vnc', 'password': 'x'}):
            self.assertIn('error', qmp.execute('set_password', **arguments), str(arguments))
        self.quit(machine, qmp)


class Websockets(Server):
    def test_websocket(self):
        # The library reads a number from memory without an end, and stops at that of the line.
        known = self.file('known', b'interceptor_via_lib:libvncserver\n')
        options = os.environ.get('ASAN_OPTIONS', '')
        os.environ['ASAN_OPTIONS'] = f'{options}:suppressions={known}'
        self.addCleanup(os.environ.__setitem__, 'ASAN_OPTIONS', options)
        machine, qmp = self.start(':3,to=500,websocket=on')
        host, port = self.address(qmp)
        viewer = Viewer((host, port - 200), PATIENCE, websocket=True)
        self.addCleanup(viewer.close)
        self.assertIn(b'101', viewer.connection.answer)
        self.assertEqual(len(viewer.picture()), 640 * 480)
        self.assertTrue(qmp.execute('query-vnc')['return']['clients'][0]['websocket'])
        # Where nobody asked for them, no page of a browser gets in.
        self.assertRaises((Refused, EOFError, OSError), Viewer, (host, port), PATIENCE, websocket=True)
        self.quit(machine, qmp)


NO_VGA = no_vga()
# VBE registers, and what modes write there: 8 bits a pixel, memory not cleared; none, so that mode 3 is back.
VBE = (4, 1, 2, 3, 4)
MODES = ((0, 320, 200, 8, 0xc1), (0, 400, 300, 8, 0xc1), (0,))
SIZES = ((320, 200), (400, 300), (720, 400))
CHANGES = 20000


class Hostile(Server):
    def test_two_hundred(self):
        """And a monitor that answers meanwhile as it does without them."""
        machine, qmp = self.start(':3,to=500')
        address = self.address(qmp)
        guests = [socket.create_connection(address, PATIENCE) for _ in range(200)]
        for _ in range(20):
            self.assertLess(self.answer_time(qmp), 10)
        for one in guests:
            one.close()
        while qmp.execute('query-vnc')['return']['clients']:
            time.sleep(0.01)
        # Places are free again once those are noticed to have left.
        end = time.monotonic() + PATIENCE
        viewer = None
        while not viewer:
            self.assertLess(time.monotonic(), end)
            try:
                viewer = self.see(qmp)
            except (Refused, OSError):
                time.sleep(0.05)
        self.assertEqual(len(viewer.picture()), 640 * 480)
        qmp.execute('quit')
        ended = machine.end()
        self.assertEqual(ended.status, 0)
        self.assertRegex(ended.err, r'\A(coalport: warning: -vnc: 32 viewers are connected, more are sent away\n)*\Z')

    def test_deaf(self):
        """A viewer that asks for pictures and never reads holds up neither the monitor nor the end."""
        machine, qmp = self.start(':3,to=500')
        deaf = self.see(qmp)
        deaf.connection.settimeout(0.2)
        try:
            for _ in range(10000):
                deaf.request()
        except OSError:
            pass
        self.assertIn('return', qmp.execute('query-status'))
        self.assertEqual(len(self.see(qmp).picture()), 640 * 480)
        begun = time.monotonic()
        self.quit(machine, qmp)
        self.assertLess(time.monotonic() - begun, 15)

    def test_four_gigabytes(self):
        machine, qmp = self.start(':3,to=500')
        for length in (0xffffffff, 0x80000000, 0x7fffffff):
            viewer = self.see(qmp)
            try:
                viewer.clipboard(length, b'x' * 100000)
                viewer.picture()
            except (OSError, EOFError):
                pass
        self.check_memory(machine)
        self.quit(machine, qmp)

    def test_together(self):
        """One that never reads, one that reads a byte a second, junk, absurd sizes; and one who behaves."""
        machine, qmp = self.start(':3,to=500', *(() if NO_VGA else ('-vga', 'std')))
        deaf, slow, good = (self.see(qmp) for _ in range(3))
        deaf.connection.settimeout(0.1)
        with contextlib.suppress(OSError):
            for _ in range(100000):
                deaf.request()
        over = threading.Event()

        def read_slowly():
            with contextlib.suppress(OSError):
                while not over.wait(1):
                    slow.request()
                    slow.connection.recv(1)
        reader = threading.Thread(target=read_slowly)
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(over.set)
        seconds, chance = [], random.Random(1)
        for said in 10 * (*ABSURD, None):
            viewer = self.see(qmp)
            viewer.connection.settimeout(0.2)
            with contextlib.suppress(OSError, EOFError):
                viewer.set_encodings(RAW, DESKTOP_SIZE, EXTENDED_KEYS)
                viewer.connection.sendall(said or chance.randbytes(chance.randrange(1, 100000)))
            seconds.append(self.answer_time(qmp))
            viewer.close()
        print(f'the monitor answers within {1e3 * statistics.median(seconds):.1f} ms (median)')
        self.assertLess(statistics.median(seconds), 10)
        good.picture()
        self.check_memory(machine)
        over.set()
        reader.join()
        self.quit(machine, qmp)

    def check_memory(self, machine):
        """It never was much."""
        with open(f'/proc/{machine.process.pid}/status', encoding='ascii') as status:
            most = next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
        self.assertLess(most, 1 << 20)  # KiB


class Screendump(Server):
    def test_without_picture(self):
        machine, qmp = self.start('none')
        self.assertIn('error', qmp.execute('screendump', filename=self.path('x.ppm')))
        self.assertFalse(os.path.exists(self.path('x.ppm')))
        self.assertIn('error', qmp.execute('screendump'))
        self.assertIn('error', qmp.execute('screendump', filename=self.path('x'), format='gif'))
        self.quit(machine, qmp)


@unittest.skipIf(NO_VGA, NO_VGA)
class Picture(Server):
    """What a machine with a graphics adapter shows."""

    def dump(self, qmp, name, **how):
        self.assertEqual(qmp.execute('screendump', filename=self.path(name), **how), {'return': {}})
        with open(self.path(name), 'rb') as file:
            return file.read()

    def test_the_same_by_both_doors(self):
        machine, qmp = self.start(':3,to=500', '-vga', 'std')
        viewer = self.see(qmp)
        viewer.set_encodings(0, DESKTOP_SIZE, EXTENDED_KEYS)
        pixels = viewer.picture()
        magic, width, height, depth, data = self.dump(qmp, 'x.ppm').split(maxsplit=4)
        self.assertEqual((magic, int(width), int(height), depth), (b'P6', viewer.width, viewer.height, b'255'))
        row = 3 * viewer.width
        for (x, y), pixel in pixels.items():
            self.assertEqual(struct.pack('>I', pixel)[1:], data[y * row + 3 * x:y * row + 3 * x + 3])
        self.assertTrue(viewer.extended_keys)
        self.assertTrue(self.dump(qmp, 'x.png', format='png').startswith(b'\x89PNG\r\n'))
        for path in (self.folder, '/dev/null', self.path('no/such')):
            self.assertIn('error', qmp.execute('screendump', filename=path))
        self.quit(machine, qmp)

    def test_modes(self):
        """A guest that changes modes as fast as it can, and a viewer that follows."""
        machine, qmp = self.start(':3,to=500', '-vga', 'std', '-qtest', f'unix:{self.path("qtest")},server=on,wait=off')
        connection = socket.socket(socket.AF_UNIX)
        machine.wait_until(lambda: connection.connect_ex(self.path('qtest')) == 0)
        guest = Guest(connection)
        self.addCleanup(guest.close)
        guest.set_mode(MODE_3)
        viewer = self.see(qmp)
        viewer.set_encodings(RAW, DESKTOP_SIZE)

        def change(*modes):
            lines = [f'outw {port:#x} {value}\n' for mode in modes for i, value in enumerate(mode)
                     for port, value in ((0x1ce, VBE[i]), (0x1cf, value))]
            guest.say(''.join(lines))
            for _ in lines:
                self.assertEqual(guest.hear(), 'OK\n')
        changes, seconds, begun = 0, [], time.monotonic()
        while changes < CHANGES:
            viewer.request(incremental=True)
            for _ in range(50):
                change(*50 * MODES)
                changes += 50 * len(MODES)
            seconds.append(self.answer_time(qmp))
            # It rests in one of them, which is what the viewer then sees.
            last = len(seconds) % len(MODES)
            change(MODES[last])
            viewer.pixels = {}
            while (viewer.width, viewer.height) != SIZES[last]:
                viewer.update()
                viewer.request()
            self.assertEqual(len(viewer.picture()), SIZES[last][0] * SIZES[last][1])
        print(f'{changes} changes of mode in {time.monotonic() - begun:.1f} s; the monitor answers within '
              f'{1e3 * statistics.median(seconds):.1f} ms (median)')
        self.quit(machine, qmp)

    @needs_kvm
    def test_firmware(self):
        """SeaBIOS writes on the screen: it is text, and not black."""
        machine, qmp = self.start(':3,to=500', base=('-m', '32', '-vga', 'std', '-display', 'none', '-nodefaults'))
        viewer = self.see(qmp)
        viewer.set_encodings(0, DESKTOP_SIZE, EXTENDED_KEYS)
        end = time.monotonic() + PATIENCE
        while not any(viewer.picture().values()):
            self.assertLess(time.monotonic(), end)
        self.quit(machine, qmp)


main()
