# SPDX-License-Identifier: MIT
"""coalport top: the screen as a terminal has it, of machines that run, stop, leave, lie or say nothing."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from machine import COALPORT, Machine, Test, guest, main, needs_kvm, run
from pane import Pane, needs_tmux

RECORD = {'record': 1, 'source': 'machine', 'seconds': 1.0, 'name': 'fake', 'pid': 7, 'exits': 100, 'coalesced': 100,
          'rows': [{'space': 'port', 'addr': 0x71, 'direction': 'read', 'width': 1, 'device': 'chip',
                    'register': 'data', 'exits': 100}]}


class Fake:
    """A machine that answers with records of the test's, or in its own way."""

    def __init__(self, path, answer):
        self.answer, self.asked, self.ended = answer, 0, threading.Event()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.ended.is_set():
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            try:
                self.talk(client)
            except OSError:
                pass
            client.close()

    def talk(self, client):
        lines = client.makefile('rb')
        client.sendall(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
        for line in lines:
            if b'query-report' not in line:
                client.sendall(b'{"return": {}}\r\n')
                continue
            self.asked += 1
            if not (said := self.answer(self.asked, client)):
                return
            client.sendall(said + b'\r\n')

    def close(self):
        self.ended.set()
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def answered(**members):
    return json.dumps({'return': dict(RECORD, **members)}).encode()


def counting(n, _client):
    """100 exits a second."""
    return answered(seconds=float(n), exits=100 * n, rows=[dict(RECORD['rows'][0], exits=100 * n)])


class Top(Test):
    def fake(self, answer):
        self.machine = Fake(self.path('fake'), answer)
        self.addCleanup(self.machine.close)
        return self.path('fake')

    def guest(self, name='ticker', parameters='rate=1024 seconds=0'):
        path = self.path('qmp')
        machine = Machine(*guest(name, parameters, '-name', 'vm1', '-qmp', f'unix:{path},server=on,wait=off',
                                 serial='null'))
        self.addCleanup(machine.kill)
        machine.wait_until(lambda: os.path.exists(path))
        return machine, path

    def pane(self, columns=120, rows=24):
        pane = Pane(self.folder, columns, rows)
        self.addCleanup(pane.close)
        return pane

    def top(self, pane, target, *options):
        pane.type(f'{COALPORT} top {target} {" ".join(options)}; echo status $?')
        pane.wait_for(r'^ADDRESS')


@needs_kvm
class Text(Top):
    def test_once(self):
        _, path = self.guest()
        ended = self.run_well('top', path, '--once', '--interval', '300ms')
        self.assertRegex(ended.out, r'^coalport top: vm1 \(process \d+\)  every 300ms\n')
        self.assertRegex(ended.out, r'(?m)^[\d.]+ exits/s  [\d.]+ coalesced/s  [\d.]+% saved$')
        self.assertRegex(ended.out, r'(?m)^0x71 +read 1 +[1-9][\d.]* .* mc146818rtc data$')
        self.assertRegex(ended.out, r'(?m)^0x70 +write 1 .* 100.0% .* mc146818rtc index$')

    def test_records(self):
        """What is shown is what happened: each read of the clock has a write of the index before it."""
        _, path = self.guest()
        ended = self.run_well('top', path, '--json', '-n', '3', '--interval', '200ms', '--record', self.path('rec'))
        records = [json.loads(line) for line in ended.out.splitlines()]
        self.assertEqual(len(records), 3)
        with open(self.path('rec'), encoding='utf-8') as file:
            self.assertEqual(file.read(), ended.out)
        reads, writes = ([sum(row.get(what, 0) for row in record['rows']
                              if row['addr'] == addr and row['direction'] == direction) for record in records]
                         for addr, direction, what in ((0x71, 'read', 'exits'), (0x70, 'write', 'coalesced')))
        self.assertGreater(reads[2], reads[0])
        self.assertAlmostEqual(reads[2] - reads[0], writes[2] - writes[0], delta=8)
        # A recording is what the others read.
        self.assertEqual(run('advise', self.path('rec')).status, 0)

    def test_views(self):
        _, path = self.guest()
        for view, wanted in (('zones', r'(?m)^0x70 +active latch'), ('vcpus', r'(?m)^ +0 +\d+ +[1-9]'),
                             ('kernel', r'STATISTIC OF THE KERNEL')):
            ended = self.run_well('top', path, '--once', '--interval', '100ms', '--view', view)
            self.assertRegex(ended.out, wanted)
        ended = self.run_well('top', path, '--once', '--interval', '100ms', '--filter', 'index', '--top', '1')
        self.assertRegex(ended.out.splitlines()[-1], r'^0x70 ')

    def test_ends_with_the_machine(self):
        machine, path = self.guest()
        with Machine('top', path, '--interval', '100ms') as top:
            top.wait_for('ADDRESS')
            machine.send(signal.SIGKILL)
            ended = top.end()
        self.assertEqual(ended.status, 0)
        self.assertRegex(ended.err, r'\Acoalport: top: vm1 ended after [\d.]+ s\n\Z')

    def test_output_closed(self):
        _, path = self.guest()
        read, write = os.pipe()
        with Machine('top', path, '--interval', '50ms', stdout=write) as top:
            os.close(write)
            os.close(read)
            ended = top.end()
        self.check_refusal(ended, 1, 'standard output: Broken pipe')


class Others(Top):
    """Machines of the test's own, which need no KVM."""

    def test_refusals(self):
        path = self.fake(lambda n, client: answered(exits='many'))
        self.run_badly('top', path, status=1, says='exits: of the wrong type')
        self.run_badly('top', self.path('nowhere'), status=1, says='nowhere')
        self.run_badly('top', path, '--record', self.folder, status=1, says='is a directory')
        for arguments, says in ((('--sort', 'size'), 'exits, coalesced'), (('--interval', '1ms'), '50ms'),
                                (('--view', 'x'), 'vcpus'), (('--what',), 'unknown'), (('b',), 'one machine'),
                                (('-n',), 'a number'), (('--filter', 'x' * 64), '63 bytes')):
            self.run_badly('top', path, *arguments, status=2, says=says)
        self.assertIn('usage: coalport top', self.run_well('top', '--help').out)

    def test_hostile(self):
        """No byte that a terminal obeys, no more memory than a bound, and an end."""
        name = '\x1b]0;owned\x07\x1b[2J\u009b31m\u202e'
        path = self.fake(lambda n, client: answered(seconds=float(n), name=name, rows=[
            dict(RECORD['rows'][0], device=name, register=name)]))
        for options in ((), ('--json',)):
            ended = self.run_well('top', path, '--once', '--interval', '50ms', *options)
            self.assertNotRegex(ended.out.replace('\n', ''), r'[\x00-\x1f\x7f-\x9f\u202e]')

    def test_endless(self):
        def forever(_n, client):
            client.sendall(b'{"return": {"record": 1, "rows": [')
            while True:
                client.sendall(b'{"addr": 1}, ' * 4096)
        ended = run('top', self.fake(forever), '--once')
        self.check_refusal(ended, 1, 'top: ')

    def test_falls_silent(self):
        """Who asks for tables gets them in time, or a line that says why not."""
        path = self.fake(lambda n, client: counting(n, client) if n < 2 else client.recv(1))
        for verb, *options in (('top', '--once'), ('top', '-n', '2', '--json'), ('advise', '--for', '50ms'), ('stats',)):
            with self.subTest(verb=verb, options=options):
                self.machine.asked = 1 if verb == 'stats' else 0
                ended = run(verb, path, *(['--interval', '50ms'] if verb == 'top' else ()), *options)
                self.check_refusal(ended, 1, 'no answer for 5 s')
                self.assertEqual(self.machine.asked, 2)

    def test_words_of_the_machine(self):
        path = self.fake(lambda n, client: b'{"error": {"class": "GenericError", "desc": "no\\u001b[2J\\nway"}}')
        ended = run('top', path)
        self.check_refusal(ended, 1, 'no?[2J?way')

    def test_recording_fails(self):
        self.run_badly('top', self.fake(counting), '--record', '/dev/full', '--plain', '--interval', '50ms', status=1,
                       says='/dev/full: No space left')


@needs_tmux
class Screen(Top):
    def test_rates(self):
        """A hundred exits a second by the machine's clock, however long that takes by ours."""
        pane = self.pane()
        self.top(pane, self.fake(counting), '--interval', '50ms')
        pane.wait_for(r'^0x71 +read 1 +100 .* chip data$')
        pane.wait_for(r'^100 exits/s')
        pane.keys('q')
        pane.wait_for(r'^status 0')
        self.assertTrue(pane.restored())

    def test_frozen(self):
        pane = self.pane()
        self.top(pane, self.fake(counting), '--interval', '50ms', '--whole')
        pane.keys('Space')
        pane.wait_for('FROZEN')
        text, asked = pane.text(), self.machine.asked
        pane.wait(lambda: self.machine.asked > asked + 30, 'not asked any more')
        self.assertEqual(pane.text(), text)
        pane.keys('Space')
        pane.wait_without('FROZEN')
        pane.wait(lambda: pane.text() != text, 'still frozen')

    def test_silent_machine(self):
        """Keys work and signals end it while the machine does not answer."""
        silent = threading.Event()
        path = self.fake(lambda n, client: counting(n, client) if n < 3 else silent.wait() and None)
        pane = self.pane()
        self.top(pane, path, '--interval', '50ms')
        pane.wait_for(r'no answer for \d+s')
        pane.keys('h')
        pane.wait_for(r'^Keys')
        pane.keys('h')
        pane.wait_for(r'^ADDRESS')
        pane.keys('q')
        pane.wait_for(r'^status 0')
        silent.set()
        self.assertTrue(pane.restored())

    def test_signals(self):
        pane, path = self.pane(), self.fake(counting)
        for end, status in ((lambda: pane.keys('C-c'), 0), (lambda: os.kill(pane.pid(), signal.SIGTERM), 0),
                            (lambda: os.kill(pane.pid(), signal.SIGABRT), 128 + signal.SIGABRT)):
            self.top(pane, path, '--interval', '100ms')
            end()
            pane.wait_for(rf'^status {status}')
            self.assertTrue(pane.restored())
            pane.type('clear')
            pane.wait_without('status')

    def test_stopped(self):
        """Ctrl-Z gives the terminal back; fg takes it again, and it is drawn anew."""
        pane, path = self.pane(), self.fake(counting)
        pane.type(f'{COALPORT} top {path} --interval 100ms')
        pane.wait_for(r'^ADDRESS')
        pane.keys('C-z')
        pane.wait_for(r'Stopped')
        self.assertTrue(pane.restored())
        pane.type('fg')
        pane.wait_for(r'^ADDRESS')
        pane.keys('h')
        pane.wait_for(r'^Keys')
        pane.keys('h', 'q')
        pane.wait_for(r'^%')
        self.assertTrue(pane.restored())

    def test_sizes(self):
        pane = self.pane()
        self.top(pane, self.fake(counting), '--interval', '50ms')
        for columns, rows, wanted in ((60, 12, r'^0x71 .* chip data$'), (30, 5, r'^0x71 '), (10, 3, 'too small'),
                                      (2, 1, 'to'), (300, 60, r'^0x71 .* chip data$'), (120, 24, r'^q quit')):
            pane.resize(columns, rows)
            pane.wait_for(wanted)
        pane.keys('q')
        pane.wait_for(r'^status 0')
        self.assertTrue(pane.restored())

    def test_terminals(self):
        """One that is not known, and one without a screen."""
        pane, path = self.pane(), self.fake(counting)
        for kind in ('no-such-terminal', 'dumb'):
            pane.type(f'TERM={kind} {COALPORT} top {path}; echo status $?')
            pane.wait_for(r'--plain does\s+without')
            pane.wait_for(r'^status 1')
            self.assertTrue(pane.restored())
            pane.type('clear')
            pane.wait_without('status')
        self.top(pane, path, '--plain', '--interval', '50ms', '-n', '2')
        pane.wait_for(r'^status 0')

    def test_leaves_while_frozen(self):
        """Who reads a frozen screen goes on reading when the machine is gone."""
        leave = threading.Event()
        pane = self.pane()
        self.top(pane, self.fake(lambda n, client: None if leave.is_set() else counting(n, client)),
                 '--interval', '50ms')
        pane.keys('Space')
        pane.wait_for('FROZEN')
        leave.set()
        pane.wait_for(r'fake ended after')
        pane.wait_for(r'^ADDRESS')
        pane.keys('Space')
        pane.wait_for(r'^status 0')
        pane.wait_for(r'^coalport: top: fake ended after')
        self.assertTrue(pane.restored())

    @needs_kvm
    def test_live(self):
        """A guest that ticks: names and rates, sorted, filtered, in all views, until it is killed."""
        machine, path = self.guest()
        pane = self.pane()
        self.top(pane, path, '--interval', '200ms')
        pane.wait_for(r'^0x71 +read 1 +[1-9]\d+ .* mc146818rtc data$')
        pane.wait_for(r'^0x70 +write 1 .*mc146818rtc index$')
        pane.keys('d')
        pane.wait_for(r'^addresses by address')
        rows = [int(row, 16) for row in re.findall(r'(?m)^0x([0-9a-f]+) ', pane.text())]
        self.assertEqual(rows, sorted(rows))
        pane.keys('/')
        pane.call('send-keys', '-l', 'index')
        pane.wait_for(r'filter: index_')
        pane.wait_without(r'mc146818rtc data')
        pane.keys('Enter', '3')
        pane.wait_for(r'^RANGE')
        pane.keys('/', 'C-u', 'Enter')
        pane.wait_for(r'^0x70 +active latch +[1-9]')
        pane.keys('2')
        pane.wait_for(r'^VCPU')
        pane.keys('1')
        pane.wait_for(r'^ADDRESS')
        machine.send(signal.SIGKILL)
        pane.wait_for(r'^coalport: top: vm1 ended after')
        pane.wait_for(r'^status 0')
        self.assertTrue(pane.restored())


if __name__ == '__main__':
    main()
