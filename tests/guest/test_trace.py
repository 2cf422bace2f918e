# SPDX-License-Identifier: MIT
"""coalport trace, against what our own counters say, and what guests are known to do."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

from machine import COALPORT, Machine, PATIENCE, Test, guest, main, needs_kvm, run

QEMU = shutil.which('qemu-system-x86_64')
BIOS = '/usr/share/seabios/bios-256k.bin'
NOBODY = 0x2340
WINDOW = 0x80000000
PM1_CONTROL = 0x604
COUNT = 100
METHODS = ('bpf', 'records')

# What guests/touch does COUNT times of: kind, address, direction, width: exits, served in the kernel.
TOUCHED = {
    **{('port', NOBODY, way, width): (1, 0) for way in ('read', 'write') for width in (1, 2, 4)},
    ('port', 0x40, 'read', 1): (0, 2),
    ('port', NOBODY + 8, 'write', 1): (1, 0),
    ('port', NOBODY + 12, 'write', 1): (1, 0),
    ('port', NOBODY + 12, 'read', 1): (1, 0),
    ('port', 0x70, 'write', 1): (0, 1),
    ('port', 0x71, 'read', 1): (1, 0),
    ('port', 0x3f9, 'write', 1): (2, 0),
    ('memory', WINDOW + 0x10, 'write', 1): (1, 0),
    ('memory', WINDOW + 0x20, 'write', 2): (1, 0),
    ('memory', WINDOW + 0x30, 'write', 4): (1, 0),
    ('memory', WINDOW + 0x1010, 'read', 1): (1, 0),
    ('memory', WINDOW + 0x1020, 'read', 4): (1, 0),
    ('memory', WINDOW + 0x2ffe, 'write', 2): (1, 0),
    ('memory', WINDOW + 0x3000, 'write', 2): (1, 0),
    ('memory', 0xfee00030, 'read', 4): (0, 1),
}


class Watched(Machine):
    """A guest that waits until somebody watches."""

    def __init__(self, folder, name, parameters, *more, program=COALPORT, **how):
        self.path = os.path.join(folder, f'{name}-{len(os.listdir(folder))}.qmp')
        super().__init__(*guest(name, parameters, '-S', '-qmp', f'unix:{self.path},server=on,wait=off', *more),
                         program=program, **how)
        # The socket is there before anybody listens on it.
        self.wait_until(self.connect)
        self.qmp = self.connection.makefile('rwb')
        self.qmp.readline()
        self.execute('qmp_capabilities')

    def connect(self):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(PATIENCE)
        try:
            self.connection.connect(self.path)
            return True
        except OSError:
            self.connection.close()
            return False

    def execute(self, command):
        self.qmp.write(json.dumps({'execute': command}).encode())
        self.qmp.flush()
        while 'return' not in (reply := json.loads(self.qmp.readline())):
            pass
        return reply['return']

    def close(self):
        if hasattr(self, 'qmp'):
            self.qmp.close()
            self.connection.close()
        super().close()


def trace(machine, *options):
    """Watches a guest; comes back when it does."""
    watching = Machine('trace', *(['-p', str(machine.process.pid)] if machine else ['--all']), *options)
    watching.wait_for(r'watching .*\n', 'err')
    return watching


def by_key(report, pid=None):
    """Rows as in TOUCHED."""
    rows = {}
    for row in report['rows']:
        if pid in (None, row.get('pid')):
            rows[row['space'], row['addr'], row['direction'], row['width']] = (row['exits'], row.get('in_kernel', 0))
    return rows


def qemu(*options):
    return ('-accel', 'kvm', '-global', 'kvm-pit.lost_tick_policy=discard', *options)


@needs_kvm
class Trace(Test):
    @classmethod
    def setUpClass(cls):
        """Whoever may not watch learns it in one line, and the rest is skipped."""
        cls.refused = {}
        with Machine(*guest('exits', 'do=halt')) as machine:
            machine.wait_for('exits: halt')
            for method in METHODS:
                ended = run('trace', '-p', str(machine.process.pid), '--for', '1ms', '--method', method)
                if ended.status == 1 and any(what in ended.err for what in ('tracefs', 'perf events', 'BPF: ')):
                    cls.refused[method] = ended.err.strip()
        if 'records' in cls.refused:
            raise unittest.SkipTest(cls.refused['records'])

    def report(self, watching):
        ended = watching.end()
        self.assertEqual(ended.status, 0, str(ended))
        self.assertRegex(ended.err, r'\Acoalport: trace: watching [^\n]*\n\Z')
        return json.loads(ended.out)

    def no_loss(self, report):
        for what in ('lost', 'bad_records', 'unmatched', 'undecided'):
            self.assertEqual(report['trace'][what], 0, what)

    def methods(self):
        """Those that this host and this build have, each as a subtest."""
        for method in METHODS:
            if method not in self.refused:
                with self.subTest(method=method):
                    yield method

    def test_own_counters(self):
        """The guest's exits as counted inside and outside of the program."""
        for method in self.methods():
            for coalesce in ('on', 'off'):
                with self.subTest(coalesce=coalesce):
                    self.compare(method, coalesce)

    def compare(self, method, coalesce):
        own = self.path(f'{method}-{coalesce}.json')
        with Watched(self.folder, 'rtcbench', 'count=3000 samples=50', '-M', f'pc,coalesce={coalesce}',
                     '-exits', f'json,file={own}') as machine:
            watching = trace(machine, '--json', '--method', method)
            machine.execute('cont')
            report = self.report(watching)
            self.assertEqual(machine.end().status, 0)
        self.no_loss(report)
        self.assertEqual(report['trace']['method'], method)
        self.assertEqual(report['trace']['ended'], 'the process ended')
        self.assertEqual(len(report['rows']), len(by_key(report)))
        outside, following = {}, {}
        for (space, addr, way, _), (exits, in_kernel) in by_key(report).items():
            self.assertEqual(space, 'port')
            counts = outside.get((addr, way), (0, 0))
            outside[addr, way] = (counts[0] + exits, counts[1] + in_kernel)
        for row in report['rows']:
            if row['exits'] >= 1000:
                following[row['addr'], row['direction']] = row['next']['addr'], row['next']['direction']
        with open(own, encoding='utf-8') as file:
            inside = json.load(file)
        counted = {}
        for row in inside['rows']:
            self.assertEqual(row['space'], 'port')
            place = row['addr'], row['direction']
            counts = counted.get(place, (0, 0))
            counted[place] = (counts[0] + row['exits'], counts[1] + row.get('coalesced', 0))
            if row['exits'] >= 1000:
                self.assertEqual(following.pop(place), (row['next']['addr'], row['next']['direction']), place)
        self.assertEqual(following, {})
        self.assertEqual(outside, counted)
        self.assertEqual(report['in_kernel'], inside['coalesced'])
        # 3000 pairs, and 50 samples of two kinds, one of them with two writes.
        self.assertEqual(outside[0x70, 'write'], (0, 3150) if coalesce == 'on' else (3150, 0))

    def touched(self, method, program, *more, sweep=0):
        with Watched(self.folder, 'touch', f'count={COUNT} sweep={sweep}', *more, program=program) as machine:
            watching = trace(machine, '--json', '--method', method)
            machine.execute('cont')
            report = self.report(watching)
            machine.end()
        self.no_loss(report)
        return report

    def check_touched(self, rows, times=COUNT, lent=False):
        """lent: where nobody is, a guest that keeps writing gets a zone, and its writes stay in the kernel."""
        for key, counts in TOUCHED.items():
            expected = tuple(times * count for count in counts)
            if lent and key[2] == 'write' and counts[0]:
                self.assertEqual(sum(rows[key]), expected[0], key)
            else:
                self.assertEqual(rows.get(key), expected, key)

    def check_order(self, report, times=COUNT):
        """Which writes raised interrupts, and what came next."""
        rows = {(row['space'], row['addr'], row['direction'], row['width']): row for row in report['rows']}
        self.assertEqual({key: row['interrupts'] for key, row in rows.items() if 'interrupts' in row},
                         {('port', 0x3f9, 'write', 1): times})
        following = rows['memory', WINDOW + 0x1010, 'read', 1]['next']
        self.assertEqual((following['space'], following['addr'], following['direction']),
                         ('memory', WINDOW + 0x1020, 'read'))
        self.assertGreaterEqual(following['count'], times // 2)

    def test_what_a_guest_did(self):
        for method in self.methods():
            report = self.touched(method, COALPORT)
            rows = by_key(report)
            self.check_touched(rows, lent=True)
            self.check_order(report)
            self.assertGreater(rows['port', NOBODY, 'write', 1][1], COUNT // 2)

    @unittest.skipIf(not QEMU, 'qemu-system-x86_64 is not installed')
    def test_what_a_guest_of_qemu_did(self):
        """The same by both methods, row by row."""
        counted = {}
        for method in self.methods():
            report = self.touched(method, QEMU, *qemu())
            counted[method] = by_key(report), report['exits'], report['reasons']
            self.check_touched(by_key(report))
            self.check_order(report)
        for method, counts in counted.items():
            self.assertEqual(counts, counted['records'], method)

    def test_times(self):
        """Of reads always; a bound at least of writes. Counted in the kernel, of the first ones only."""
        for method in self.methods():
            report = self.touched(method, COALPORT)
            for row in report['rows']:
                times = row.get('times')
                samples = times['samples'] if times else 0
                if method == 'records':
                    self.assertEqual(samples, row['exits'])
                self.assertLessEqual(samples, row['exits'])
                if times:
                    # Behind the write that switches off the guest is not entered again.
                    entered = report['trace']['kvm_entry'] and row['addr'] != PM1_CONTROL
                    self.assertEqual(times['bound'] == 'upper',
                                     not entered and row['direction'] == 'write' and
                                     row['addr'] != WINDOW + 0x2ffe, row)
                    self.assertLessEqual(times['min_us'], times['p50_us'])
                    self.assertLessEqual(times['p50_us'], times['p99_us'])
                    self.assertLessEqual(times['p99_us'], times['max_us'])
            self.assertGreaterEqual(sum(row['times']['samples'] for row in report['rows'] if 'times' in row), 900)

    def test_hostile(self):
        """All ports there are and a gigabyte, in a table of a fixed size, and no count lost. Ends by Ctrl-C."""
        for method in self.methods():
            self.flood(method)

    def flood(self, method):
        with Watched(self.folder, 'touch', f'count={COUNT} sweep=1', '-no-shutdown') as machine:
            watching = trace(machine, '--json', '--method', method)
            machine.execute('cont')
            machine.wait_for('touch done')
            # An access that is under way when the watching ends has lost its other half.
            machine.wait_until(lambda: machine.execute('query-status')['status'] == 'shutdown')
            with open(f'/proc/{watching.process.pid}/status', encoding='ascii') as file:
                status = dict(line.split(':', 1) for line in file)
            watching.send(signal.SIGINT)
            report = self.report(watching)
        self.no_loss(report)
        self.assertEqual(report['trace']['ended'], 'stopped by a signal')
        self.assertLessEqual(len(report['rows']), 2048)
        self.assertLess(int(status['VmHWM'].split()[0]), 200 << 10)
        swept = 65536 + 0x10000 - 0x1000 - 0x200 - 1 + (1 << 30 >> 14)
        exits = sum(row['exits'] for row in report['rows']) + report['other']['exits']
        self.assertEqual(exits, report['reasons']['io'] + report['reasons']['mmio'])
        self.assertGreater(exits, swept)
        self.assertLess(exits, swept + 3000)

    def test_dies_midway(self):
        with Watched(self.folder, 'rtcbench', 'count=100000000 samples=2') as machine:
            watching = trace(machine)
            machine.execute('cont')
            machine.wait_for('write_0xcf8')
            machine.send(signal.SIGKILL)
            ended = watching.end()
        self.assertEqual(ended.status, 0, str(ended))
        self.assertIn(', the process ended\n', ended.out)
        self.assertRegex(ended.out, r'mc146818rtc data +in ')

    def test_counts_in_the_kernel(self):
        """Not to have the method that costs little is no failure, but is to be known."""
        if 'bpf' in self.refused:
            self.skipTest(self.refused['bpf'])

    @unittest.skipIf(os.geteuid() or not shutil.which('unshare'), 'not root, or no unshare')
    def test_in_a_container(self):
        """Where processes have numbers of their own, the kernel's counter would take them for others."""
        if 'bpf' in self.refused:
            self.skipTest(self.refused['bpf'])
        inside = ('--fork', '--pid', '--mount-proc', COALPORT, 'trace', '--all')
        self.check_refusal(run(*inside, '--method', 'bpf', program='unshare'), 1, 'not the host')
        self.check_refusal(run(*inside, program='unshare'), 1, 'no process runs a KVM guest')

    def test_for_a_time(self):
        with Machine(*guest('ticker', 'seconds=0')) as machine:
            machine.wait_for('embedded guest')
            watching = trace(machine, '--for', '300ms', '--top', '1')
            ended = watching.end()
            self.assertIsNone(machine.process.poll())
            self.assertEqual(ended.status, 0)
            self.assertRegex(ended.out, r'\Aprocess \d+ \(coalport\), vCPUs seen: 1, 0\.[3-9] s\n'
                             if ended.seconds < 1 else r'\Aprocess ')
            self.assertEqual(run('trace', '-p', str(machine.process.pid), '--once', '--interval', '50ms').status, 0)

    @unittest.skipIf(not QEMU, 'qemu-system-x86_64 is not installed')
    def test_pci_names(self):
        """Where SeaBIOS puts the VGA's registers, the monitor knows; all that it touches beside them, we know."""
        ours, theirs = self.path('ours.qmp'), self.path('theirs.qmp')
        sockets = [word for path in (ours, theirs) for word in ('-qmp', f'unix:{path},server=on,wait=off')]
        with Machine('-M', 'pc', '-nodefaults', '-display', 'none', '-m', '16', '-vga', 'std', '-S', *sockets, *qemu(),
                     program=QEMU) as machine:
            machine.wait_until(lambda: os.path.exists(theirs))
            watching = trace(machine, '--json', '--interval', '100ms', '--qmp', theirs)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(ours)
                connection.sendall(b'{"execute": "qmp_capabilities"} {"execute": "cont"}')
                watching.wait_for(r'VGA controller","register":"BAR 2 \+ 0x')
            watching.send(signal.SIGINT)
            report = json.loads(watching.end().out.splitlines()[-1])
        self.no_loss(report)
        rows = {(row['space'], row['addr']): row for row in report['rows']}
        bar = [row for row in rows.values() if row.get('register', '').startswith('BAR 2')]
        self.assertEqual({row['device'] for row in bar}, {'VGA controller'})
        self.assertEqual({row['addr'] & 0xfff for row in bar}, {int(row['register'][len('BAR 2 + '):], 16) for row in bar})
        self.assertEqual([place for place, row in rows.items() if 'device' not in row], [])

    @unittest.skipIf(not os.path.exists(BIOS), 'SeaBIOS is not installed (seabios)')
    def test_pci_names_by_our_monitor(self):
        """The registers of a disk, which SeaBIOS places and uses, have the disk's name, on both programs alike."""
        with open(self.path('disk'), 'wb') as disk:
            disk.truncate(1 << 20)
        drive = ('-drive', f'file={self.path("disk")},format=raw,if=none,id=d')
        programs = [(COALPORT, ('virtio-blk-pci,drive=d,id=disk0',))]
        if QEMU:
            programs.append((QEMU, ('virtio-blk-pci,drive=d,id=disk0,disable-legacy=on', *qemu())))
        for number, (program, more) in enumerate(programs):
            with self.subTest(program=program):
                self.check_disk_names(program, number, *drive, '-device', *more)

    def check_disk_names(self, program, number, *options):
        ours, theirs = self.path(f'ours.{number}'), self.path(f'theirs.{number}')
        sockets = [word for path in (ours, theirs) for word in ('-qmp', f'unix:{path},server=on,wait=off')]
        with Machine('-M', 'pc', '-nodefaults', '-display', 'none', '-m', '16', '-S', *sockets, *options,
                     program=program) as machine:
            machine.wait_until(lambda: os.path.exists(theirs))
            watching = trace(machine, '--json', '--interval', '100ms', '--qmp', theirs)
            with socket.socket(socket.AF_UNIX) as connection, connection.makefile('rw', encoding='utf-8') as qmp:
                connection.connect(ours)
                for word in ('qmp_capabilities', 'cont'):
                    print(json.dumps({'execute': word}), file=qmp, flush=True)
                watching.wait_for(r'"disk0","register":"BAR \d \+ 0x')
                print(json.dumps({'execute': 'query-pci'}), file=qmp, flush=True)
                while not isinstance((answer := json.loads(qmp.readline())).get('return'), list):
                    pass
            watching.send(signal.SIGINT)
            report = json.loads(watching.end().out.splitlines()[-1])
        self.no_loss(report)
        disk = next(device for device in answer['return'][0]['devices'] if device['qdev_id'] == 'disk0')
        bases = {region['bar']: region['address'] for region in disk['regions']}
        rows = [row for row in report['rows'] if row.get('device') == 'disk0']
        for row in rows:
            bar, offset = re.fullmatch(r'BAR (\d) \+ 0x([0-9a-f]+)', row['register']).groups()
            self.assertEqual(row['addr'], bases[int(bar)] + int(offset, 16), row)

    def test_monitors(self):
        """A monitor that says nonsense, or goes away: never more than a line, and the counts are there."""
        def answer(connection, texts):
            with connection, connection.makefile('rb') as lines:
                connection.sendall(b'{"QMP": {}}\n')
                for text in (b'{"return": {}}', *texts):
                    if not lines.readline():
                        return
                    connection.sendall(text + b'\n')

        bars = (b'{"return": [{"devices": [{"qdev_id": "\\u001b[2Jrtc", "regions":'
                b' [{"bar": 3, "type": "io", "address": 112, "size": 2}]}]}]}')
        for number, (texts, status, says) in enumerate((
                ([bars] * 9, 0, ''), ([bars], 0, 'it is gone; names of PCI devices are as they were'),
                ([b'{"error": {"desc": "no such command"}}'], 1, 'no such command'), ([b'[]'], 1, 'not QMP'),
                ([b'{"return": {}}'], 1, 'gives no list'), ([b'{"return": ' + b'[' * 100], 1, 'not QMP'))):
            with self.subTest(number=number), socket.socket(socket.AF_UNIX) as server:
                server.bind(path := self.path(f'{number}.qmp'))
                server.listen()
                server.settimeout(PATIENCE)
                thread = threading.Thread(target=lambda texts=texts, server=server: answer(server.accept()[0], texts))
                thread.start()
                with Machine(*guest('ticker', 'seconds=0')) as machine:
                    machine.wait_for('embedded guest|ticker|rate')
                    ended = run('trace', '-p', str(machine.process.pid), '--for', '100ms', '--qmp', path)
                thread.join()
                self.assertEqual(ended.status, status, str(ended))
                self.assertIn(says, ended.err)
                self.assertLessEqual(ended.err.count('\n'), 2)
                if not status:
                    self.assertRegex(ended.out, r'0x71 +\?\[2Jrtc BAR 3 \+ 0x1')

    def test_intervals(self):
        """Records of all since the beginning, a line each: a recording that ends with the last one."""
        with Watched(self.folder, 'touch', 'count=3000') as machine:
            watching = trace(machine, '--json', '--interval', '20ms')
            machine.execute('cont')
            ended = watching.end()
        self.assertEqual(ended.status, 0, str(ended))
        *parts, total = map(json.loads, ended.out.splitlines())
        self.assertNotIn('ended', parts[0]['trace'])
        self.assertEqual(total['trace']['ended'], 'the process ended')
        self.assertGreater(len(parts), 1)
        key = 'port', 0x71, 'read', 1
        counts = [by_key(record).get(key, (0, 0))[0] for record in (*parts, total)]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(counts[-1], 3000)
        for one, next_one in zip(parts, (*parts[1:], total)):
            self.assertLessEqual(one['exits'], next_one['exits'])
            self.assertLess(one['seconds'], next_one['seconds'])
        recording = self.file('recording', ended.out.encode())
        advice = json.loads(self.run_well('advise', recording, '--json').out)
        self.assertIn((0x71, 'read'), {(one['first'], one['direction']) for one in advice['advice']})

    def test_all(self):
        with Watched(self.folder, 'touch', f'count={COUNT}') as one, \
                Watched(self.folder, 'touch', f'count={2 * COUNT}') as two:
            watching = trace(None, '--json')
            for machine in (one, two):
                machine.execute('cont')
            pids = [machine.process.pid for machine in (one, two)]
            for machine in (one, two):
                machine.end()
            watching.send(signal.SIGINT)
            report = self.report(watching)
        names = {process['pid']: process['name'] for process in report['trace']['processes']}
        for times, pid in enumerate(pids, 1):
            self.assertEqual(names[pid], 'coalport')
            self.check_touched(by_key(report, pid), times * COUNT, lent=True)

    def test_output_closed(self):
        with Machine(*guest('exits', 'do=halt')) as machine:
            machine.wait_for('exits: halt')
            for more in ((), ('--json',), ('--interval', '10ms')):
                read, write = os.pipe()
                os.close(read)
                ended = run('trace', '-p', str(machine.process.pid), '--for', '100ms', *more, stdout=write)
                os.close(write)
                self.assertEqual(ended.status, 1, str(ended))
                self.assertIn('coalport: trace: standard output: Broken pipe\n', ended.err)

    @unittest.skipIf(os.geteuid(), 'not root: nothing to give up')
    @unittest.skipIf(not shutil.which('setpriv'), 'setpriv is not installed')
    def test_without_privileges(self):
        with Machine(*guest('exits', 'do=halt')) as machine:
            machine.wait_for('exits: halt')
            program = shutil.copy(COALPORT, self.folder)
            os.chmod(self.folder, 0o755)
            for who in (('-p', str(machine.process.pid)), ('--all',)):
                ended = run('--reuid', '65534', '--clear-groups', program, 'trace', *who, program='setpriv')
                self.check_refusal(ended, 1, 'coalport: trace: ')
                self.assertRegex(ended.err, 'tracefs|perf events')
                self.assertIn('root', ended.err)
                for method in METHODS:
                    ended = run('--reuid', '65534', '--clear-groups', program, 'trace', *who, '--method', method,
                                program='setpriv')
                    self.check_refusal(ended, 1, 'coalport: trace: ')


class Refusals(Test):
    def test_processes(self):
        with subprocess.Popen(['true']) as gone:
            gone.wait()
        self.run_badly('trace', '-p', str(gone.pid), status=1, says=f'there is no process {gone.pid}')
        self.run_badly('trace', '-p', str(os.getpid()), status=1, says='runs no KVM guest')

    def test_arguments(self):
        for arguments in ((), ('-p',), ('-p', '0'), ('-p', '-1'), ('-p', '1x'), ('-p', '1', '--all'), ('--all', '1'),
                          ('--all', '--for', '0'), ('--all', '--for', '1y'), ('--all', '--for', '-1s'),
                          ('--all', '--for', 'nan'), ('--all', '--interval', '1e99'), ('--all', '--top', '0'), ('--all', '--method', 'x'),
                          ('--all', '--qmp', 'x'), ('--all', '--nonsense')):
            with self.subTest(arguments=arguments):
                self.run_badly('trace', *arguments, status=2, says='trace: ')

    def test_help(self):
        self.assertIn('--interval', self.run_well('trace', '--help').out)


main()
