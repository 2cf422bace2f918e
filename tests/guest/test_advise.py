# SPDX-License-Identifier: MIT
"""Zones of a running guest, and advice: tried at once, from files, of QEMU's guests."""
import json
import os
import re
import shutil
import signal
import socket
import unittest

from machine import Machine, PATIENCE, Test, guest, main, needs_kvm, run

QEMU = shutil.which('qemu-system-x86_64')
NOBODY = 0x2340
EXITS, WAITS = 0, 1
OFF = ('-machine', 'pc,coalesce=off')


class Running(Machine):
    """A guest with two control sockets: one for the verbs, one for the test."""

    def __init__(self, folder, name, *more):
        self.socket, own = (os.path.join(folder, f'{name}.{user}') for user in ('verbs', 'test'))
        sockets = [word for path in (self.socket, own) for word in ('-qmp', f'unix:{path},server=on,wait=off')]
        super().__init__(*guest(name, '', *sockets, *more, serial=None))
        self.wait_until(lambda: self.connect(own))
        self.qmp = self.connection.makefile('rwb')
        self.qmp.readline()
        self.ask('qmp_capabilities')

    def connect(self, path):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(PATIENCE)
        try:
            self.connection.connect(path)
            return True
        except OSError:
            self.connection.close()
            return False

    def ask(self, command, **arguments):
        self.qmp.write(json.dumps({'execute': command, 'arguments': arguments}).encode())
        self.qmp.flush()
        while 'return' not in (answer := json.loads(self.qmp.readline())):
            assert 'event' in answer, answer
        return answer['return']

    def users(self):
        """The first addresses of what the user has said something of."""
        return [zone['first'] for zone in self.ask('__org.coalport_coalesce-list') if zone.get('user')]

    def close(self):
        if hasattr(self, 'qmp'):
            self.qmp.close()
            self.connection.close()
        super().close()

    def rows(self):
        """Exits and waiting writes so far, by port and direction."""
        rows = {}
        for row in self.ask('__org.coalport_query-report')['rows']:
            exits, coalesced = rows.get((row['addr'], row['direction']), (0, 0))
            rows[row['addr'], row['direction']] = (exits + row['exits'], coalesced + row.get('coalesced', 0))
        return rows

    def strays(self, key, kind):
        """
        How many of a hundred accesses of a key do not end as they should (EXITS or WAITS). The count begins when one
        that does was booked: an exit from before a change is booked only when the guest goes on.
        """
        def count():
            return self.rows().get(key, (0, 0))

        def happened():
            self.now = count()
            return sum(self.now) - sum(self.begin) > 100

        before = count()[kind]
        self.wait_until(lambda: count()[kind] > before)
        self.begin = count()
        self.wait_until(happened)
        return self.now[1 - kind] - self.begin[1 - kind]


class Zones(Test):
    def setUp(self):
        super().setUp()
        self.machine = None

    def say(self, verb, *ranges, status=0, says=''):
        ended = run('coalesce', verb, self.machine.socket, *ranges)
        if status:
            self.check_refusal(ended, status, says)
        else:
            self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
        return ended.out

    def zones(self):
        return {zone['first']: zone for zone in json.loads(self.say('list', '--json'))}

    @needs_kvm
    def test_of_a_running_guest(self):
        with Running(self.folder, 'latch') as machine:
            self.machine = machine
            machine.wait_until(lambda: machine.rows().get((0x70, 'write'), (0, 0))[1] > 0)
            self.assertEqual(machine.strays((0x70, 'write'), WAITS), 0)
            self.say('del', '0x70')
            self.assertEqual(machine.strays((0x70, 'write'), EXITS), 0)
            self.assertEqual(self.zones()[0x70]['state'], 'exits')
            # A reset of the guest is no matter of the user's.
            machine.ask('system_reset')
            self.assertEqual(machine.strays((0x70, 'write'), EXITS), 0)
            self.say('add', '0x70')
            self.assertEqual(machine.strays((0x70, 'write'), WAITS), 0)
            # What nobody hears is lent by itself, and taken away by hand.
            machine.wait_until(lambda: NOBODY in self.zones())
            self.say('del', hex(NOBODY))
            self.assertEqual(machine.strays((NOBODY, 'write'), EXITS), 0)
            self.say('reset')
            self.assertEqual(machine.users(), [])
            machine.wait_until(lambda: NOBODY in self.zones())
            self.assertEqual(machine.terminate().status, 0)

    @needs_kvm
    def test_where_coalescing_is_off(self):
        with Running(self.folder, 'latch', *OFF) as machine:
            self.machine = machine
            machine.wait_until(lambda: (NOBODY, 'write') in machine.rows())
            self.assertEqual(machine.strays((0x70, 'write'), EXITS), 0)
            self.say('add', '0x70', hex(NOBODY), '--deadline', '5ms')
            self.assertEqual(machine.strays((0x70, 'write'), WAITS), 0)
            self.assertEqual(machine.strays((NOBODY, 'write'), WAITS), 0)
            zones = self.zones()
            self.assertEqual([zones[at]['wait_ns'] for at in (0x70, NOBODY)], [5000000, 5000000])
            self.assertIn('yes', re.search(r'(?m)^0x2340 .*$', self.say('list')).group(0))
            self.say('reset', '0x70')
            self.assertEqual(machine.strays((0x70, 'write'), EXITS), 0)
            self.assertEqual(machine.strays((NOBODY, 'write'), WAITS), 0)
            self.assertEqual(machine.terminate().status, 0)

    @needs_kvm
    def test_refused(self):
        with Running(self.folder, 'latch') as machine:
            self.machine = machine
            for ranges, says in ((('0x71',), 'has an effect now'), (('0x40',), "overlaps the kernel's PIT"),
                                 (('0x6f-0x70',), 'not of one chip alone'), (('mmio:0x1000',), 'memory of the guest'),
                                 (('0x40', '--force'), "overlaps the kernel's PIT"),
                                 (('mmio:0xfee00000+16', '--force'), "overlaps the kernel's local APIC"),
                                 (('0x10000',), 'is no range of ports')):
                self.say('add', *ranges, status=1, says=says)
            self.say('reset', '0x70', status=1, says='nothing is said of 0x70')
            self.assertEqual(machine.users(), [])
            self.say('add', '0x71', '--force')
            self.assertTrue(self.zones()[0x71]['forced'])
            self.assertEqual(machine.terminate().status, 0)

    def test_usage(self):
        for arguments in ((), ('add',), ('add', 'x'), ('add', 'x', '0x7g'), ('add', 'x', '0x70-0x6f'),
                          ('list', 'x', '0x70'), ('grow', 'x', '0x70'), ('del', 'x', '0x70', '--force'),
                          ('add', 'x', '0x70', '--deadline', '61s'), ('add', 'x', '0x70+0'), ('list', 'x', '--xyz')):
            self.check_refusal(run('coalesce', *arguments), 2, 'coalesce')
        self.check_refusal(run('coalesce', 'list', self.path('nobody')), 1, 'nobody')
        self.assertIn('usage: coalport coalesce', self.run_well('coalesce', '--help').out)


class Advice(Test):
    def advise(self, *arguments, **how):
        return json.loads(self.run_well('advise', *arguments, '--json', **how).out)

    def advise_enough(self, *arguments):
        """Looks for as long as it takes until shares can be compared, and says how long."""
        for milliseconds in (500, 2000, 8000, 32000):
            advice = self.advise(*arguments, '--for', f'{milliseconds}ms')
            if advice['exits_rate'] * advice['seconds'] > 3000:
                break
        return advice, f'{milliseconds}ms'

    def check_pattern(self, advice):
        """What is to be said of the guest `latch`: rates in the proportion in which it does things."""
        by_port = {(one['first'], one['direction']): one for one in advice['advice']}
        nobody, index = by_port[NOBODY, 'write'], by_port[0x70, 'write']
        self.assertEqual(nobody['kind'], 'nobody')
        self.assertAlmostEqual(nobody['rate'] / index['rate'], 3, delta=0.1)
        self.assertAlmostEqual((nobody['saved_exits'] + index['saved_exits']) / advice['exits_rate'], 4 / 6, delta=0.05)
        self.assertGreater(nobody['saved_cpu_us'], 0)
        self.assertNotIn((0x71, 'write'), by_port)

    @needs_kvm
    def test_tried(self):
        with Running(self.folder, 'latch', *OFF) as machine:
            machine.wait_until(lambda: (NOBODY, 'write') in machine.rows())
            advice, time = self.advise_enough(machine.socket, '--try')
            self.check_pattern(advice)
            tried = advice['tried']
            self.assertEqual({(zone['first'], zone['added']) for zone in tried['zones']},
                             {(NOBODY, True), (0x70, True)})
            self.assertEqual(tried['before']['saved_percent'], 0)
            self.assertAlmostEqual(tried['after']['saved_percent'], 100 * 4 / 6, delta=2)
            self.assertFalse(tried['kept'])
            self.assertEqual(machine.users(), [])
            self.assertEqual(machine.strays((0x70, 'write'), EXITS), 0)

            said = self.run_well('advise', machine.socket, '--for', time, '--try', '--keep').out
            self.assertRegex(said, r'0x2340 is written [0-9,]+ times a second, and nobody is there')
            self.assertRegex(said, r'(?m)^    after +[0-9,]+ +[0-9,]+ +6[5-8]\.\d%$')
            self.assertEqual(machine.strays((0x70, 'write'), WAITS), 0)
            self.assertEqual(machine.terminate().status, 0)

    @needs_kvm
    def test_interrupted(self):
        """Ctrl-C in the middle: what was added is taken back."""
        with Running(self.folder, 'latch', *OFF) as machine:
            machine.wait_until(lambda: (NOBODY, 'write') in machine.rows())
            machine.ask('__org.coalport_coalesce-add', first=0x72)
            with Machine('advise', machine.socket, '--for', '2s', '--try') as trying:
                trying.wait_until(lambda: NOBODY in machine.users())
                trying.send(signal.SIGINT)
                ended = trying.end()
                self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
            self.assertEqual(machine.users(), [0x72])
            self.assertEqual(machine.terminate().status, 0)

    @needs_kvm
    def test_machine_gone(self):
        with Running(self.folder, 'latch') as machine:
            machine.wait_until(lambda: (NOBODY, 'write') in machine.rows())
            with Machine('advise', machine.socket, '--for', '1s') as advising:
                machine.kill()
                self.check_refusal(advising.end(), 1, 'advise: ')

    @needs_kvm
    def test_machine_gone_while_trying(self):
        """What was found out before is told all the same."""
        with Running(self.folder, 'latch', *OFF) as machine:
            machine.wait_until(lambda: (NOBODY, 'write') in machine.rows())
            with Machine('advise', machine.socket, '--for', '1s', '--try') as trying:
                trying.wait_until(lambda: NOBODY in machine.users())
                machine.kill()
                ended = trying.end()
            self.assertEqual(ended.status, 1)
            self.assertRegex(ended.err, r'\Acoalport: advise: [^\n]+\n\Z')
            self.assertIn('0x2340 is written', ended.out)
            self.assertIn('could not be taken back', ended.out)

    @needs_kvm
    @unittest.skipUnless(QEMU, 'qemu-system-x86_64 is not installed')
    def test_of_qemu(self):
        """What a trace sees of another program's guest that does the same."""
        with Machine(*guest('latch', '', '-accel', 'kvm', serial=None), program=QEMU) as machine:
            def traced():
                self.probe = run('trace', '-p', str(machine.process.pid), '--for', '100ms', '--json')
                return 'runs no KVM guest' not in self.probe.err
            machine.wait_until(traced)
            if self.probe.status:
                self.skipTest(self.probe.err.strip().splitlines()[-1])
            ended = run('advise', '-p', str(machine.process.pid), '--for', '1s', '--json')
            self.assertEqual(ended.status, 0, str(ended))
            advice = json.loads(ended.out)
            by_port = {(one['first'], one['direction']): one for one in advice['advice']}
            nobody = by_port[NOBODY, 'write']
            self.assertEqual(nobody['kind'], 'looks-like')
            self.assertAlmostEqual(nobody['rate'] / by_port[0x71, 'read']['rate'], 3, delta=0.3)
            self.assertNotIn((0x71, 'write'), by_port)
            # And from a recording.
            traced = run('trace', '-p', str(machine.process.pid), '--for', '500ms', '--interval', '100ms', '--json')
            self.assertEqual(traced.status, 0, str(traced))
        recording = self.file('recording', traced.out.encode())
        advice = json.loads(self.run_well('advise', recording, '--json').out)
        self.assertIn((NOBODY, 'write'), {(one['first'], one['direction']) for one in advice['advice']})

    @needs_kvm
    @unittest.skipUnless(QEMU, 'qemu-system-x86_64 is not installed')
    def test_of_the_bench_guest_in_qemu(self):
        """PCI's address: QEMU lets it leave, and it could wait."""
        with Machine(*guest('rtcbench', 'count=1 samples=500', '-accel', 'kvm', '-no-shutdown', '-S', '-qmp',
                            f'unix:{self.path("qmp")},server=on,wait=off', serial=None), program=QEMU) as machine:
            machine.wait_until(lambda: os.path.exists(self.path('qmp')))
            with socket.socket(socket.AF_UNIX) as connection, connection.makefile('rb') as answers:
                connection.connect(self.path('qmp'))
                connection.sendall(b'{"execute": "qmp_capabilities"}')
                for _ in range(2):
                    answers.readline()
                with Machine('trace', '-p', str(machine.process.pid), '--json') as tracing:
                    tracing.wait_for(r'\n', 'err')
                    if 'watching' not in tracing.said('err'):
                        self.skipTest(tracing.said('err').strip())
                    connection.sendall(b'{"execute": "cont"}')
                    while b'SHUTDOWN' not in answers.readline():
                        pass
                    tracing.send(signal.SIGINT)
                    traced = tracing.end()
        record = json.loads(traced.out)
        rows = {(row['addr'], row['direction']): row for row in record['rows']}
        self.assertGreaterEqual(rows[0xcf8, 'write']['exits'], 500)
        advice = json.loads(self.run_well('advise', self.file('record', traced.out.encode()), '--json').out)
        by_port = {(one['first'], one['direction']): one for one in advice['advice']}
        self.assertEqual(by_port[0xcf8, 'write']['kind'], 'wait')

    def test_usage(self):
        for arguments in (('x', 'y'), ('-p', '0'), ('x', '-p', '1'), ('x', '--for', '0'), ('x', '--top'),
                          ('x', '--keep'), ('-p', '1', '--try'), ('x', '--xyz')):
            self.check_refusal(run('advise', *arguments), 2, 'advise')
        self.assertIn('usage: coalport advise', self.run_well('advise', '--help').out)

    def test_files(self):
        record = {'record': 1, 'source': 'trace', 'seconds': 2, 'exits': 5200,
                  'rows': [{'space': 'port', 'addr': 0x608, 'width': 4, 'direction': 'read', 'exits': 5200}]}
        path = self.file('record', json.dumps(record).encode())
        said = self.run_well('advise', path).out
        self.assertIn('0x608 (ACPI PM timer) is read 2,600 times a second', said)
        with open(path, 'rb') as file:
            self.assertEqual(self.run_well('advise', '-', stdin=file).out, said)
        self.check_refusal(run('advise', path, '--try'), 1, 'running machine')
        for name, content in (('empty', b''), ('text', b'hello'), ('cut', json.dumps(record).encode()[:-3]),
                              ('other', b'{"a":1}')):
            self.check_refusal(run('advise', self.file(name, content)), 1, name)
        self.check_refusal(run('advise', self.path('nothing')), 1, 'nothing')


main()
