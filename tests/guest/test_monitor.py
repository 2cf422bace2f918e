# SPDX-License-Identifier: MIT
"""The monitor for people, at the program: on a socket, on the terminal, and beside a guest that runs."""
import os
import re
import socket
import time

from machine import Machine, PATIENCE, Test, guest, main, needs_kvm
from terminal import STILL, Terminal

PROMPT = '(qemu) '


class Client:
    """One at the other end of a monitor's socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.greeting = self.answer()

    def answer(self):
        """What is shown up to the next prompt, without movements of the cursor."""
        text = ''
        while not text.endswith(PROMPT):
            piece = self.socket.recv(65536)
            if not piece:
                break
            text = re.sub(r'\x1b\[[0-9;]*[A-Za-z]|\r', '', text + piece.decode())
        return text.removesuffix(PROMPT)

    def ask(self, line):
        self.socket.sendall(line.encode() + b'\r')
        return self.answer().removeprefix(line + '\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Program(Test):
    def monitor(self):
        return '-monitor', f'unix:{self.path("monitor")},server=on,wait=off', '-pidfile', self.path('there')

    def client(self, machine):
        machine.wait_until(lambda: self.content('there'))
        return Client(self.path('monitor'))

    def test_socket(self):
        with Machine(*STILL, *self.monitor()) as machine:
            for _ in range(2):
                with self.client(machine) as client:
                    self.assertEqual(client.greeting,
                                     "QEMU 7.2.0 monitor (coalport) - type 'help' for more information\n")
                    self.assertEqual(client.ask('info status'), 'VM status: paused (prelaunch)\n')
                    self.assertEqual(client.ask('cpu 99'), 'Error: invalid CPU index\n')
            with self.client(machine) as client:
                client.ask('quit')
            self.assertEqual(machine.end().status, 0)

    def test_two_of_them_and_qmp(self):
        with Machine(*STILL, *self.monitor(), '-chardev', f'socket,path={self.path("second")},server=on,wait=off,id=m',
                     '-mon', 'm') as machine, self.client(machine) as one, Client(self.path('second')) as two:
            one.ask('cont')
            self.assertEqual(two.ask('info status'), 'VM status: running\n')
            for line in (r'compat_monitor0: filename=unix:.*', r'm: filename=unix:.*'):
                self.assertRegex(two.ask('info chardev'), line)

    def test_terminal(self):
        with Terminal(*STILL, '-monitor', 'stdio') as machine:
            machine.type(b'info na\t\x15info stat\t\r')
            machine.wait_for(r'VM status: paused \(prelaunch\)')
            machine.type(b'q\r')
            ended = machine.end()
            self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
            self.assertEqual(machine.after, machine.before)

    def test_no_library(self):
        """One line says what is missing."""
        self.file('libedit.so.2', b'not a library')
        self.run_badly(*STILL, '-monitor', 'null', status=1, says='libedit2',
                       env={**os.environ, 'LD_LIBRARY_PATH': self.folder})


@needs_kvm
class Guest(Program):
    def test_registers_and_memory(self):
        """At the first instruction they are known (AMD APM 2, 14.1.3)."""
        with Machine(*guest('ticker'), '-S', *self.monitor()) as machine, self.client(machine) as client:
            registers = client.ask('info registers')
            self.assertRegex(registers, r'\nCPU#0\n')
            self.assertRegex(registers, r'\nEIP=0000fff0 EFL=00000002 \[-------\] CPL=0\n')
            self.assertRegex(registers, r'\nCS =f000 (ffff0000|000f0000) 0000ffff 00009[0-9a-f]00\n')
            self.assertRegex(registers, r'\nCR0=60000010 ')
            # Without paging a linear address is a physical one.
            self.assertEqual(client.ask('x /4xb 0xffff0'), client.ask('xp /4xb 0xffff0'))

    def test_a_guest_that_runs(self):
        """It is looked at a hundred times, and goes on."""
        with Machine(*guest('ticker'), *self.monitor()) as machine, self.client(machine) as client:
            for _ in range(100):
                self.assertRegex(client.ask('info registers'), r'EIP=[0-9a-f]{8} ')
                client.ask('x /8xg 0')
            self.assertEqual(client.ask('info status'), 'VM status: running\n')
            before = client.ask('info exits')
            self.assertIn('user-space exits', before)
            machine.wait_until(lambda: time.sleep(0.1) or client.ask('info exits') != before)


main()
