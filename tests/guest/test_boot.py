# SPDX-License-Identifier: MIT
"""SeaBIOS and GRUB, programs that nobody here wrote, boot from a virtio disk and read the clock."""
import concurrent.futures
import datetime
import hashlib
import os
import re
import shutil
import subprocess
import time
import unittest

from machine import Machine, PATIENCE, SOURCE, Test, main, needs_kvm

UTC = datetime.timezone.utc
BIOS = ('/usr/share/seabios/bios-256k.bin', '/usr/share/qemu/bios-256k.bin')
QEMU = shutil.which('qemu-system-x86_64')
# Seconds, minutes, hours, day of week, day, month, year, century; A (the flag of an update); C.
TIME_FIELDS = {0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32, 0x37, 0x0a, 0x0c}
# GRUB's lines end in the order \n\r.
DATE = r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\w+)\s'


def missing():
    """Why there is no disk or firmware to boot, or None."""
    if not shutil.which('grub-mkimage') or not os.path.exists('/usr/lib/grub/i386-pc/boot.img'):
        return 'GRUB is not installed (grub-common and grub-pc-bin)'
    if not any(map(os.path.exists, BIOS)):
        return 'SeaBIOS is not installed (seabios)'
    return None


def options(disk, form='raw'):
    return ['-M', 'pc', '-m', '64', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-drive',
            f'file={disk},format={form},if=virtio', '-no-reboot']


class Boot:
    """One boot, and between which two times the date was read. Times are seconds since the start."""

    def __init__(self, test, *more, **how):
        self.start = datetime.datetime.now(UTC).replace(tzinfo=None)
        self.machine = Machine(*more, **how)
        test.addCleanup(self.machine.kill)

    def passed(self):
        return time.monotonic() - self.machine.begun

    def finish(self, test):
        self.machine.wait_for('the date by the RTC:', limit=2 * PATIENCE)
        self.earliest = self.passed()
        found = self.machine.wait_for(r'the date by the RTC:\s+' + DATE)
        self.latest = self.passed()
        self.date = datetime.datetime.strptime(found[1], '%Y-%m-%d %H:%M:%S')
        self.weekday = found[2]
        self.ended = self.machine.end()
        test.assertEqual(self.ended.status, 0, str(self.ended))
        rows = re.findall(r'^\r?([0-9a-f]{2}): ((?:[0-9a-f]{2} ){16})', self.ended.out, re.M)
        test.assertEqual([int(at, 16) for at, _ in rows], list(range(0, 256, 16)), str(self.ended))
        self.cmos = [int(byte, 16) for _, row in rows for byte in row.split()]
        test.assertRegex(self.ended.out, r'(?m)^\r?switching off\r?$')

    @staticmethod
    def finish_all(test, *boots):
        """Each with a thread of its own, which sees at once what is said."""
        with concurrent.futures.ThreadPoolExecutor(len(boots)) as pool:
            for done in [pool.submit(boot.finish, test) for boot in boots]:
                done.result()

    def check_date(self, test, base):
        """The date is that of a moment between the two, within two seconds."""
        least = base + datetime.timedelta(seconds=self.earliest - 2)
        most = base + datetime.timedelta(seconds=self.latest + 2)
        test.assertTrue(least <= self.date <= most, f'{least} <= {self.date} <= {most}')
        test.assertEqual(self.weekday, self.date.strftime('%A'))


@needs_kvm
@unittest.skipIf(missing(), missing())
class Grub(Test):
    def setUp(self):
        super().setUp()
        self.disk = self.path('grub.img')
        subprocess.run([os.path.join(SOURCE, 'scripts/make-grub-disk.sh'), self.disk], check=True)

    def checksum(self):
        with open(self.disk, 'rb') as disk:
            return hashlib.sha256(disk.read()).hexdigest()

    def test_boot(self):
        """
        With coalescing and without, the latter with a date of its own and, where the daemon for it is
        installed, from a qcow2 image upon the disk: both at once, to be quicker.
        """
        before = self.checksum()
        other, form = self.path('other.img'), 'raw'
        shutil.copy(self.disk, other)
        if shutil.which('qemu-img') and shutil.which('qemu-storage-daemon'):
            form = 'qcow2'
            subprocess.run(['qemu-img', 'create', '-q', '-f', form, '-F', 'raw', '-b', other, self.path('upon')],
                           check=True)
            other = self.path('upon')
        base = datetime.datetime(2024, 2, 28, 23, 59, 50)
        on = Boot(self, *options(self.disk), '-exits', 'text')
        off = Boot(self, *options(other, form), '-machine', 'pc,coalesce=off', '-rtc', f'base={base.isoformat()}')
        Boot.finish_all(self, on, off)
        on.check_date(self, on.start)
        off.check_date(self, base)
        self.assertEqual((on.ended.err, off.ended.err), ('', ''))
        differ = {i for i in range(256) if on.cmos[i] != off.cmos[i]}
        self.assertLessEqual(differ, TIME_FIELDS)
        # GRUB read all of them by way of both banks, and no index write left the kernel for it.
        for port in ('0x70', '0x72'):
            row = re.search(rf'^{port}:POUT +(\d+) +(\d+)(?:  .*)?$', on.ended.out, re.M)
            self.assertEqual(int(row[1]), 0)
            self.assertGreaterEqual(int(row[2]), 128)
        self.assertEqual(self.checksum(), before)

    def test_ide_boot(self):
        """From an IDE disk by the data register. All but what starts or ends something waits."""
        before = self.checksum()
        boot = Boot(self, '-M', 'pc', '-m', '64', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-hda',
                    self.disk, '-no-reboot', '-exits', 'text')
        boot.finish(self)
        boot.check_date(self, boot.start)
        self.assertEqual(boot.ended.err, '')
        # CMOS knows the disk, a user type, and its geometry: 2 cylinders of 16 heads and 63 sectors.
        self.assertEqual((boot.cmos[0x12], boot.cmos[0x19]), (0xf0, 47))
        self.assertEqual(boot.cmos[0x1b:0x24], [2, 0, 16, 0xff, 0xff, 0xc8, 2, 0, 63])
        for port in range(0x1f1, 0x1f7):
            row = re.search(rf'^{port:#x}:POUT +(\d+) +(\d+)(?:  .*)?$', boot.ended.out, re.M)
            self.assertEqual(int(row[1]), 0, row)
            self.assertGreater(int(row[2]), 0, row)
        self.assertEqual(self.checksum(), before)

    @unittest.skipUnless(QEMU, 'qemu-system-x86_64 is not installed')
    @unittest.skipUnless(os.environ.get('COALPORT_QEMU_BOOT'), 'takes long: set COALPORT_QEMU_BOOT=1')
    def test_as_under_qemu(self):
        """The same disk says the same, where both machines have the same to say."""
        other = self.path('other.img')
        shutil.copy(self.disk, other)
        ours = Boot(self, *options(self.disk))
        theirs = Boot(self, *options(other), '-accel', 'kvm', program=QEMU)
        Boot.finish_all(self, ours, theirs)
        texts = []
        for boot in (ours, theirs):
            # Before that, SeaBIOS speaks on the serial port of a machine that has no other display.
            said = boot.ended.out[boot.ended.out.index('coalport: GRUB is up'):]
            boot.check_date(self, boot.start)
            texts.append(re.sub(DATE, 'DATE ', re.sub(r'(?m)^\r?[0-9a-f]{2}: .*$', 'CMOS', said)))
        self.assertEqual(*texts)


main()
