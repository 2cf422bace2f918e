# SPDX-License-Identifier: MIT
"""
FreeDOS, which nobody here wrote, as a person uses it: from a floppy, an IDE disk, a virtio disk and a qcow2
image upon another, with a screen that is read and keys that are pressed. FREEDOS names a floppy image with
KERNEL.SYS and COMMAND.COM; none comes with the project. The disk is made of it: GRUB, whose loader knows
FreeDOS's kernel, and a partition with a FAT that mtools make.
"""
import datetime
import os
import re
import shutil
import socket
import struct
import subprocess
import unittest

from machine import COALPORT, SOURCE, Test, main, needs_kvm
from pane import Pane, needs_tmux
from qmp import Qmp

FLOPPY = os.environ.get('FREEDOS', '')
GRUB_MODULES = 'biosdisk part_msdos fat freedos boot'
DISK = 32 << 20
START, SECTOR = 2048, 512  # of the partition
CONFIG = 'FILES=20\r\nBUFFERS=20\r\nSHELL=C:\\COMMAND.COM C:\\ /E:512 /P\r\n'
AUTOEXEC = '@ECHO OFF\r\nECHO The disk has started.\r\n'
KEYS = {' ': 'spc', '-': 'minus', '\n': 'ret'}


def missing():
    """Why there is nothing to boot, or None."""
    if not os.path.exists(FLOPPY):
        return 'FREEDOS does not name a FreeDOS floppy image'
    for program, package in (('grub-mkimage', 'grub-common'), ('mformat', 'mtools')):
        if not shutil.which(program):
            return f'{package} is not installed'
    if not os.path.exists('/usr/lib/grub/i386-pc/freedos.mod'):
        return 'grub-pc-bin is not installed'
    return None


def make_disk(folder, path):
    """Boots by GRUB in front of the partition."""
    subprocess.run([os.path.join(SOURCE, 'scripts/make-grub-disk.sh'), path,
                    os.path.join(SOURCE, 'guests/grub/freedos.cfg')], check=True,
                   env=dict(os.environ, GRUB_MODULES=GRUB_MODULES))
    sectors = DISK // SECTOR - START
    with open(path, 'r+b') as disk:
        disk.truncate(DISK)
        disk.seek(446)  # active, FAT16, by number; no cylinders
        disk.write(struct.pack('<B3sB3sII', 0x80, b'\xff\xff\xff', 6, b'\xff\xff\xff', START, sectors))
        disk.write(bytes(48))
    partition = f'{path}@@{START * SECTOR}'
    subprocess.run(['mformat', '-i', partition, '-T', str(sectors), '-h', '16', '-s', '63', '-H', str(START),
                    '-v', 'COALPORT', '::'], check=True)
    for name in ('KERNEL.SYS', 'COMMAND.COM'):
        subprocess.run(['mcopy', '-i', FLOPPY, f'::{name}', folder], check=True)
    for name, text in (('CONFIG.SYS', CONFIG), ('AUTOEXEC.BAT', AUTOEXEC)):
        with open(os.path.join(folder, name), 'w', encoding='ascii', newline='') as file:
            file.write(text)
    for name in ('KERNEL.SYS', 'COMMAND.COM', 'CONFIG.SYS', 'AUTOEXEC.BAT'):
        subprocess.run(['mcopy', '-i', partition, os.path.join(folder, name), '::'], check=True)


@needs_kvm
@needs_tmux
@unittest.skipIf(missing(), missing())
class FreeDos(Test):
    def start(self, *options):
        self.pane = Pane(self.folder, 80, 25, 'LC_ALL=C.UTF-8')
        self.addCleanup(self.pane.close)
        path = self.path('qmp')
        self.pane.type(' '.join((COALPORT, '-m', '32', '-display', 'curses', '-qmp',
                                 f'unix:{path},server=on,wait=off', *options, '; echo status $?')))
        connection = socket.socket(socket.AF_UNIX)
        self.pane.wait(lambda: connection.connect_ex(path) == 0, 'no monitor')
        self.qmp = Qmp(connection)
        self.addCleanup(self.qmp.close)
        self.qmp.execute('qmp_capabilities')

    def type(self, prompt, line):
        """Each key is seen on the screen before the next one is pressed, as a person would."""
        for i, character in enumerate(line + '\n'):
            code = KEYS.get(character, character)
            self.assertEqual(self.qmp.execute('send-key', keys=[{'type': 'qcode', 'data': code}]), {'return': {}})
            if character.isalnum():
                self.pane.wait_for(rf'^{re.escape(prompt + line[:i + 1])}$')

    def use(self, prompt):
        """DATE sets the clock's date, DIR comes to its end."""
        self.pane.wait_for(rf'^{re.escape(prompt)}$')
        today = datetime.datetime.now(datetime.timezone.utc).date()
        self.type(prompt, 'date 12-24-2025')
        expected = (datetime.date(2025, 12, 24) - today).days * 86400

        def is_set():
            self.qmp.execute('query-status')
            offset = self.qmp.data.get('RTC_CHANGE', {}).get('offset')
            # The day may have ended meanwhile.
            return offset is not None and abs(offset - expected) <= 86400 + 2
        self.pane.wait(is_set, 'the clock was not set')
        self.type(prompt, 'date')
        self.pane.wait_for(r'Current date is .*12-24-2025')
        self.qmp.execute('send-key', keys=[{'type': 'qcode', 'data': 'ret'}])
        self.type(prompt, 'dir')
        self.pane.wait_for(r'KERNEL +SYS +45,?450')
        self.pane.wait_for(r'bytes free')
        self.pane.wait(lambda: self.pane.text().rstrip().endswith(prompt), 'no prompt')
        self.qmp.execute('quit')
        self.pane.wait_for(r'^status 0$')

    def test_floppy(self):
        shutil.copy(FLOPPY, self.path('floppy'))
        self.start('-fda', self.path('floppy'), '-boot', 'a')
        self.use('A:\\>')

    def test_ide(self):
        make_disk(self.folder, self.path('disk'))
        self.start('-drive', f'file={self.path("disk")},format=raw')
        self.pane.wait_for(r'^The disk has started\.$')
        self.use('C:\\>')

    def test_virtio(self):
        make_disk(self.folder, self.path('disk'))
        self.start('-drive', f'file={self.path("disk")},format=raw,if=virtio')
        self.use('C:\\>')

    @unittest.skipUnless(shutil.which('qemu-img') and shutil.which('qemu-storage-daemon'),
                         'qemu-img or qemu-storage-daemon is not installed')
    def test_qcow2(self):
        """Upon a disk that stays as it is, also when the guest writes to it."""
        make_disk(self.folder, self.path('disk'))
        with open(self.path('disk'), 'rb') as file:
            before = file.read()
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', self.path('disk'),
                        self.path('upon')], check=True)
        self.start('-drive', f'file={self.path("upon")},format=qcow2')
        self.pane.wait_for(r'^C:\\>$')
        self.type('C:\\>', 'md new')
        self.pane.wait(lambda: self.pane.text().rstrip().endswith('C:\\>'), 'no prompt')
        self.use('C:\\>')
        with open(self.path('disk'), 'rb') as file:
            self.assertEqual(file.read(), before)
        subprocess.run(['qemu-img', 'convert', '-q', '-f', 'qcow2', '-O', 'raw', self.path('upon'), self.path('whole')],
                       check=True)
        partition = f'{self.path("whole")}@@{START * SECTOR}'
        subprocess.run(['mdir', '-i', partition, '::NEW'], check=True, capture_output=True)


main()
