# SPDX-License-Identifier: MIT
"""Chromium without a window, driven by its DevTools protocol over two pipes, and the pictures it takes."""
import base64
import json
import os
import select
import shutil
import struct
import subprocess
import time
import unittest
import zlib

from machine import PATIENCE

CHROMIUM = shutil.which('chromium')
needs_chromium = unittest.skipUnless(CHROMIUM, 'chromium is not installed')


class Browser:
    """A page in it. `complaints` is what went wrong in it, `requests` what it asked for."""

    def __init__(self, profile):
        to_read, self.to = os.pipe()
        self.come, from_write = os.pipe()

        def pipes():
            os.dup2(to_read, 3)
            os.dup2(from_write, 4)
        self.process = subprocess.Popen(
            [CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run',
             '--force-color-profile=srgb', f'--user-data-dir={profile}', '--remote-debugging-pipe'],
            pass_fds=(3, 4), preexec_fn=pipes, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.rest, self.number, self.session = b'', 0, None
        self.complaints, self.requests = [], set()
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Network', 'Log', 'Runtime'):
            self.call(domain + '.enable')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.come)

    def hear(self):
        end = time.monotonic() + PATIENCE
        while b'\0' not in self.rest:
            if not select.select([self.come], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f'the browser said nothing for {PATIENCE} s')
            got = os.read(self.come, 1 << 20)
            if not got:
                raise AssertionError('the browser has ended')
            self.rest += got
        text, _, self.rest = self.rest.partition(b'\0')
        said = json.loads(text)
        method, params = said.get('method'), said.get('params', {})
        if method in ('Log.entryAdded', 'Runtime.exceptionThrown', 'Runtime.consoleAPICalled'):
            self.complaints.append(params)
        elif method == 'Network.requestWillBeSent':
            self.requests.add(params['request']['url'])
        return said

    def call(self, method, **params):
        self.number += 1
        request = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            request['sessionId'] = self.session
        os.write(self.to, json.dumps(request).encode() + b'\0')
        while (said := self.hear()).get('id') != self.number:
            pass
        if 'error' in said:
            raise AssertionError(said['error'])
        return said['result']

    def open(self, url, width):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'light'}])
        self.call('Page.navigate', url=url)
        while self.hear().get('method') != 'Page.loadEventFired':
            pass

    def evaluate(self, expression):
        return self.call('Runtime.evaluate', expression=expression, returnByValue=True)['result'].get('value')

    def press(self, code, key, number):
        """A key goes down and up: KeyboardEvent's code and key, and the number that Windows has for it."""
        for kind in ('rawKeyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, code=code, key=key, windowsVirtualKeyCode=number)

    def picture(self, place):
        """Width, height and bytes (red, green, blue) of a part of the page."""
        png = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=True,
                        clip={**place, 'scale': 1})['data']
        return read_png(base64.b64decode(png))


def read_png(png):
    """Width, height and bytes (red, green, blue) of a PNG of 8 bits a channel that is not interlaced."""
    assert png[:8] == b'\x89PNG\r\n\x1a\n'
    at, data = 8, b''
    while at < len(png):
        size, kind = struct.unpack('>I4s', png[at:at + 8])
        chunk = png[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, form, _, _, interlaced = struct.unpack('>IIBBBBB', chunk)
            assert depth == 8 and form in (2, 6) and not interlaced
        data += chunk if kind == b'IDAT' else b''
        at += size + 12
    data, each, out = zlib.decompress(data), 3 if form == 2 else 4, bytearray()
    before = bytearray(width * each)
    for row in range(height):
        start = row * (width * each + 1)
        line, kind = bytearray(data[start + 1:start + 1 + width * each]), data[start]
        if kind == 2:
            line = bytearray(a + b & 255 for a, b in zip(line, before))
        elif kind:
            for i, byte in enumerate(line):
                left = line[i - each] if i >= each else 0
                up, corner = before[i], before[i - each] if i >= each else 0
                line[i] = byte + predicted(kind, left, up, corner) & 255
        before = line
        if each == 4:
            line = line.copy()
            del line[3::4]
        out += line
    return width, height, bytes(out)


def predicted(kind, left, up, corner):
    """PNG's filters but Up."""
    if kind == 4:
        guess = left + up - corner
        return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
    return left if kind == 1 else (left + up) // 2


def colours(picture):
    """Those of a picture."""
    data = picture[2]
    return set(zip(data[0::3], data[1::3], data[2::3]))
