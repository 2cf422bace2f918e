# SPDX-License-Identifier: MIT
"""The program killed in the middle of writes: what was said to be flushed is in the image.

The guest is a client of qtest, so that no KVM is needed: it numbers the sectors of an IDE disk through the
data register, one after the other, and flushes now and then. What FLUSH CACHE has ended behind is kept;
everything up to there must be in the file, whenever the program was killed.
"""
import fcntl
import os
import random
import signal
import socket
import struct
import threading
import time

from machine import Machine, PATIENCE, Test, main

SECTORS = 256  # of the disk; numbers run over it again and again
ROUNDS = 10
SECTOR = 512


class Gone(Exception):
    pass


class Driver:
    """Registers by qtest, and the disk on the first channel by these."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        end = time.monotonic() + PATIENCE
        # The name is there a moment before anybody listens.
        while self.socket.connect_ex(path) and time.monotonic() < end:
            time.sleep(0.001)
        self.lines = self.socket.makefile('rwb')

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
        at = number % SECTORS
        words = struct.unpack('<256H', sector(number))
        self.ask('outb 0x1f2 1', f'outb 0x1f3 {at & 0xff}', f'outb 0x1f4 {at >> 8}', 'outb 0x1f5 0',
                 'outb 0x1f6 0xe0', 'outb 0x1f7 0x30', *(f'outw 0x1f0 {word}' for word in words))
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
    def number_sectors(self, driver, told):
        number = told[-1] + 1
        try:
            while True:
                for _ in range(random.randint(1, 12)):
                    self.assertEqual(driver.write(number), 0x50)
                    number += 1
                self.assertEqual(driver.flush(), 0x50)
                told.append(number - 1)
        except Gone:
            pass

    def check(self, last):
        """Of each place at least the last number that was flushed; and never half of one."""
        with open(self.path('disk'), 'rb') as image:
            for at in range(SECTORS):
                found = image.read(SECTOR)
                number = struct.unpack_from('<I', found)[0]
                wanted = last - (last - at) % SECTORS
                if wanted < 1:
                    continue
                self.assertEqual(found, sector(number), f'half a sector at {at}')
                self.assertEqual(number % SECTORS, at)
                self.assertGreaterEqual(number, wanted)

    def test_flushed_is_there(self):
        self.file('disk', size=SECTORS * SECTOR)
        told = [0]
        for _ in range(ROUNDS):
            door = self.path('qtest')
            before = len(told)
            with Machine('-nodefaults', '-display', 'none', '-accel', 'qtest', '-qtest',
                         f'unix:{door},server=on,wait=off', '-drive',
                         f'file={self.path("disk")},format=raw') as machine:
                machine.wait_until(lambda: os.path.exists(door))
                driver = Driver(door)
                guest = threading.Thread(target=self.number_sectors, args=(driver, told))
                guest.start()
                machine.wait_until(lambda: len(told) > before)
                time.sleep(random.random() / 4)
                machine.send(signal.SIGKILL)
                guest.join()
                driver.close()
                machine.kill()
            end = time.monotonic() + PATIENCE
            while not is_unlocked(self.path('disk')):
                self.assertLess(time.monotonic(), end, 'the image stays locked')
                time.sleep(0.001)
            self.check(told[-1])
            os.unlink(door)
        self.assertGreater(told[-1], ROUNDS)


main()
