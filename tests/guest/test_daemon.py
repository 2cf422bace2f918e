# SPDX-License-Identifier: MIT
"""Machines under a manager: in the background, as another user, with back-ends by pty, TCP and telnet."""
import base64
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from machine import COALPORT, PATIENCE, Machine, Test, main
from qmp import Qmp

STILL = ('-accel', 'qtest', '-S', '-nodefaults', '-display', 'none')
NOBODY = 65534
as_root = unittest.skipIf(os.geteuid(), 'only root may become another user')


class Daemon(Test):
    def background(self, *options, **how):
        """Starts one and gives its number; it ends with the test."""
        ended = subprocess.run([COALPORT, *STILL, '-daemonize', '-pidfile', 'pid', *options], cwd=self.folder,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, **how)
        self.assertEqual((ended.returncode, ended.stderr), (0, ''), ended)
        pid = int(self.content('pid'))
        self.addCleanup(self.end, pid)
        self.out = ended.stdout
        return pid

    def end(self, pid):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        end = time.monotonic() + PATIENCE
        while os.path.exists(f'/proc/{pid}') and open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z':
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def connect(self, name):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path(name))
        return Qmp(client)

    def status(self, pid, name):
        with open(f'/proc/{pid}/status') as file:
            return re.search(rf'(?m)^{name}:\s*(.*)$', file.read())[1].split()

    def test_ready_when_it_returns(self):
        """Sockets listen, the file of the number is there; relative paths mean where it was started."""
        pid = self.background('-qmp', 'unix:qmp,server=on,wait=off')
        self.assertEqual(os.readlink(f'/proc/{pid}/cwd'), '/')
        for fd in range(3):
            self.assertEqual(os.readlink(f'/proc/{pid}/fd/{fd}'), '/dev/null')
        qmp = self.connect('qmp')
        qmp.execute('qmp_capabilities')
        self.assertIn('return', qmp.execute('query-status'))
        qmp.close()
        self.assertEqual(os.getsid(pid) == os.getsid(0), False)
        self.end(pid)
        self.assertEqual(os.listdir(self.folder), [], 'nothing is left behind')

    def test_failure_is_known_when_it_returns(self):
        for options, says in ((('-bios', 'missing'), 'missing: No such file'),
                              (('-qmp', 'unix:no/such,server=on,wait=off'), 'no/such'),
                              (('-chroot', self.path('none')), 'chroot failed'),
                              (('-runas', 'no such'), 'doesn\'t exist (and is not <uid>:<gid>)')):
            ended = self.run_badly(*STILL, '-daemonize', '-pidfile', self.path('pid'), *options, status=1, says=says)
            self.assertEqual(ended.err.count('\n'), 1, str(ended))
            self.assertFalse(os.path.exists(self.path('pid')))

    def test_what_needs_a_terminal(self):
        for options, says in ((('-nographic',), '-nographic cannot be used with -daemonize'),
                              (('-display', 'none', '-serial', 'stdio'), 'cannot use stdio with -daemonize'),
                              (('-display', 'none', '-serial', 'mon:stdio'), 'cannot use stdio with -daemonize'),
                              (('-display', 'curses'), 'curses display cannot be used with -daemonize')):
            self.run_badly('-accel', 'qtest', '-daemonize', *options, status=2, says=says)

    @as_root
    def test_another_user(self):
        pid = self.background('-runas', f'{NOBODY}:{NOBODY}')
        self.assertEqual(self.status(pid, 'Uid'), [str(NOBODY)] * 4)
        self.assertEqual(self.status(pid, 'Gid'), [str(NOBODY)] * 4)
        self.assertEqual(self.status(pid, 'Groups'), [str(NOBODY)])

    @as_root
    def test_another_root(self):
        os.mkdir(self.path('jail'))
        pid = self.background('-chroot', 'jail', '-runas', 'nobody')
        self.assertEqual(os.readlink(f'/proc/{pid}/root'), self.path('jail'))
        self.assertEqual(self.status(pid, 'Uid')[0], str(NOBODY))

    @as_root
    def test_nobody_may_not(self):
        for options, says in ((('-runas', '1:1'), 'Failed to setgid(1)'), (('-chroot', '/'), 'chroot failed')):
            ended = subprocess.run([COALPORT, *STILL, *options], user=NOBODY, group=NOBODY, capture_output=True,
                                   text=True, timeout=PATIENCE, cwd='/')
            self.assertEqual(ended.returncode, 1, ended)
            self.assertIn(says, ended.stderr)


class BackEnds(Test):
    def begin(self, *options, **how):
        ours, theirs = socket.socketpair()
        with theirs:
            fds = (theirs.fileno(), *how.pop('pass_fds', ()))
            machine = Machine(*STILL, '-chardev', f'socket,id=mon,fd={theirs.fileno()}', '-mon', 'mon,mode=control',
                              *options, pass_fds=fds, **how)
        self.addCleanup(machine.kill)
        self.qmp = Qmp(ours)
        self.addCleanup(self.qmp.close)
        self.qmp.execute('qmp_capabilities')
        return machine

    def names(self):
        return {entry['label']: entry['filename'] for entry in self.qmp.execute('query-chardev')['return']}

    def test_pty_is_told(self):
        machine = self.begin('-serial', 'pty', '-chardev', 'pty,id=x')
        path = machine.wait_for(r'char device redirected to (/dev/pts/\d+) \(label serial0\)\n')[1]
        self.assertEqual(self.names()['serial0'], 'pty:' + path)
        machine.wait_for(r'char device redirected to /dev/pts/\d+ \(label x\)\n')

    def test_listening_descriptor(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            fd = listener.fileno()
            self.begin('-chardev', f'socket,id=x,fd={fd},server=on,wait=off', '-qmp', 'chardev:x', pass_fds=(fd,))
            for _ in range(2):
                client = Qmp(socket.create_connection(listener.getsockname()))
                client.execute('qmp_capabilities')
                self.assertIn('return', client.execute('query-status'))
                client.close()

    def test_telnet_monitor(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
        self.begin('-qmp', f'telnet:127.0.0.1:{port},server=on,wait=off')
        with socket.create_connection(('127.0.0.1', port)) as client:
            client.settimeout(PATIENCE)
            got = b''
            while len(got) < 20:
                got += client.recv(100)
        self.assertEqual(got[:12], bytes((255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0)))
        self.assertEqual(got[12:20], b'{"QMP":{')

    def test_ring_buffer(self):
        self.begin('-chardev', 'ringbuf,id=ring,size=8')
        self.assertEqual(self.qmp.execute('ringbuf-write', device='ring', data='0123456789')['return'], {})
        self.assertEqual(self.qmp.execute('ringbuf-read', device='ring', size=3)['return'], '234')
        text = base64.b64encode(b'\xff\x00').decode()
        self.qmp.execute('ringbuf-write', device='ring', data=text, format='base64')
        read = self.qmp.execute('ringbuf-read', device='ring', size=100, format='base64')['return']
        self.assertEqual(base64.b64decode(read), b'56789\xff\x00')
        self.assertIn('not a ringbuf', self.qmp.execute('ringbuf-read', device='mon', size=1)['error']['desc'])

    def test_added_and_removed(self):
        self.begin()
        pty = self.qmp.execute('chardev-add', id='p', backend={'type': 'pty', 'data': {}})['return']['pty']
        self.assertEqual(self.names()['p'], 'pty:' + pty)
        again = self.qmp.execute('chardev-add', id='p', backend={'type': 'null', 'data': {}})
        self.assertIn('already exists', again['error']['desc'])
        unix = {'type': 'unix', 'data': {'path': self.path('s')}}
        self.qmp.execute('chardev-add', id='s', backend={'type': 'socket', 'data': {'addr': unix, 'server': True}})
        self.assertEqual(self.names()['s'], f'disconnected:unix:{self.path("s")},server=on')
        self.assertIn('busy', self.qmp.execute('chardev-remove', id='mon')['error']['desc'])
        for label in ('p', 's'):
            self.assertEqual(self.qmp.execute('chardev-remove', id=label)['return'], {})
        self.assertFalse(os.path.exists(self.path('s')))
        self.assertEqual(list(self.names()), ['mon'])

    def test_refused(self):
        for option, value, says in (
                ('-chardev', 'socket,id=x', 'one of them'), ('-chardev', 'socket,id=x,path=a,fd=3', 'one of them'),
                ('-chardev', 'socket,id=x,host=a', 'needs port=N'), ('-serial', 'tcp:foo', 'not HOST:PORT'),
                ('-chardev', 'socket,id=x,path=a,server=on,reconnect=1', 'reconnect: only with'),
                ('-chardev', 'socket,id=x,path=a,nodelay=on', 'nodelay: only with'),
                ('-chardev', 'ringbuf,id=x,size=3', 'power of two'), ('-chardev', 'pipe,id=x', 'needs path'),
                ('-chardev', 'pty,id=x,path=y', 'path: unknown property of pty')):
            self.run_badly(*STILL, option, value, status=2, says=says)


class ForManagers(Test):
    def test_timestamps(self):
        ended = Machine(*STILL, '-msg', 'timestamp=on', '-bios', self.path('missing')).end()
        self.assertRegex(ended.err, r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z coalport: ')

    def test_accepted(self):
        for options in (('-name', 'guest=x,process=y,debug-threads=on'), ('-overcommit', 'mem-lock=off,cpu-pm=off'),
                        ('-no-hpet',), ('-k', 'en-us'), ('-boot', 'strict=on'), ('-mem-prealloc',),
                        ('-msg', 'timestamp=off')):
            self.run_well(*options, '-version')

    def test_refused(self):
        for option, value in (('-k', 'de'), ('-overcommit', 'cpu-pm=on'), ('-msg', 'x=on'), ('-name', 'x=y,z=1'),
                              ('-boot', 'strict=maybe')):
            self.run_badly(option, value, '-version', status=2)
        self.run_badly(*STILL, '-mem-path', '/nonexistent', status=1, says='-mem-path /nonexistent: No such file')

    def test_process_name(self):
        with Machine(*STILL, '-name', 'guest=x,process=other', '-pidfile', self.path('pid')) as machine:
            machine.wait_until(lambda: self.content('pid').endswith('\n'))
            with open(f'/proc/{machine.process.pid}/comm') as comm:
                self.assertEqual(comm.read(), 'other\n')

    def test_memory_in_a_file(self):
        with Machine(*STILL, '-m', '16', '-mem-path', self.folder, '-mem-prealloc', '-pidfile',
                     self.path('pid')) as machine:
            machine.wait_until(lambda: self.content('pid').endswith('\n'))
            with open(f'/proc/{machine.process.pid}/maps') as maps:
                self.assertIn(f'{self.folder}/coalport_mem.', maps.read())
            self.assertEqual(os.listdir(self.folder), ['pid'])

    def test_file_of_options(self):
        disk = self.file('a,b.img', size=1 << 20)
        text = f'# disks\n[drive "d"]\n  file = "{disk}"\n  format = "raw"\n  if = "none"\n' \
               f'[device "v"]\n  driver = "virtio-blk-pci"\n  drive = "d"\n[machine]\n  type = "pc"\n[name]\nguest = "x"\n'
        config = self.file('config', text.encode())
        with Machine(*STILL, '-readconfig', config, '-pidfile', self.path('pid')) as machine:
            machine.wait_until(lambda: self.content('pid').endswith('\n'))
            self.assertEqual(machine.terminate().status, 0)

    def test_file_of_nonsense(self):
        for text, says in (('x = "y"', ':1: no group defined'), ('[drive', ':1: parse error'),
                           ('[nonsense]\n', ':1: there is no such group'), ('[drive "x"]\nfile = y', ':2: parse error'),
                           ('[name]\nfoo = "x"', 'foo: unknown property'), ('[S]', 'no such group')):
            config = self.file('config', text.encode())
            self.run_badly(*STILL, '-readconfig', config, status=2, says=says)
        self.run_badly(*STILL, '-readconfig', self.path('none'), status=2, says='No such file')


main()
