# SPDX-License-Identifier: MIT
"""The program killed in the middle of writes: what was said to be flushed is in the image.

A guest numbers the sectors of a disk, one after the other, over and over, and flushes now and then. What a
flush has ended behind is kept; everything up to there must be in the image, whenever the program was
killed. The guest is a client of qtest, so that no KVM is needed, with an IDE disk through the data register
or by bus master; or it is our guest numbers, with an IDE or a virtio disk.
"""
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from machine import Machine, PATIENCE, Test, guest, main, needs_kvm

SECTORS = 256  # of the disk; numbers run over it again and again
ROUNDS = 10
SECTOR = 512
MASTER = 0xc000  # where the driver puts the bus master's ports
TABLE, BUFFER = 0x1000, 0x2000  # in the guest's memory


class Gone(Exception):
    pass


class Driver:
    """Registers by qtest, and the disk on the first channel by these."""

    def __init__(self, path, dma):
        self.dma = dma
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        end = time.monotonic() + PATIENCE
        # The name is there a moment before anybody listens.
        while self.socket.connect_ex(path) and time.monotonic() < end:
            time.sleep(0.001)
        self.lines = self.socket.makefile('rwb')

    def begin(self):
        """What a firmware does: the bus master of 00:01.1 gets its ports, and may use memory."""
        self.ask(*(f'outl {port:#x} {value:#x}' for register, what in ((0x20, MASTER), (4, 5))
                   for port, value in ((0xcf8, 0x80000900 + register), (0xcfc, what))),
                 f'writel {TABLE:#x} {BUFFER:#x}', f'writel {TABLE + 4:#x} {0x80000000 + SECTOR:#x}')

    def close(self):
        try:
            self.lines.close()
        except OSError:
            pass
        self.socket.close()

    def ask(self, *commands):
        """All at once; the answers, in order."""
        try:
            self.lines.write(''.join(command + '\n' for command in commands).encode())
            self.lines.flush()
            answers = [self.lines.readline().decode() for _ in commands]
        except OSError as error:
            raise Gone from error
        if not all(answer.startswith('OK') for answer in answers):
            raise Gone(answers)
        return answers

    def wait(self):
        while (status := int(self.ask('inb 0x1f7')[0].split()[1], 16)) & 0x80:
            pass
        return status

    def write(self, number):
        """The status afterwards."""
        at = number % SECTORS
        place = ('outb 0x1f2 1', f'outb 0x1f3 {at & 0xff}', f'outb 0x1f4 {at >> 8}', 'outb 0x1f5 0',
                 'outb 0x1f6 0xe0')
        if not self.dma:
            words = struct.unpack('<256H', sector(number))
            self.ask(*place, 'outb 0x1f7 0x30', *(f'outw 0x1f0 {word}' for word in words))
            return self.wait()
        self.ask(*place, f'write {BUFFER:#x} {SECTOR} 0x{sector(number).hex()}',
                 f'outl {MASTER + 4:#x} {TABLE:#x}', f'outb {MASTER + 2:#x} 6', 'outb 0x1f7 0xca',
                 f'outb {MASTER:#x} 1')
        while not int(self.ask(f'inb {MASTER + 2:#x}')[0].split()[1], 16) & 4:
            pass
        self.ask(f'outb {MASTER:#x} 0')
        return self.wait()

    def flush(self):
        self.ask('outb 0x1f7 0xe7')
        return self.wait()


def sector(number):
    """Says which one it is all over, so that half of one shows."""
    return struct.pack('<I', number) * (SECTOR // 4)


def is_unlocked(path):
    """The kernel lets go of a killed program's file a little after the program has gone: io_uring has it."""
    with open(path, 'r+b') as image:
        try:
            fcntl.lockf(image, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


class Killed(Test):
    def make_disk(self, kind='raw'):
        if kind == 'raw':
            self.file('disk', size=SECTORS * SECTOR)
        else:
            subprocess.run(['qemu-img', 'create', '-q', '-f', kind, self.path('disk'), str(SECTORS * SECTOR)],
                           check=True)

    def wait_unlocked(self):
        end = time.monotonic() + PATIENCE
        while not is_unlocked(self.path('disk')):
            self.assertLess(time.monotonic(), end, 'the image stays locked')
            time.sleep(0.001)

    def check(self, last, kind='raw'):
        """Of each place at least the last number that was flushed; and never half of one."""
        path = self.path('disk')
        if kind != 'raw':
            subprocess.run(['qemu-img', 'convert', '-q', '-f', kind, '-O', 'raw', path, self.path('content')],
                           check=True)
            path = self.path('content')
        with open(path, 'rb') as image:
            for at in range(SECTORS):
                found = image.read(SECTOR)
                number = struct.unpack_from('<I', found)[0]
                wanted = last - (last - at) % SECTORS
                if wanted < 1:
                    continue
                self.assertEqual(found, sector(number), f'half a sector at {at}')
                self.assertEqual(number % SECTORS, at)
                self.assertGreaterEqual(number, wanted)


class ByQtest(Killed):
    def number_sectors(self, driver, told):
        number = told[-1] + 1
        try:
            driver.begin()
            while True:
                for _ in range(random.randint(1, 12)):
                    self.assertEqual(driver.write(number), 0x50)
                    number += 1
                self.assertEqual(driver.flush(), 0x50)
                told.append(number - 1)
        except Gone:
            pass

    def run_rounds(self, dma):
        self.make_disk()
        told = [0]
        for _ in range(ROUNDS):
            door = self.path('qtest')
            before = len(told)
            with Machine('-nodefaults', '-display', 'none', '-accel', 'qtest', '-qtest',
                         f'unix:{door},server=on,wait=off', '-drive',
                         f'file={self.path("disk")},format=raw') as machine:
                machine.wait_until(lambda: os.path.exists(door))
                driver = Driver(door, dma)
                client = threading.Thread(target=self.number_sectors, args=(driver, told))
                client.start()
                machine.wait_until(lambda: len(told) > before)
                time.sleep(random.random() / 4)
                machine.send(signal.SIGKILL)
                client.join()
                driver.close()
                machine.kill()
            self.wait_unlocked()
            self.check(told[-1])
            os.unlink(door)
        self.assertGreater(told[-1], ROUNDS)

    def test_pio(self):
        self.run_rounds(dma=False)

    def test_dma(self):
        self.run_rounds(dma=True)


@needs_kvm
class ByGuest(Killed):
    def run_rounds(self, virtio, rounds=ROUNDS, kind='raw'):
        self.make_disk(kind)
        last = 0
        for _ in range(rounds):
            parameters = f'virtio={int(virtio)} sectors={SECTORS} first={last + 1}'
            with Machine(*guest('numbers', parameters), '-drive',
                         f'file={self.path("disk")},format={kind},if={"virtio" if virtio else "ide"}') as machine:
                machine.wait_for(r'flushed \d+\r\n')
                time.sleep(random.random() / 4)
                machine.send(signal.SIGKILL)
                ended = machine.end()
            numbers = [int(number) for number in re.findall(r'flushed (\d+)\r\n', ended.out)]
            self.assertNotIn('numbers:', ended.out)
            self.assertEqual(ended.err, '')
            self.assertGreater(numbers[0], last)
            self.assertEqual(numbers, sorted(numbers))
            last = numbers[-1]
            self.wait_unlocked()
            self.check(last, kind)
        self.assertGreater(last, rounds)

    def test_ide(self):
        self.run_rounds(virtio=False)

    def test_virtio(self):
        self.run_rounds(virtio=True)

    @unittest.skipUnless(shutil.which('qemu-img') and shutil.which('qemu-storage-daemon'),
                         'qemu-img or qemu-storage-daemon is not installed')
    def test_qcow2(self):
        for virtio in (False, True):
            with self.subTest(virtio=virtio):
                self.run_rounds(virtio, 1, 'qcow2')


main()
