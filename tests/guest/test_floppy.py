# SPDX-License-Identifier: MIT
"""SeaBIOS starts a guest from a floppy disk; it reads and writes the disk, and nobody else does."""
import os
import time
import unittest

from machine import Machine, Test, main, needs_kvm, rom, run

BIOS = ('/usr/share/seabios/bios-256k.bin', '/usr/share/qemu/bios-256k.bin')
SECTOR = 512
SIZE = 1440 * 1024
# On a slow host ticks of the timer that the kernel gives again would keep IRQ 6 from the firmware.
TICKS = ('-global', 'kvm-pit.lost_tick_policy=discard')


def place(cylinder, head, sector):
    return ((cylinder * 2 + head) * 18 + sector - 1) * SECTOR


def options(*more):
    return ('-M', 'pc', '-m', '16', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-device',
            'isa-debug-exit,iobase=0xf4', *TICKS, *more)


@needs_kvm
@unittest.skipUnless(any(map(os.path.exists, BIOS)), 'SeaBIOS is not installed (seabios)')
class Floppy(Test):
    def setUp(self):
        super().setUp()
        with open(rom('floppy'), 'rb') as guest:
            boot = guest.read()
        self.assertEqual(len(boot), SECTOR)
        self.content = bytearray(boot + bytes((i // SECTOR * 7 + i) & 0xff for i in range(SECTOR, SIZE)))

    @staticmethod
    def on_disk(path):
        with open(path, 'rb') as disk:
            return disk.read()

    def start(self, name, *more):
        """With the firmware's own messages in a file of that name."""
        self.file(name)
        machine = Machine(*options('-global', 'isa-debugcon.iobase=0x402', '-debugcon',
                                   'file:' + self.path(name), *more))
        self.addCleanup(machine.kill)
        return machine

    def finish(self, machine, name):
        """A firmware that gives a command up after its five seconds says more of the host than of us."""
        while True:
            ended = machine.process.poll() is not None
            with open(self.path(name), errors='replace') as messages:
                if 'Timeout at floppy' in messages.read():
                    self.skipTest('the host is so busy that the firmware does not wait for the disk')
            if ended:
                return machine.end()
            time.sleep(0.1)

    def test_read_and_write(self):
        """And a disk that is read-only, without waiting writes: there the guest sees that it cannot
        write. Both at once, to be quicker."""
        disk, sealed = (self.file(name, self.content) for name in ('disk.img', 'sealed.img'))
        writes = self.start('writes', '-fda', disk, '-boot', 'a')
        fails = self.start('fails', '-drive', f'file={sealed},if=floppy,format=raw,readonly=on', '-machine',
                           'pc,coalesce=off')
        ended = self.finish(writes, 'writes')
        self.assertEqual((ended.status, ended.err), (1, ''), str(ended))
        self.assertIn('floppy: read, written, read again', ended.out)
        ended = self.finish(fails, 'fails')
        self.assertEqual((ended.status, ended.err), (3, ''), str(ended))
        self.assertIn('floppy: not what it should be', ended.out)
        self.assertEqual(self.on_disk(sealed), bytes(self.content))
        first, to = place(3, 1, 1), place(5, 0, 2)
        self.content[to:to + 8 * SECTOR] = (byte ^ 0xff for byte in self.content[first:first + 8 * SECTOR])
        self.assertEqual(self.on_disk(disk), bytes(self.content))

    def test_odd_size(self):
        ended = run(*options('-fda', self.file('odd.img', size=SIZE + SECTOR)))
        self.assertEqual(ended.status, 1)
        self.assertRegex(ended.err, r'^coalport: floppy: .*1475072 bytes: no floppy disk has this size')
        self.assertEqual(ended.err.count('\n'), 1)


main()
