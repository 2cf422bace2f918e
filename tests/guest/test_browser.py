# SPDX-License-Identifier: MIT
"""A machine in a real browser: noVNC shows its picture and takes its keys, as `make demo` has it."""
import functools
import http
import http.server
import os
import shutil
import socket
import threading
import time
import unittest

from browser import Browser, needs_chromium
from machine import Machine, PATIENCE, Test, main, needs_kvm
from player import Guest, read_text, rom_font
from qmp import Qmp

PAGES = '/usr/share/novnc'
# KeyboardEvent's code and key, Windows' number, the scan code (set 1), what it types.
KEYS = (('KeyV', 'v', 0x56, 0x2f, b'v'), ('KeyE', 'e', 0x45, 0x12, b'e'), ('KeyR', 'r', 0x52, 0x13, b'r'),
        ('Enter', 'Enter', 0x0d, 0x1c, b''))
PROMPT, ANSWER = b'A:\\>', b'A version of one\'s own'


class Pages(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == '/favicon.ico':  # browsers ask for it, and complain without
            self.send_response(http.HTTPStatus.NO_CONTENT)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@needs_chromium
@unittest.skipUnless(os.path.exists(PAGES), 'novnc is not installed')
@unittest.skipUnless(rom_font(), 'seabios is not installed')
class Page(Test):
    """A machine that a page shows."""

    def serve(self):
        """The port at which noVNC's pages are."""
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Pages, directory=PAGES))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def start(self, *options):
        # A number that the library reads has an end, but none that AddressSanitizer sees (test_vnc.py).
        known = self.file('known', b'interceptor_via_lib:libvncserver\n')
        asan = f'{os.environ.get("ASAN_OPTIONS", "")}:suppressions={known}'
        self.machine = Machine('-display', 'none', '-vga', 'std', '-vnc', ':3,to=500,websocket=on',
                               '-qmp', f'unix:{self.path("qmp")},server=on,wait=off', *options,
                               env=dict(os.environ, ASAN_OPTIONS=asan))
        self.addCleanup(self.machine.kill)
        self.qmp = Qmp(self.connect('qmp'))
        self.addCleanup(self.qmp.close)
        self.qmp.execute('qmp_capabilities')
        self.font = rom_font()

    def connect(self, name):
        connection = socket.socket(socket.AF_UNIX)
        self.machine.wait_until(lambda: connection.connect_ex(self.path(name)) == 0)
        return connection

    def open_page(self):
        port = int(self.qmp.execute('query-vnc')['return']['service']) - 200
        self.browser = Browser(self.path('profile'))
        self.addCleanup(self.browser.close)
        self.browser.open(f'http://127.0.0.1:{self.serve()}/vnc_lite.html?host=127.0.0.1&port={port}&path=', 1280)
        self.wait_until(lambda: self.browser.evaluate('document.getElementById("status").textContent')
                        .startswith('Connected'))
        # Keys go to what has the focus.
        self.browser.evaluate('document.querySelector("canvas").focus()')

    def wait_until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end, self.browser.complaints)
            time.sleep(0.02)

    def screenshot(self):
        """What the page shows of the machine."""
        return self.browser.picture(self.browser.evaluate('''(() => {
            const r = document.querySelector("canvas").getBoundingClientRect();
            return {x: r.x, y: r.y, width: r.width, height: r.height}})()'''))

    def dump(self):
        """What the machine shows."""
        path = self.path('picture.ppm')
        self.assertEqual(self.qmp.execute('screendump', filename=path), {'return': {}})
        with open(path, 'rb') as file:
            _, width, height, _, data = file.read().split(maxsplit=4)
        return int(width), int(height), data

    def wait_for_lines(self, wanted):
        """The page shows what the machine does, pixel by pixel, and these lines are in it, one after the other."""
        def are_there():
            picture = self.dump()
            lines = read_text(picture, self.font)
            there = any(lines[i:i + len(wanted)] == wanted for i in range(len(lines)))
            return there and self.screenshot() == picture
        self.wait_until(are_there)

    def end(self):
        self.assertEqual(self.browser.complaints, [])
        self.qmp.execute('quit')
        ended = self.machine.end()
        self.assertEqual((ended.status, ended.err), (0, ''))


class Played(Page):
    """The machine's software is this test."""

    def test_ver(self):
        self.start('-accel', 'qtest', '-nodefaults', '-qtest', f'unix:{self.path("qtest")},server=on,wait=off')
        guest = Guest(self.connect('qtest'))
        self.addCleanup(guest.close)
        guest.set_text_mode(self.font)
        guest.clear()
        guest.cursor(24, 79)
        guest.put(0, 0, PROMPT)
        guest.hear_keys()
        self.open_page()
        self.wait_for_lines([PROMPT.decode(), ''])
        typed = b''
        for code, key, number, scan_code, character in KEYS:
            self.browser.press(code, key, number)
            self.assertEqual(guest.heard(2), [scan_code, scan_code | 0x80])
            typed += character
            guest.put(0, len(PROMPT), typed)
        guest.put(1, 0, ANSWER)
        self.wait_for_lines([(PROMPT + typed).decode(), ANSWER.decode(), ''])
        self.end()


@needs_kvm
@unittest.skipUnless(os.environ.get('FREEDOS'), 'FREEDOS does not name a floppy disk of FreeDOS')
class FreeDos(Page):
    def test_ver(self):
        disk = shutil.copy(os.environ['FREEDOS'], self.path('disk'))
        os.chmod(disk, 0o600)
        self.start('-m', '32', '-fda', disk, '-boot', 'a', '-serial', 'null')
        self.open_page()
        self.wait_until(lambda: read_text(self.dump(), self.font) and self.prompt())
        prompt = self.prompt()
        for code, key, number, _, _ in KEYS:
            self.browser.press(code, key, number)
        self.wait_until(lambda: any('FreeCom version' in line for line in read_text(self.dump(), self.font)))
        lines = [line for line in read_text(self.dump(), self.font) if line]
        self.assertIn(prompt + 'ver', lines)
        answer = next(line for line in lines if 'FreeCom version' in line)
        self.wait_for_lines([answer])
        self.end()

    def prompt(self):
        """The last line, if DOS waits there for a command: with the cursor behind."""
        lines = [line for line in read_text(self.dump(), self.font) if line]
        last = lines[-1].rstrip('?_ ') if lines else ''
        return last if last.endswith('>') else ''


main()
