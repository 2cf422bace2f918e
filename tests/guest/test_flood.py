# SPDX-License-Identifier: MIT
"""A disk with more to do than anybody should wait for: the monitor answers all the same.

The times are printed. They are milliseconds; where the program waits for what the guest has queued,
which is 256 GiB, they are tens of seconds. What fails is only what takes longer than BOUND.
"""
import json
import os
import socket
import time

from machine import Machine, PATIENCE, Test, guest, main, needs_kvm

BOUND = 10  # seconds
SIZE = 2 << 30


class Client:
    """A client of the monitor that looks at the clock."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(PATIENCE)
        self.connection.connect(path)
        self.lines = self.connection.makefile('rwb')
        self.events = []
        json.loads(self.lines.readline())

    def execute(self, command, **arguments):
        self.lines.write(json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n')
        self.lines.flush()
        while 'event' in (answer := json.loads(self.lines.readline())):
            self.events.append(answer)
        return answer['return']

    def wait_for(self, event):
        while not (found := [one for one in self.events if one['event'] == event]):
            self.events.append(json.loads(self.lines.readline()))
        return found[0]

    def close(self):
        self.lines.close()
        self.connection.close()


class Flood(Test):
    def timed(self, what, how, *args):
        begun = time.monotonic()
        result = how(*args)
        taken = time.monotonic() - begun
        print(f'{what}: {1000 * taken:.1f} ms', flush=True)
        self.assertLess(taken, BOUND, what)
        return result

    def start(self, *more):
        drive = f'file={self.file("disk", size=SIZE)},format=raw,if=virtio'
        options = ['-m', '64', '-drive', drive, '-qmp', f'unix:{self.path("qmp")},server=on,wait=off']
        return Machine(*guest('flood', ' '.join(more)), *options)

    @needs_kvm
    def test_monitor(self):
        for mix in (0, 1):
            print(f'mix={mix}')
            with self.start(f'mix={mix}') as machine:
                machine.wait_for('flood: queued')
                client = self.timed('greeting', Client, self.path('qmp'))
                self.timed('qmp_capabilities', client.execute, 'qmp_capabilities')
                for command in ('query-status', 'stop', 'query-status', 'cont') * 3:
                    self.timed(command, client.execute, command)
                    time.sleep(0.02)  # the disk is at work again
                self.timed('system_reset', client.execute, 'system_reset')
                self.timed('RESET', client.wait_for, 'RESET')
                machine.wait_for('(?s)flood: queued.*flood: queued')
                if mix:
                    machine.wait_for('flood: answered')
                self.timed('stop', client.execute, 'stop')
                self.timed('quit, paused', self.end, machine, client)

    def end(self, machine, client):
        client.execute('quit')
        ended = machine.end()
        client.close()
        self.assertEqual((ended.status, ended.err), (0, ''), str(ended))

    @needs_kvm
    def test_signal(self):
        for mix in (0, 1):
            with self.start(f'mix={mix}') as machine:
                machine.wait_for('flood: queued')
                time.sleep(0.2)
                ended = self.timed(f'SIGTERM, mix={mix}', machine.terminate)
                self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
            with self.start(f'mix={mix}') as machine:
                machine.wait_for('flood: queued')
                client = Client(self.path('qmp'))
                client.execute('qmp_capabilities')
                self.timed(f'quit, mix={mix}', self.end, machine, client)


class Broken(Test):
    """A file that becomes shorter than the disk: the guest sees errors, and the monitor tells them."""

    @needs_kvm
    def test_told(self):
        drive = f'file={self.file("disk", size=SIZE)},format=raw,if=none,id=d7'
        with Machine(*guest('flood', 'mix=0'), '-m', '64', '-S', '-drive', drive, '-device',
                     'virtio-blk-pci,drive=d7', '-qmp',
                     f'unix:{self.path("qmp")},server=on,wait=off') as machine:
            machine.wait_until(lambda: os.path.exists(self.path('qmp')))
            client = Client(self.path('qmp'))
            client.execute('qmp_capabilities')
            os.truncate(self.path('disk'), 1 << 20)
            client.execute('cont')
            event = client.wait_for('BLOCK_IO_ERROR')
            self.assertRegex(event['data'].pop('node-name'), '^#block[0-9]+$')
            self.assertEqual(event['data'], {
                'device': 'd7', 'operation': 'read', 'action': 'report', 'nospace': False,
                'reason': 'Input/output error'})
            # Failed reads end at once, and the guest asks again: that is no reason to tell it each time.
            machine.wait_for('flood: answered')
            begun = time.monotonic()
            while time.monotonic() - begun < 0.5:
                client.execute('query-status')
            seconds = time.monotonic() - begun
            told = [one for one in client.events if one['event'] == 'BLOCK_IO_ERROR']
            self.assertLessEqual(len(told), 3 + seconds)
            client.execute('quit')
            ended = machine.end()
            client.close()
            self.assertEqual(ended.status, 0, str(ended))
            self.assertEqual(len(ended.err.splitlines()), 1, ended.err)


main()
