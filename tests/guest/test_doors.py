# SPDX-License-Identifier: MIT
"""Where output goes and parameters come from: sockets, files, options as users give them."""
import datetime
import json
import os
import resource
import signal
import socket
import time

from machine import Machine, PATIENCE, Test, guest, main, needs_kvm, rom

# A machine that needs no KVM and does nothing until it is told to end.
STILL = ('-accel', 'qtest', '-S', '-nodefaults', '-display', 'none')
# Each option that users of QEMU may give us, with a value that has to be accepted.
OPTIONS = (
    ('-M', 'pc'), ('-machine', 'pc,coalesce=off'), ('-accel', 'kvm'), ('-cpu', 'host'), ('-cpu', 'host,-avx'),
    ('-m', '64'), ('-m', '1.5G'), ('-m', 'size=64M'), ('-smp', '1'), ('-bios', 'x'), ('-L', 'x'),
    ('-drive', 'file=x,format=raw,if=virtio'), ('-drive', 'file=x,format=raw,if=none,id=x,readonly=on'),
    ('-device', 'isa-debug-exit,iobase=0xf4,iosize=4'), ('-device', 'virtio-blk-pci,drive=x'),
    ('-serial', 'stdio'), ('-serial', 'file:x'), ('-serial', 'unix:x,server=on,wait=off'), ('-serial', 'null'),
    ('-serial', 'none'), ('-debugcon', 'file:x'), ('-display', 'none'), ('-display', 'curses'), ('-nographic',),
    ('-nodefaults',),
    ('-no-reboot',), ('-no-shutdown',), ('-name', 'x'), ('-name', 'guest=x'), ('-pidfile', 'x'), ('-D', 'x'),
    ('-rtc', 'base=utc'), ('-rtc', 'base=localtime,clock=vm,driftfix=slew'), ('-rtc', 'base=2006-06-17T16:01:21'),
    ('-fw_cfg', 'name=opt/x,string=x'), ('-fw_cfg', 'opt/x,file=x'), ('-exits', 'text'),
    ('-exits', 'json,file=x'), ('-S',), ('-qmp', 'null'), ('-version',), ('-help',),
)
LIST = '''\
Space   Addresses               At most   Waits      Chip         Why the write may wait
port    0x0-0x7                 no limit  always     dma1         only says where .*
port    0x8                     no limit  while used dma1         lets or holds back .*; while no device waits .*
port    0x9                     no limit  always     dma1         a request .*
port    0xa                     no limit  while used dma1         lets or holds back .*; while no device waits .*
port    0xb                     no limit  while used dma1         lets or holds back .*; while no device waits .*
port    0xc                     no limit  always     dma1         only says where .*
port    0xd                     no limit  always     dma1         holds all .*
port    0xe-0xf                 no limit  while used dma1         lets or holds back .*; while no device waits .*
port    0x70                    no limit  always     mc146818rtc  only selects .*
port    0x72                    no limit  always     mc146818rtc  only selects .*
port    0x80                    no limit  always     post         POST code: .*
port    0x81-0x8f               no limit  always     dma pages    only says where .*
port    0xc0-0xcf               no limit  always     dma2         only says where .*
port    0xd0-0xd1               no limit  while used dma2         lets or holds back .*; while no device waits .*
port    0xd2-0xd3               no limit  always     dma2         a request .*
port    0xd4-0xd5               no limit  while used dma2         lets or holds back .*; while no device waits .*
port    0xd6-0xd7               no limit  while used dma2         lets or holds back .*; while no device waits .*
port    0xd8-0xd9               no limit  always     dma2         only says where .*
port    0xda-0xdb               no limit  always     dma2         holds all .*
port    0xdc-0xdf               no limit  while used dma2         lets or holds back .*; while no device waits .*
port    0x171-0x176             no limit  always     IDE secondary a parameter .*
port    0x1f1-0x1f6             no limit  always     IDE primary  a parameter .*
port    0x3f3                   no limit  always     fdc          only chooses .*
port    0x3f7                   no limit  always     fdc          only sets .*
port    0x3f8                   20 ms     while used com1         serial data: .*; while the transmit interrupt .*
port    0x3f9                   no limit  while used com1         serial divisor: .*; while .*
port    0x3ff                   no limit  always     com1         serial scratch register: .*
port    0x481-0x48f             no limit  always     dma high pages only says where .*
port    0x510-0x511             no limit  always     fw_cfg       the selector only .*
port    0xcf8-0xcfb             20 ms     while used i440FX       CONFIG_ADDRESS only .*
both    any                     no limit  while used nobody       nobody is there: .*
'''


class Options(Test):
    def test_accepted(self):
        for option in OPTIONS:
            for dashes in ('', '-'):
                with self.subTest(option=option, dashes=dashes):
                    self.run_well(dashes + option[0], *option[1:], '-version')

    def test_help_names_them(self):
        for option in ('-help', '-h', '--help'):
            ended = self.run_well(option)
            for name, *_ in OPTIONS:
                self.assertRegex(ended.out, rf'(?m)^(-\w+, )?{name}\b', name)
            self.assertNotRegex(ended.out, r'(?m)^ .{80}', 'text is wrapped')

    def test_version(self):
        self.assertRegex(self.run_well('-version').out, r'\Acoalport version \d+\.\d+\.\d+\n\Z')

    def test_the_first_of_help_and_nonsense_counts(self):
        self.run_well('-help', '-frobnicate')
        self.run_badly('-frobnicate', '-help', status=2)

    def test_what_may_wait(self):
        """Without KVM and without firmware."""
        ended = self.run_well('-M', 'pc,coalesce=list')
        self.assertRegex(ended.out, rf'\A{LIST}\Z')

    def test_what_may_wait_changes_nothing(self):
        """It only looks: no file is made or emptied."""
        for there in (True, False):
            options = []
            for option, form in (('-D', '{}'), ('-pidfile', '{}'), ('-serial', 'file:{}'), ('-exits', 'text,file={}'),
                                 ('-debugcon', 'file:{}'), ('-serial', 'unix:{},server=on')):
                path = self.path(f'{len(options)}')
                options += [option, form.format(path)]
                if there:
                    self.file(os.path.basename(path), b'precious')
            before = {name: self.content(name) for name in os.listdir(self.folder)}
            self.run_well('-nodefaults', '-display', 'none', '-M', 'pc,coalesce=list', *options)
            self.assertEqual({name: self.content(name) for name in os.listdir(self.folder)}, before)
            for name in before:
                os.unlink(self.path(name))


class Files(Test):
    def there(self, machine):
        machine.wait_until(lambda: self.content('pid').endswith('\n'))

    def test_pidfile(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with Machine(*STILL, '-pidfile', self.path('pid')) as machine:
                self.there(machine)
                self.assertEqual(self.content('pid'), f'{machine.process.pid}\n')
                ended = machine.terminate(number)
                self.assertEqual((ended.status, ended.out, ended.err), (0, '', ''), str(ended))
            self.assertFalse(os.path.exists(self.path('pid')))

    def test_pidfile_that_was_left_behind(self):
        self.file('pid', b'1234567890\n')
        with Machine(*STILL, '-pidfile', self.path('pid')) as machine:
            machine.wait_until(lambda: self.content('pid') == f'{machine.process.pid}\n')
            self.assertEqual(machine.terminate().status, 0)
        self.assertFalse(os.path.exists(self.path('pid')))

    def test_pidfile_with_spaces_or_nothing(self):
        for content in (b'', b' 4711 \n', b'4711'):
            self.file('pid', content)
            with Machine(*STILL, '-pidfile', self.path('pid')) as machine:
                machine.wait_until(lambda: self.content('pid') == f'{machine.process.pid}\n')
                self.assertEqual(machine.terminate().status, 0)

    def test_pidfile_of_a_run_that_fails(self):
        self.run_badly(*STILL, '-pidfile', self.path('pid'), '-bios', self.path('missing'), status=1)
        self.assertFalse(os.path.exists(self.path('pid')))

    def test_pidfile_that_is_no_file(self):
        self.run_badly(*STILL, '-pidfile', '/dev/null', status=1, says='/dev/null: not a regular file')
        self.assertTrue(os.path.exists('/dev/null'))

    def test_messages_to_a_device(self):
        """What standard error is, whatever that is, or what takes and loses everything."""
        bad = (*STILL, '-bios', self.path('missing'))
        ended = self.run_badly(*bad, '-D', '/dev/stderr', status=1, says='missing: No such file')
        self.assertEqual(ended.out, '')
        ended = Machine(*bad, '-D', '/dev/null').end()
        self.assertEqual((ended.status, ended.out, ended.err), (1, '', ''))
        self.run_badly(*bad, '-D', '/dev/full', status=1, says='/dev/full: No space left')
        with open(self.file('err', b'before\n'), 'ab') as err:
            Machine(*bad, '-D', '/dev/stderr', stderr=err).end()
        self.assertRegex(self.content('err'), r'\Abefore\ncoalport: .*missing: No such file[^\n]*\n\Z')
        ours, mine = socket.socketpair()
        with ours, mine:
            self.assertEqual(Machine(*bad, '-D', '/dev/stderr', stderr=ours).end().status, 1)
            self.assertIn(b'missing: No such file', mine.recv(4096))

    def test_qtest_log(self):
        qtest = ('-accel', 'qtest', '-nodefaults', '-display', 'none', '-qtest', 'stdio', '-qtest-log')
        for path in ('/dev/null', '/dev/stderr', self.file('log', b'what was in it goes')):
            with Machine(*qtest, path, stdin=-1) as machine:
                machine.process.stdin.write(b'inb 0x71\n')
                machine.process.stdin.close()
                machine.process.stdin = None
                ended = machine.end()
            self.assertEqual(ended.status, 0, str(ended))
            log = self.content('log') if path == self.path('log') else ended.err
            if path != '/dev/null':
                self.assertRegex(log, r'\A\[I [^]]*\] OPENED\n\[R [^]]*\] inb 0x71\n\[S [^]]*\] OK 0x00..\n')
        self.run_badly(*qtest, '/dev/full', status=1, says='/dev/full: No space left')

    def test_messages_to_a_file(self):
        for run in (1, 2):
            ended = Machine(*STILL, '-D', self.path('log'), '-bios', self.path('missing')).end()
            self.assertEqual((ended.status, ended.out, ended.err), (1, '', ''), str(ended))
            # Later ones are put behind.
            self.assertRegex(self.content('log'), rf'\A(coalport: .*/missing: No such file.*\n){{{run}}}\Z')

    def test_wait_for_a_client_that_never_comes(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Machine(*STILL, '-serial', f'unix:{self.path("socket")},server=on') as machine:
                machine.wait_until(lambda: os.path.exists(self.path('socket')))
                ended = machine.terminate(number)
                self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
            self.assertFalse(os.path.exists(self.path('socket')))


class Client:
    """Of one of the doors, on a socket."""

    def __init__(self, sock):
        self.sock = sock
        self.got = b''

    def receive(self):
        chunk = self.sock.recv(65536)
        if not chunk:
            raise EOFError
        self.got += chunk

    def line(self):
        while b'\n' not in self.got:
            self.receive()
        line, self.got = self.got.split(b'\n', 1)
        return line.decode().strip()

    def ask(self, line):
        self.sock.sendall(line.encode() + b'\n')
        return self.line()

    def send_what_fits(self, text, most):
        """Sends copies of text without reading until nothing is taken any more; how many, and what is missing."""
        whole = text * most
        sent = 0
        self.sock.settimeout(0.5)
        try:
            while sent < len(whole):
                sent += self.sock.send(whole[sent:])
        except TimeoutError:
            pass
        self.sock.settimeout(PATIENCE)
        rest = -sent % len(text)
        return (sent + rest) // len(text), text[len(text) - rest:]


class Sleepers(Test):
    """The other end of a door does not read, or cannot come in: nothing here waits for it. No guest is needed."""

    def pair(self):
        """A socket pair whose first end is for the program."""
        ours, mine = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(mine.close)
        mine.settimeout(PATIENCE)
        return ours, mine

    def client(self, machine, name):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        self.addCleanup(sock.close)

        def connected():
            try:
                sock.connect(self.path(name))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True
        machine.wait_until(connected)
        return Client(sock)

    def qtest(self, machine):
        return self.client(machine, 'qtest')

    def driven(self, *options, **how):
        return Machine(*STILL, '-qtest', f'unix:{self.path("qtest")},server=on,wait=off', *options, **how)

    @staticmethod
    def ends(machine):
        machine.send(signal.SIGTERM)
        return machine.process.wait(PATIENCE)

    def test_serial_port_waits_for_its_reader(self):
        """Standard output is a socket: nothing is lost, and whoever drives the port is never stopped."""
        ours, mine = self.pair()
        with self.driven('-serial', 'stdio', stdout=ours) as machine:
            door = self.qtest(machine)
            said = bytearray()
            # Until the transmitter does not become empty any more.
            while int(door.ask('inb 0x3fd').split()[1], 16) & 0x20:
                block = bytes((len(said) + i) % 251 for i in range(1000))
                for byte in block:
                    door.sock.sendall(f'outb 0x3f8 {byte}\n'.encode())
                    said.append(byte)
                    if len(said) % 16 == 0:
                        break
                self.assertLess(len(said), 1 << 20)
                for _ in range(16):
                    self.assertEqual(door.line(), 'OK')
            got = bytearray()
            while len(got) < len(said):
                got += mine.recv(65536)
            self.assertEqual(got, said)
            self.assertEqual(door.ask('inb 0x3fd'), 'OK 0x0060')
            self.assertEqual(self.ends(machine), 0)

    def test_signal_ends_it(self):
        ours, _ = self.pair()
        with self.driven('-serial', 'stdio', stdout=ours) as machine:
            door = self.qtest(machine)
            door.sock.sendall(b'outb 0x3f8 65\n' * 2000)
            for _ in range(2000):
                self.assertEqual(door.line(), 'OK')
            self.assertEqual(self.ends(machine), 0)

    def test_file_that_may_not_grow(self):
        """SIGXFSZ would kill; the write that fails instead is told."""
        limit = (resource.RLIMIT_FSIZE, (4096, 4096))
        with self.driven('-serial', f'file:{self.path("out")}',
                         preexec_fn=lambda: resource.setrlimit(*limit)) as machine:
            door = self.qtest(machine)
            door.sock.sendall(b'outb 0x3f8 65\n' * 5000)
            for _ in range(5000):
                self.assertEqual(door.line(), 'OK')
            self.check_refusal(machine.terminate(), 1, 'out: File too large')
        self.assertEqual(self.content('out'), 'A' * 4096)

    def monitor(self, ours):
        return Machine(*STILL, '-qmp', 'stdio', stdin=ours, stdout=ours)

    def test_monitor_whose_client_does_not_read(self):
        ours, mine = self.pair()
        with self.monitor(ours) as machine:
            client = Client(mine)
            client.line()
            self.assertGreater(client.send_what_fits(b'{"execute": "qmp_capabilities"}\n', 20000)[0], 209)
            self.assertEqual(self.ends(machine), 0)

    def test_monitor_whose_client_reads_late(self):
        ours, mine = self.pair()
        with self.monitor(ours) as machine:
            client = Client(mine)
            client.line()
            client.ask('{"execute": "qmp_capabilities"}')
            count, rest = client.send_what_fits(b'{"execute": "query-commands"}\n', 20000)
            for _ in range(count - bool(rest)):
                self.assertIn('return', json.loads(client.line()))
            if rest:
                self.assertIn('return', json.loads(client.ask(rest.decode())))
            self.assertIn('return', json.loads(client.ask('{"execute": "quit"}')))
            self.assertEqual(machine.process.wait(PATIENCE), 0)

    def test_two_machines_on_one_input(self):
        """Each byte wakes both, and only one gets it."""
        read, write = os.pipe()
        with open(read, 'rb') as keys, open(write, 'wb', buffering=0) as typed:
            machines = [Machine(*STILL, '-serial', 'stdio', '-qmp',
                                f'unix:{self.path(f"qmp{i}")},server=on,wait=off', stdin=keys) for i in range(2)]
            for machine in machines:
                self.addCleanup(machine.kill)
            clients = [self.client(machine, f'qmp{i}') for i, machine in enumerate(machines)]
            for client in clients:
                client.line()
                client.ask('{"execute": "qmp_capabilities"}')
            for _ in range(200):
                typed.write(b'x')
                for client in clients:
                    self.assertIn('return', client.ask('{"execute": "query-status"}'))
            for machine in machines:
                self.assertEqual(machine.terminate().status, 0)

    def test_server_whose_queue_is_full(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path('socket'))
            server.listen(0)
            crowd = []
            while True:
                one = socket.socket(socket.AF_UNIX)
                self.addCleanup(one.close)
                one.setblocking(False)
                try:
                    one.connect(self.path('socket'))
                except BlockingIOError:
                    break
                crowd.append(one)
            options = (*STILL, '-serial', f'unix:{self.path("socket")}', '-pidfile', self.path('there'))
            with Machine(*options) as machine:
                machine.wait_until(machine.expects_signals)
                time.sleep(0.2)
                self.assertEqual(self.ends(machine), 0)
            with Machine(*options) as machine:
                machine.wait_until(machine.expects_signals)
                time.sleep(0.2)
                for _ in crowd:
                    server.accept()[0].close()
                machine.wait_until(lambda: self.content('there'))
                self.assertEqual(self.ends(machine), 0)

    @staticmethod
    def has_timer(machine):
        folder = f'/proc/{machine.process.pid}/fd'
        try:
            return any('timerfd' in os.readlink(f'{folder}/{fd}') for fd in os.listdir(folder))
        except FileNotFoundError:
            return False

    def no_descriptors(self, machine):
        """Takes all descriptors that are left from it; returns what gives them back."""
        before = resource.prlimit(machine.process.pid, resource.RLIMIT_NOFILE)
        used = {int(fd) for fd in os.listdir(f'/proc/{machine.process.pid}/fd')}
        free = min(set(range(len(used) + 1)) - used)
        resource.prlimit(machine.process.pid, resource.RLIMIT_NOFILE, (free, before[1]))
        return lambda: resource.prlimit(machine.process.pid, resource.RLIMIT_NOFILE, before)

    def test_client_that_cannot_be_let_in(self):
        """Told once, and tried again until it works."""
        for wait in ('off', 'on'):
            with self.subTest(wait=wait), \
                    Machine(*STILL, '-qmp', f'unix:{self.path("qmp")},server=on,wait={wait}', '-pidfile',
                            self.path('there')) as machine:
                # It has made all that it makes before a client comes.
                machine.wait_until(lambda w=wait: self.content('there') if w == 'off' else self.has_timer(machine))
                give_back = self.no_descriptors(machine)
                client = self.client(machine, 'qmp')
                machine.wait_for(r'qmp: Too many open files \(trying again\)', 'err')
                time.sleep(0.5)
                give_back()
                self.assertIn('QMP', client.line())
                ended = machine.terminate()
                self.assertEqual(ended.status, 0)
                self.assertEqual(ended.err.count('\n'), 1, ended.err)


@needs_kvm
class Serial(Test):
    SAID = 'exits: power-off\r\n'

    def power_off(self, serial, *more):
        return self.run_well(*guest('exits', 'do=power-off', *more, serial=serial))

    def test_file(self):
        path = self.file('out', b'what was in it goes' * 10)
        self.assertEqual(self.power_off(f'file:{path}').out, '')
        with open(path, 'rb') as file:
            self.assertEqual(file.read().decode(), self.SAID)

    def test_null_and_none(self):
        for serial in ('null', 'none'):
            self.assertEqual(self.power_off(serial).out, '')
        # The port nobody asked for is left out, too.
        self.assertEqual(self.power_off(None).out, '')

    def test_nographic(self):
        for options in (('-nographic',), ()):
            ended = self.run_well('-bios', rom('exits'), '-fw_cfg',
                                  'name=opt/org.coalport/guest,string=do=power-off', *options)
            self.assertEqual(ended.out, self.SAID)

    def connect(self, machine, path):
        """A client, once there is a server."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        self.addCleanup(client.close)

        def connected():
            try:
                client.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True
        machine.wait_until(connected)
        return client

    @staticmethod
    def receive(client):
        """All that comes."""
        got = b''
        while chunk := client.recv(4096):
            got += chunk
        return got.decode()

    def test_socket_that_waits_for_its_client(self):
        path = self.path('socket')
        with Machine(*guest('exits', 'do=power-off', serial=f'unix:{path},server=on')) as machine:
            self.assertEqual(self.receive(self.connect(machine, path)), self.SAID)
            ended = machine.end()
            self.assertEqual((ended.status, ended.out, ended.err), (0, '', ''))
        self.assertFalse(os.path.exists(path))

    def test_socket_both_ways_and_again(self):
        """The next client comes when one has left; the machine goes on in between."""
        path = self.path('socket')
        with Machine(*guest('exits', 'do=echo', serial=f'unix:{path},server=on,wait=off')) as machine:
            for word in (b'one', b'two'):
                client = self.connect(machine, path)
                client.sendall(word)
                got = b''
                while not got.endswith(word):
                    got += client.recv(64)
                client.close()
            self.connect(machine, path).sendall(b'\x04')
            ended = machine.end()
            self.assertEqual((ended.status, ended.out, ended.err), (0, '', ''))

    def test_socket_of_somebody_else(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path('socket'))
            server.listen()
            server.settimeout(PATIENCE)
            with Machine(*guest('exits', 'do=power-off', serial=f'unix:{self.path("socket")}')) as machine:
                client, _ = server.accept()
                with client:
                    client.settimeout(PATIENCE)
                    self.assertEqual(self.receive(client), self.SAID)
                self.assertEqual(machine.end().status, 0)
        self.assertTrue(os.path.exists(self.path('socket')))

    def test_two_ports(self):
        """The second one is there and its output goes where it was told to."""
        one, two = self.path('one'), self.path('two')
        with Machine(*guest('exits', f'do=write port={0x2f8} value=33', '-serial', f'file:{two}',
                            serial=f'file:{one}')) as machine:
            machine.wait_until(lambda: self.content('two') == '!')
            self.assertEqual(machine.terminate().status, 0)
        self.assertEqual(self.content('one'), 'exits: write\n')


@needs_kvm
class Parameters(Test):
    def test_fw_cfg_from_a_file(self):
        path = self.file('parameters', b'do=a20')
        ended = self.run_well(*guest('exits'), '-fw_cfg', f'name=opt/org.coalport/guest,file={path}')
        self.assertTrue(ended.out.startswith('exits: a20\r\n'), str(ended))

    def test_firmware_in_a_folder(self):
        os.mkdir(self.path('empty'))
        os.mkdir(self.path('full'))
        os.symlink(rom('exits'), self.path('full/fw.bin'))
        options = ('-nodefaults', '-serial', 'stdio', '-L', self.path('empty'), '-L', self.path('full'), '-fw_cfg',
                   'opt/org.coalport/guest,string=do=power-off')
        self.assertEqual(self.run_well(*options, '-bios', 'fw.bin').out, 'exits: power-off\r\n')
        self.run_badly(*options, '-bios', 'other.bin', status=1, says='other.bin: No such file or directory')

    def test_memory(self):
        for size in ('1M', '2', '3G', 'size=5G'):
            self.run_well(*guest('exits', 'do=power-off'), '-m', size)

    def test_processor(self):
        for cpu in ('host', 'max', 'host,-sse4.2', 'host,+x2apic'):
            self.run_well(*guest('exits', 'do=power-off'), '-cpu', cpu)

    def clock(self, *options, **how):
        """What the ticker says of the clock at its first second, and the least and most that may have passed."""
        begin = time.monotonic()
        with Machine(*guest('ticker', 'seconds=1', *options), **how) as machine:
            said = machine.wait_for(r'second 1: .* the clock says ([-\d]+ [:\d]+)\r')[1]
            most = time.monotonic() - begin
            self.assertEqual(machine.end().status, 0)
        return datetime.datetime.strptime(said, '%Y-%m-%d %H:%M:%S'), most

    def check_clock(self, base, options, **how):
        said, most = self.clock(*options, **how)
        passed = (said - base).total_seconds()
        self.assertGreaterEqual(passed, 0, said)
        self.assertLessEqual(passed, most + 2, said)

    def test_clock_from_a_date(self):
        for text in ('2006-06-17T16:01:21', '1999-12-31T23:59:59', '2024-02-28T23:59:59', '2000-02-29'):
            base = datetime.datetime.fromisoformat(text)
            for clock in ('host', 'rt', 'vm'):
                with self.subTest(base=text, clock=clock):
                    self.check_clock(base, ('-rtc', f'base={text},clock={clock}'))

    def test_clock_of_the_host(self):
        utc = datetime.timezone.utc
        now = datetime.datetime.now(utc).replace(tzinfo=None, microsecond=0)
        self.check_clock(now, ('-rtc', 'base=utc'))
        now = datetime.datetime.now(utc).replace(tzinfo=None, microsecond=0)
        zone = datetime.timedelta(hours=5, minutes=30)
        self.check_clock(now + zone, ('-rtc', 'base=localtime'), env={**os.environ, 'TZ': 'XYZ-5:30'})


main()
