# SPDX-License-Identifier: MIT
"""Pictures of a guest that draws by the video BIOS: QEMU shows the same.

What differs is how colours of fewer bits are spread over eight (docs/devices-vga.md): at most 7 of 255.
"""
import os
import shutil
import socket
import struct
import unittest

from machine import COALPORT, Machine, Test, main, needs_kvm, rom
from qmp import Qmp

QEMU = shutil.which('qemu-system-x86_64')
FLOPPY = 1440 << 10
TEXT, CGA, PLANES, BANKS = range(4)
# Mode, where its memory is, banks of 64 KiB that it shows.
MODES = (
    (0x03, TEXT, 1), (0x04, CGA, 1), (0x06, CGA, 1), (0x0d, PLANES, 1), (0x10, PLANES, 1), (0x12, PLANES, 1),
    (0x13, BANKS, 1), (0x101, BANKS, 5), (0x110, BANKS, 10), (0x111, BANKS, 10), (0x112, BANKS, 15),
)
ROUNDING = 7


@needs_kvm
class Pictures(Test):
    """The same guest on both."""

    def disk(self, mode, kind, banks):
        with open(rom('screen'), 'rb') as file:
            sector = bytearray(file.read())
        sector[506:510] = struct.pack('<HBB', mode, kind, banks)
        with open(self.path('disk'), 'wb') as file:
            file.write(sector)
            file.truncate(FLOPPY)

    def dump(self, *program_and_options):
        """Width, height and bytes of the picture, as soon as the guest has drawn it."""
        program, *options = program_and_options
        path, picture = self.path('qmp'), self.path('picture.ppm')
        for old in (path, picture):
            if os.path.exists(old):
                os.unlink(old)
        machine = Machine('-M', 'pc', '-nodefaults', '-display', 'none', '-m', '32', '-vga', 'std', '-serial', 'stdio',
                          '-boot', 'a', '-drive', f'file={self.path("disk")},format=raw,if=floppy',
                          '-qmp', f'unix:{path},server=on,wait=off', *options, program=program)
        machine.wait_for('shown')
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        qmp = Qmp(connection)
        qmp.execute('qmp_capabilities')
        self.assertEqual(qmp.execute('screendump', filename=picture), {'return': {}})
        qmp.execute('quit')
        qmp.close()
        machine.end()
        with open(picture, 'rb') as file:
            magic, width, height, depth, data = file.read().split(maxsplit=4)
        self.assertEqual((magic, depth), (b'P6', b'255'))
        self.assertEqual(len(data), 3 * int(width) * int(height))
        return int(width), int(height), data

    def ours(self, *options):
        return self.dump(COALPORT, *options)

    def test_waiting_changes_nothing(self):
        for mode, kind, banks in ((0x03, TEXT, 1), (0x12, PLANES, 1), (0x13, BANKS, 1)):
            with self.subTest(mode=hex(mode)):
                self.disk(mode, kind, banks)
                self.assertEqual(self.ours(), self.ours('-machine', 'pc,coalesce=off'))

    @unittest.skipUnless(QEMU, 'qemu-system-x86 is not installed')
    def test_as_qemu(self):
        for mode, kind, banks in MODES:
            with self.subTest(mode=hex(mode)):
                self.disk(mode, kind, banks)
                width, height, data = self.ours()
                size = f'{width}x{height}'
                width, height, other = self.dump(QEMU, '-accel', 'kvm', '-global', 'kvm-pit.lost_tick_policy=discard')
                self.assertEqual(size, f'{width}x{height}')
                worst = max(abs(a - b) for a, b in set(zip(data, other)))
                self.assertLessEqual(worst, ROUNDING)
                self.assertGreater(len(set(data)), 1)


main()
