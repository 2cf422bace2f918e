# SPDX-License-Identifier: MIT
"""The program driven by others: by the command line of QEMU's libqtest, by QMP clients, by pipes."""
import json
import os
import shutil
import socket
import subprocess
import unittest

from machine import COALPORT, Machine, PATIENCE, Test, main, needs_kvm, rom
from qmp import Line, Qmp

QEMU = shutil.which('qemu-system-x86_64')


class Libqtest(Test):
    """The way libqtest starts a program: it listens, the program connects, a signal ends it."""

    def listen(self, name):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.settimeout(PATIENCE)
        server.bind(self.path(name))
        server.listen()
        return server

    def start(self, accel, *options):
        tests, monitors = self.listen('test.sock'), self.listen('test.qmp')
        machine = Machine('-qtest', f'unix:{self.path("test.sock")}', '-qtest-log', self.path('log'),
                          '-chardev', f'socket,path={self.path("test.qmp")},id=char0',
                          '-mon', 'chardev=char0,mode=control', '-display', 'none', '-audio', 'none',
                          *options, '-accel', accel)
        return machine, Line(tests.accept()[0]), Qmp(monitors.accept()[0])

    def test_as_it_stands(self):
        for accel in ('qtest', 'qtest,coalesced=on'):
            machine, test, qmp = self.start(accel, '-machine', 'pc', '-rtc', 'clock=vm')
            with machine:
                self.assertEqual(qmp.greeting['QMP']['capabilities'], [])
                self.assertEqual(qmp.execute('qmp_capabilities'), {'return': {}})
                self.assertEqual(test.ask('endianness'), 'OK little')
                self.assertEqual(test.ask('irq_intercept_in ioapic'), 'OK')
                for line in ('outb 0x70 0x40', 'outb 0x71 0x5a', 'outb 0x70 0x41', 'outb 0x70 0x40'):
                    self.assertEqual(test.ask(line), 'OK')
                self.assertEqual(test.ask('inb 0x71'), 'OK 0x005a')
                self.assertEqual(test.ask('clock_step 1000000000'), 'OK 1000000000')
                self.assertEqual(test.ask('rtas x'), "FAIL Unknown command 'rtas'")
                self.assertEqual(test.ask('outb 0xcf9 6'), 'OK')
                self.assertEqual(test.ask('inb 0x71'), 'OK 0x005a')
                qmp.wait_for('RESET')
                ended = machine.terminate()
                self.assertEqual((ended.status, ended.out, ended.err), (0, '', ''), str(ended))
            test.close()
            qmp.close()
            self.assertRegex(self.content('log'), r'\A\[I 0\.\d{6}\] OPENED\n\[R \+0\.\d{6}\] endianness\n'
                                                  r'\[S \+0\.\d{6}\] OK little\n')
            for name in ('test.sock', 'test.qmp'):
                os.unlink(self.path(name))

    def test_panic(self):
        machine, test, qmp = self.start('qtest', '-device', 'pvpanic', '-action', 'panic=pause')
        with machine:
            qmp.execute('qmp_capabilities')
            self.assertEqual(test.ask('outb 0x505 1'), 'OK')
            qmp.wait_for('STOP')
            self.assertEqual(qmp.events, ['GUEST_PANICKED', 'STOP'])
            self.assertEqual(qmp.execute('query-status')['return']['status'], 'guest-panicked')
            self.assertEqual(machine.terminate().status, 0)
        test.close()
        qmp.close()


class Pipes(Test):
    def ask(self, *options, said):
        ended = subprocess.run([COALPORT, '-nodefaults', '-display', 'none', '-accel', 'qtest', *options],
                               input=said, capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual((ended.returncode, ended.stderr), (0, b''))
        return ended.stdout

    def test_qtest(self):
        """The end of the input is the end, after all that was asked for."""
        self.assertEqual(self.ask('-qtest', 'stdio', said=b'inb 0x80\n' * 5000), b'OK 0x0000\n' * 5000)
        self.assertEqual(self.ask('-qtest', 'stdio', said=b'endianness\nhalf a li'), b'OK little\n')

    def test_qmp(self):
        said = b"{'execute':'qmp_capabilities'}" + b"{'execute':'query-kvm'}" * 1000 + b"{'execute':'quit'}"
        lines = self.ask('-qmp', 'stdio', said=said).split(b'\r\n')
        self.assertEqual(lines[2:1002], [b'{"return":{"enabled":false,"present":true}}'] * 1000)
        self.assertIn(b'host-qmp-quit', lines[-2])

    def test_log_that_cannot_be(self):
        self.run_badly('-accel', 'qtest', '-qtest', 'null', '-qtest-log', self.path('no/log'), '-display',
                       'none', status=1, says='no/log')


@needs_kvm
class Monitor(Test):
    def connect(self, machine, name='qmp'):
        client = socket.socket(socket.AF_UNIX)

        def connected():
            try:
                client.connect(self.path(name))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True
        machine.wait_until(connected)
        qmp = Qmp(client)
        qmp.execute('qmp_capabilities')
        return qmp

    def control(self, machine, tries=1):
        """A client at the control socket, as soon as it listens."""
        def connected():
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(10)
            self.addCleanup(client.close)
            try:
                client.connect(f'\0coalport/{machine.process.pid}')
            except (ConnectionRefusedError, BlockingIOError):  # not yet, or its queue is full
                return None
            return client
        found = []
        machine.wait_until(lambda: found.append(connected()) or found[-1])
        return found[-1]

    def test_control_socket(self):
        """Eight clients at a time, each with a session of its own; one more is told so."""
        with Machine('-nodefaults', '-display', 'none', '-bios', rom('hammer'), '-name', 'nail') as machine:
            clients = [Qmp(self.control(machine)) for _ in range(8)]
            for client in clients:
                client.execute('qmp_capabilities')
                self.assertEqual(client.execute('query-name')['return'], {'name': 'nail'})
            one_more = self.control(machine).makefile()
            self.assertEqual(json.loads(one_more.readline())['error']['desc'], 'Too many clients are connected already')
            self.assertEqual(one_more.readline(), '')
            # Whoever leaves in the middle of a word makes room.
            clients[3].connection.sendall(b'{"execute": "query-')
            clients[3].close()
            for _ in range(200):
                self.control(machine).close()
            machine.wait_until(lambda: 'QMP' in self.control(machine).makefile().readline())
            clients[0].execute('stop')
            self.assertEqual(clients[7].execute('query-status')['return']['status'], 'paused')
            clients[7].execute('quit')
            self.assertEqual(machine.end().status, 0)

    def test_control_off(self):
        with Machine('-nodefaults', '-display', 'none', '-bios', rom('hammer'), '-control', 'off',
                     '-qmp', f'unix:{self.path("qmp")},server=on,wait=off') as machine:
            qmp = self.connect(machine)
            with open('/proc/net/unix', encoding='ascii') as sockets:
                self.assertNotIn(f'@coalport/{machine.process.pid}\n', sockets.read())
            qmp.execute('quit')
            self.assertEqual(machine.end().status, 0)

    def test_nothing_is_counted(self):
        """-exits off: the same machine, whose exits nobody knows."""
        with Machine('-nodefaults', '-display', 'none', '-bios', rom('hammer'), '-exits', 'off',
                     '-qmp', f'unix:{self.path("qmp")},server=on,wait=off') as machine:
            qmp = self.connect(machine)
            answer = qmp.execute('__org.coalport_query-report')
            self.assertEqual(answer['error']['desc'], 'Nothing is counted (-exits off, or no KVM)')
            self.assertEqual(qmp.execute('query-stats', target='vcpu', providers=[self.OWN])['return'], [])
            self.assertEqual(qmp.execute('query-cpus-fast')['return'][0]['thread-id'] in
                             map(int, os.listdir(f'/proc/{machine.process.pid}/task')), True)
            qmp.execute('quit')
            self.assertEqual(machine.end().status, 0)

    def test_a_guest_that_never_ends(self):
        with Machine('-nodefaults', '-display', 'none', '-bios', rom('hammer'), '-name', 'nail', '-S',
                     '-qmp', f'unix:{self.path("qmp")},server=on,wait=off') as machine:
            qmp = self.connect(machine)
            self.assertEqual(qmp.execute('query-status')['return']['status'], 'prelaunch')
            self.assertEqual(qmp.execute('query-kvm')['return'], {'enabled': True, 'present': True})
            self.assertEqual(qmp.execute('query-name')['return'], {'name': 'nail'})
            qmp.execute('cont')
            machine.wait_until(lambda: self.counters(qmp)['port-0x71-read-1-exits'] > 100)
            qmp.execute('stop')
            self.check_counters(qmp)
            qmp.close()

            # Another client finds the machine as the first one left it.
            qmp = self.connect(machine)
            self.assertEqual(qmp.execute('query-status')['return']['status'], 'paused')
            qmp.execute('cont')
            qmp.execute('system_reset')
            qmp.wait_for('RESET')
            qmp.execute('quit')
            qmp.wait_for('SHUTDOWN')
            ended = machine.end()
            self.assertEqual((ended.status, ended.out, ended.err), (0, '', ''), str(ended))
            qmp.close()

    OWN = {'provider': '__org.coalport'}

    def counters(self, qmp):
        answer = qmp.execute('query-stats', target='vm', providers=[self.OWN])['return']
        counted = {stat['name']: stat['value'] for one in answer for stat in one['stats']}
        counted.setdefault('port-0x71-read-1-exits', 0)
        return counted

    def check_counters(self, qmp):
        counted = self.counters(qmp)
        report = qmp.execute('__org.coalport_query-report')['return']
        self.assertEqual(counted['exits'], report['exits'])
        self.assertEqual(counted['coalesced'], report['coalesced'])
        self.assertGreater(counted['port-0x70-write-1-coalesced'], 100)
        rows = {(row['addr'], row['direction']): row for row in report['rows']}
        self.assertEqual(counted['port-0x71-read-1-exits'], rows[0x71, 'read']['exits'])
        vcpus = qmp.execute('query-stats', target='vcpu', providers=[self.OWN])['return']
        self.assertEqual(vcpus, [{'provider': '__org.coalport', 'qom-path': '/machine/vcpu[0]',
                                  'stats': [{'name': 'exits', 'value': counted['exits']}]}])
        only = qmp.execute('query-stats', target='vm', providers=[{**self.OWN, 'names': ['exits']}])
        self.assertEqual(only['return'][0]['stats'], [{'name': 'exits', 'value': counted['exits']}])
        self.assertEqual(qmp.execute('query-stats', target='vm', providers=[])['return'], [])
        self.check_kernel(qmp, report)

    def check_kernel(self, qmp, report):
        """What the kernel counts itself: the same in the record and in query-stats, of a paused machine."""
        vcpus = qmp.execute('query-stats', target='vcpu', providers=[{'provider': 'kvm'}])['return']
        self.assertEqual('kvm' in report, bool(vcpus))
        if not vcpus:
            return  # Linux before 5.14
        kernel = {stat['name']: stat['value'] for stat in vcpus[0]['stats']}
        single = {name: int(value) for name, value in kernel.items() if not isinstance(value, list)}
        self.assertEqual(report['kvm']['vcpus'], [single])
        self.assertEqual(report['vcpus'][0]['thread'], qmp.execute('query-cpus-fast')['return'][0]['thread-id'])
        self.assertGreater(kernel['exits'], 0)

    @unittest.skipUnless(QEMU, 'qemu-system-x86_64 is not installed')
    def test_what_is_told_as_qemu_tells_it(self):
        """Statistics' schemas, vCPUs, and the parts of the PCI bus that both have."""
        told = []
        for program in (None, QEMU):
            how = {'program': program} if program else {}
            accel = ('-accel', 'kvm') if program else ()
            socket_path = self.path('qemu' if program else 'ours')
            with Machine('-nodefaults', '-display', 'none', '-S', *accel, '-qmp',
                         f'unix:{socket_path},server=on,wait=off', **how) as machine:
                qmp = self.connect(machine, os.path.basename(socket_path))
                schemas = qmp.execute('query-stats-schemas', provider='kvm')['return']
                cpus = qmp.execute('query-cpus-fast')['return']
                pci = qmp.execute('query-pci')['return']
                self.assertEqual(pci[0]['bus'], 0)
                told.append({
                    'schemas': {(one['target'], stat['name']): stat for one in schemas for stat in one['stats']},
                    'cpus': [{**cpu, 'qom-path': '', 'thread-id': 0} for cpu in cpus],
                    'pci': {(device['slot'], device['function']): {**device, 'irq': 0} for device in pci[0]['devices']},
                })
                qmp.execute('quit')
                machine.end()
        ours, theirs = told
        self.assertEqual(ours['schemas'], theirs['schemas'])
        self.assertEqual(ours['cpus'], theirs['cpus'])
        both = ours['pci'].keys() & theirs['pci'].keys()
        self.assertLessEqual({(0, 0), (1, 0), (1, 3)}, both)
        for place in both:
            self.assertEqual(ours['pci'][place].keys() | {'irq'}, theirs['pci'][place].keys() | {'irq'})
            self.assertEqual(ours['pci'][place], theirs['pci'][place])


main()
