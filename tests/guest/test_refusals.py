# SPDX-License-Identifier: MIT
"""What cannot be done is refused with one line and status 1 or 2, and nothing is damaged."""
import hashlib
import os
import shutil
import subprocess
import unittest

from machine import COALPORT, Machine, Test, main, no_kvm, rom, run

HOST = 1  # the host failed us
USAGE = 2  # the command line makes no sense
NOBODY = 65534
# A machine that needs no KVM and does nothing until it is told to end.
STILL = ('-accel', 'qtest', '-S', '-nodefaults', '-display', 'none')

NONSENSE = (
    ('-m 0', '0: less than 1 MiB'),
    ('-m -1', '-1: not a size'),
    ('-m abc', 'abc: not a size'),
    ('-m 7K', '7K: less than 1 MiB'),
    ('-m 512T', '512T: more than this host has'),
    ('-m 99999999999999999999', '99999999999999999999'),
    ('-m 18446744073709551615G', '18446744073709551615G'),
    ('-m', 'needs a value'),
    ('-m size=', 'size'),
    ('-frobnicate', '-frobnicate: unknown option'),
    ('--frobnicate', '--frobnicate: unknown option'),
    ('disk.img', 'disk.img: not an option'),
    ('-device vga', 'vga: unknown device'),
    ('-device isa-debug-exit,colour=red', 'colour: unknown property'),
    ('-device isa-debug-exit,iobase=0x10000', 'iobase'),
    ('-device isa-debug-exit,iobase=0xffff,iosize=2', 'ends behind the last port'),
    ('-device virtio-blk-pci', 'needs drive=ID'),
    ('-device virtio-blk-pci,drive=nowhere', 'nowhere: there is no -drive with this id'),
    ('-M q35', 'q35: not offered'),
    ('-machine pc,coalesce=maybe', 'coalesce=maybe'),
    ('-machine pc,colour=red', 'colour: unknown property'),
    ('-accel tcg', 'tcg: not offered'),
    ('-accel kvm -machine accel=qtest', 'says otherwise'),
    ('-cpu host,+frobnication', "unknown feature 'frobnication'"),
    ('-cpu pentium', "unknown model 'pentium'"),
    ('-smp 2', 'not offered'),
    ('-rtc base=yesterday', 'base=yesterday'),
    ('-rtc base=2023-02-29', 'base=2023-02-29'),
    ('-rtc clock=sundial', 'clock=sundial'),
    ('-drive file=x,format=luks,if=virtio', 'format=luks'),
    ('-drive file=x', 'needs if=virtio, floppy or none'),
    ('-drive if=virtio', 'needs file=PATH'),
    ('-fw_cfg name=opt/a', 'needs string=TEXT or file=PATH'),
    ('-fw_cfg string=a', 'needs name=NAME'),
    ('-serial nowhere', 'nowhere'),
    ('-serial unix:' + 'x' * 200, 'x'),
    ('-serial stdio -serial stdio', 'stdio'),
    ('-exits xml', 'xml'),
    ('-uuid 1234', '1234: not a UUID'),
    ('-display gtk', 'gtk: not offered'),
    ('-kernel vmlinuz', '-kernel: unknown option'),
)


def checksum(path):
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def namespace(commands):
    """What to put before a command so that it runs in mounts of its own, or None."""
    for unshare in (['unshare', '--mount'], ['unshare', '--map-root-user', '--mount']):
        wrapper = unshare + ['sh', '-c', commands + ' && exec "$@"', 'sh']
        try:
            if subprocess.run(wrapper + ['true'], capture_output=True, check=False).returncode == 0:
                return wrapper
        except FileNotFoundError:
            return None
    return None


class Unprivileged:
    """The program as a user runs it whom the permissions of files bind."""

    def __init__(self, test):
        self.how = {}
        self.program = COALPORT
        if os.geteuid():
            return
        # Where the other user can reach it.
        os.chmod(test.folder, 0o755)
        self.program = shutil.copy(COALPORT, test.path('coalport'))
        os.chmod(self.program, 0o755)
        self.how = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}
        try:
            subprocess.run(['true'], check=True, **self.how)
        except (OSError, subprocess.SubprocessError) as error:
            raise unittest.SkipTest(f'cannot become another user: {error}') from error

    def run(self, *options):
        return run(*options, program=self.program, **self.how)


class CommandLine(Test):
    def test_nonsense(self):
        for options, says in NONSENSE:
            with self.subTest(options=options):
                self.run_badly(*options.split(' '), status=USAGE, says=says)

    def test_names_the_option_as_typed(self):
        for typed in ('-m', '--m'):
            ended = self.run_badly(typed, '0', status=USAGE)
            self.assertTrue(ended.err.startswith(f'coalport: {typed}: '), ended.err)


class Kvm(Test):
    def both(self, wrapper, says):
        """The embedded guest and a machine from options."""
        for options in ((), ('-nodefaults', '-display', 'none', '-bios', rom('exits'))):
            self.run_badly(*wrapper[1:], COALPORT, *options, program=wrapper[0], status=HOST, says=says)

    def test_absent(self):
        wrapper = ['env'] if not os.path.exists('/dev/kvm') else namespace('mount -t tmpfs none /dev')
        if not wrapper:
            self.skipTest('cannot hide /dev/kvm: no mount namespaces here')
        self.both(wrapper, '/dev/kvm: No such file or directory')

    def test_something_else(self):
        wrapper = os.path.exists('/dev/kvm') and namespace('mount --bind /dev/null /dev/kvm')
        if not wrapper:
            self.skipTest('cannot put something else at /dev/kvm: no mount namespaces here')
        self.both(wrapper, '/dev/kvm: not KVM')

    def test_no_permission(self):
        user = Unprivileged(self)
        access = [*user.how] and subprocess.run(['test', '-w', '/dev/kvm'], check=False, **user.how).returncode
        if not os.path.exists('/dev/kvm'):
            self.skipTest(no_kvm())
        if not access and (user.how or os.access('/dev/kvm', os.W_OK)):
            self.skipTest('everybody may use /dev/kvm here')
        ended = user.run('-nodefaults', '-display', 'none')
        self.check_refusal(ended, HOST, '/dev/kvm: Permission denied')


class Files(Test):
    """Files that are not what they should be. None of this needs KVM."""

    def refused(self, *options, says):
        self.run_badly(*STILL, *options, status=HOST, says=says)

    def fifo(self):
        os.mkfifo(self.path('fifo'))
        return self.path('fifo')

    def test_firmware(self):
        for path, says in ((self.path('missing'), 'No such file or directory'),
                           (self.file('empty'), 'empty'),
                           (self.file('short', size=1000), 'truncated'),
                           (self.file('odd', size=65536 + 512), 'truncated'),
                           (self.file('long', size=17 << 20), 'too large'),
                           (self.folder, 'not a regular file'),
                           (self.fifo(), 'not a regular file'),
                           ('/dev/zero', 'not a regular file')):
            with self.subTest(path=path):
                self.refused('-bios', path, says=f'{path}: ')
                self.refused('-bios', path, says=says)

    def test_fw_cfg(self):
        for path, says in ((self.path('missing'), 'No such file or directory'),
                           (self.file('long', size=65 << 20), 'not a regular file of at most 64 MiB'),
                           (self.folder, 'not a regular file'),
                           (self.fifo(), 'not a regular file'),
                           ('/dev/zero', 'not a regular file')):
            with self.subTest(path=path):
                self.refused('-fw_cfg', f'name=opt/a,file={path}', says=f'{path}: {says}')

    def test_disk(self):
        for path, says in ((self.path('missing'), 'No such file or directory'),
                           (self.file('empty'), 'empty'),
                           (self.file('odd', b'x' * 1000), 'not a multiple of 512'),
                           (self.folder, 'is a directory'),
                           (self.fifo(), 'neither a regular file nor a block device'),
                           ('/dev/null', 'neither a regular file nor a block device')):
            with self.subTest(path=path):
                self.refused('-drive', f'file={path},format=raw,if=virtio', says=f'{path}: ')
                self.refused('-drive', f'file={path},format=raw,if=virtio', says=says)
        disguised = self.file('disguised', b'QFI\xfb' + b'x' * 508)
        self.refused('-drive', f'file={disguised},if=virtio', says='say format=qcow2, or format=raw')
        self.assertFalse(os.path.exists(self.path('missing')))
        self.assertEqual(self.content('odd'), 'x' * 1000)
        self.assertEqual(self.content('empty'), '')

    def test_disk_that_may_not_be_written(self):
        user = Unprivileged(self)
        disk = self.file('disk', b'x' * 512)
        os.chmod(disk, 0o444)
        drive = f'file={disk},format=raw,if=virtio'
        self.check_refusal(user.run(*STILL, '-drive', drive), HOST, f'{disk}: Permission denied for writing')
        with Machine(*STILL, '-drive', drive + ',readonly=on', '-pidfile', self.path('there'),
                     program=user.program, **user.how) as machine:
            # The folder is not that user's: it gets as far as the pidfile, which comes after the disk.
            if user.how:
                self.check_refusal(machine.end(), HOST, f'{self.path("there")}: Permission denied')
            else:
                self.wait_until_there(machine)
                self.assertEqual(machine.terminate().status, 0)
        self.assertEqual(self.content('disk'), 'x' * 512)

    def wait_until_there(self, machine):
        """The disks and sockets are open when the pidfile is written."""
        machine.wait_until(lambda: self.content('there'))

    def test_disk_that_another_machine_has(self):
        disk = self.file('disk', os.urandom(64 * 512))
        before = checksum(disk)
        for mine, others, works in (('off', 'off', False), ('off', 'on', False), ('on', 'off', False),
                                    ('on', 'on', True)):
            drive = f'file={disk},format=raw,if=virtio,readonly='
            with self.subTest(mine=mine, others=others), \
                    Machine(*STILL, '-drive', drive + mine, '-pidfile', self.path('there')) as machine:
                self.wait_until_there(machine)
                if works:
                    with Machine(*STILL, '-drive', drive + others, '-pidfile', self.path('too')) as other:
                        other.wait_until(lambda: self.content('too'))
                        self.assertEqual(other.terminate().status, 0)
                else:
                    self.refused('-drive', drive + others, says=f'{disk}: locked by another process')
                self.assertEqual(machine.terminate().status, 0)
        # The same one twice in one machine is no better.
        self.refused('-drive', drive + 'off', '-drive', drive + 'off', says=f'{disk}: ')
        self.assertEqual(checksum(disk), before)

    def test_output_in_a_missing_folder(self):
        path = self.path('missing/file')
        for options in (('-pidfile', path), ('-D', path), ('-serial', f'file:{path}'),
                        ('-debugcon', f'file:{path}')):
            with self.subTest(options=options):
                self.refused(*options, says=f'{path}: ')

    # Each option that names a file to write to, and how.
    OUTPUTS = (('-D', '{}'), ('-serial', 'file:{}'), ('-debugcon', 'file:{}'), ('-exits', 'text,file={}'),
               ('-qtest-log', '{}'), ('-chardev', 'file,id=f,path={}'))

    def outputs(self, path):
        """The options of a machine without KVM for each of them, but for -exits, which has one with KVM."""
        for option, form in self.OUTPUTS:
            machine = ('-S', '-nodefaults', '-display', 'none') if option == '-exits' else STILL
            more = ('-qtest', 'null') if option == '-qtest-log' else ()
            yield (*machine, option, form.format(path), *more)

    def test_pidfile_that_nobody_reads(self):
        self.refused('-pidfile', self.fifo(), says='fifo: ')

    def test_output_that_nobody_reads(self):
        path = self.fifo()
        for options in self.outputs(path):
            with self.subTest(options=options):
                self.run_badly(*options, status=HOST, says=f'{path}: nobody reads it')

    def test_output_that_is_no_file(self):
        for options in self.outputs(self.folder):
            with self.subTest(options=options):
                self.run_badly(*options, status=HOST, says=f'{self.folder}: is a directory')

    def test_output_that_is_read_as_well(self):
        """A disk, firmware or blob that is also to be written to, under whatever name."""
        path = self.file('file', size=65536)
        before = checksum(path)
        os.symlink(path, self.path('link'))
        os.link(path, self.path('other'))
        for name in ('file', 'link', 'other'):
            for options in self.outputs(self.path(name)):
                for more in (('-drive', f'file={path},format=raw,if=virtio'), ('-bios', path),
                             ('-fw_cfg', f'name=opt/a,file={path}')):
                    with self.subTest(options=options, more=more):
                        self.run_badly(*options, *more, status=HOST, says=f'{path}: is the file of both {more[0]} and')
        with open(path, 'ab') as out:
            self.run_badly(*STILL, '-drive', f'file={path},format=raw,if=virtio', status=HOST, stdout=out,
                           says='is the file of both -drive and standard output')
        self.assertEqual(checksum(path), before)

    def test_output_of_two_options(self):
        for name, content in (('new', None), ('old', b'precious')):
            path = self.path(name)
            if content:
                self.file(name, content)
            for one, form in self.OUTPUTS[:2]:
                self.refused('-debugcon', f'file:{path}', one, form.format(path), says=f'{path}: is the file of both')
            self.refused('-pidfile', path, '-D', path, says=f'{path}: is the file of both -pidfile and -D')
            self.assertEqual(self.content(name), content.decode() if content else '')
        # What many may write to is no such file.
        with Machine(*STILL, '-D', '/dev/null', '-serial', 'file:/dev/null', '-debugcon', 'file:/dev/null',
                     '-pidfile', self.path('there')) as machine:
            self.wait_until_there(machine)
            self.assertEqual(machine.terminate().status, 0)

    def test_pidfile_that_is_something_else(self):
        for content in (b'precious', b'12 monkeys\n', b'1\n2\n3x', b'1' * 40, b'1\0'):
            self.file('file', content)
            self.refused('-pidfile', self.path('file'), says='file: holds something else than a process number')
            with open(self.path('file'), 'rb') as file:
                self.assertEqual(file.read(), content)

    def test_second_start(self):
        """What a running machine writes to is as it was after a second start that is refused."""
        disk = self.file('disk', size=65536)
        drive = ('-drive', f'file={disk},format=raw,if=virtio')
        outputs = ('-D', self.path('log'), '-serial', f'file:{self.path("serial")}', '-debugcon',
                   f'file:{self.path("debug")}', '-qtest', f'unix:{self.path("qtest")},server=on,wait=off',
                   '-qtest-log', self.path('qtest-log'), '-pidfile', self.path('there'))
        names = ('log', 'serial', 'debug', 'qtest-log', 'there')
        with Machine(*STILL, *drive, *outputs) as machine:
            self.wait_until_there(machine)
            for name in names[:-1]:
                with open(self.path(name), 'ab') as file:
                    file.write(b'said by the first\n')
            before = {name: checksum(self.path(name)) for name in names}
            self.run_badly(*STILL, *drive, *outputs, status=HOST)
            # The lock of the disk is found by those that share nothing else.
            for name in names[:-1]:
                self.file(f'own-{name}', b'precious')
            self.refused(*drive, '-D', self.path('log'), '-serial', f'file:{self.path("own-serial")}', '-debugcon',
                         f'file:{self.path("own-debug")}', says='locked by another process')
            for name in ('serial', 'debug'):
                self.assertEqual(self.content(f'own-{name}'), 'precious')
            for options in self.outputs(self.path('serial')):
                if options[-2] != '-D':
                    self.run_badly(*options, status=HOST, says='another machine writes to it')
            self.assertEqual({name: checksum(self.path(name)) for name in names}, before)
            self.assertEqual(machine.terminate().status, 0)

    def test_pidfile_of_another_machine(self):
        path = self.path('there')
        with Machine(*STILL, '-pidfile', path) as machine:
            self.wait_until_there(machine)
            self.refused('-pidfile', path, says=f'{path}: ')
            self.assertEqual(self.content('there'), f'{machine.process.pid}\n')
            self.assertEqual(machine.terminate().status, 0)
        self.assertFalse(os.path.exists(path))

    def test_socket_where_a_file_is(self):
        path = self.file('file', b'precious')
        self.refused('-serial', f'unix:{path},server=on,wait=off', says=f'{path}: ')
        self.assertEqual(self.content('file'), 'precious')

    def test_socket_that_nobody_serves(self):
        self.refused('-serial', f'unix:{self.path("missing")}', says='No such file or directory')

    def test_socket_of_another_machine(self):
        path = self.path('socket')
        serial = ('-serial', f'unix:{path},server=on,wait=off')
        with Machine(*STILL, *serial, '-pidfile', self.path('there')) as machine:
            self.wait_until_there(machine)
            self.refused(*serial, says=f'{path}: ')
            self.assertTrue(os.path.exists(path))
            self.assertEqual(machine.terminate().status, 0)
        self.assertFalse(os.path.exists(path))


class StandardOutput(Test):
    """Output that has nowhere to go, where no guest is needed for it."""

    PRINTS = (('-help',), ('-version',), ('-device', 'help'), ('-M', 'pc,coalesce=list'))

    def test_full(self):
        for options in self.PRINTS:
            with self.subTest(options=options), open('/dev/full', 'wb') as full:
                self.run_badly(*options, stdout=full, status=HOST, says='standard output: No space left')

    def test_closed(self):
        for options in (*self.PRINTS, ('-m', '0'), ()):
            with self.subTest(options=options):
                self.run_badly('-c', 'exec "$@" >&-', 'sh', COALPORT, *options, program='/bin/sh', status=HOST,
                               says='standard output is closed')

    def test_errors_closed(self):
        """Nobody to tell: the status still says it, and no file of ours is taken for standard error."""
        script = 'exec "$@" 2>&-'
        ended = run('-c', script, 'sh', COALPORT, '-m', '0', program='/bin/sh')
        self.assertEqual((ended.status, ended.out), (USAGE, ''))
        disk = self.file('disk', b'x' * 1000)
        ended = run('-c', script, 'sh', COALPORT, *STILL, '-drive', f'file={disk},if=virtio', program='/bin/sh')
        self.assertEqual((ended.status, ended.out), (HOST, ''))
        self.assertEqual(self.content('disk'), 'x' * 1000)

    def test_input_closed(self):
        self.run_well('-c', 'exec "$@" <&-', 'sh', COALPORT, '-M', 'pc,coalesce=list', program='/bin/sh')


main()
