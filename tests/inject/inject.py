# SPDX-License-Identifier: MIT
"""Every system call of start-up and of a short run fails once, and from then on.

A clean run under strace lists the calls that a scenario makes. For each of them the scenario runs
again with an error injected at that call, alone or at it and all later ones of its name. It has to
end with status 0 and the right output, or with status 1 or 2 and a line that tells. A machine that
waits, as a server waits for a client that it cannot accept, has to have told and to end when it gets
SIGTERM; a guest may see a disk's error if that is told. A signal's death, silence, and an output
that is wrong unnoticed are failures.

usage: inject.py [SCENARIO[:CALL[:N[+][:ERRNO]]] ...]

Without arguments it runs a sample of COALPORT_INJECT cases (60), drawn by COALPORT_SEED; "all" is all
of them. What the file "known" lists is left out of samples and fails nothing. An argument runs what
it names: "plain", "plain:ioctl", "plain:ioctl:12+:EIO".

Left out: what the dynamic loader and glibc do before main(), calls that cannot fail or whose failure
glibc answers by aborting (futex, exit and the like), and, of long rows of the same call by one
thread, those in the middle but a few.
"""
import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'guest'))
from machine import COALPORT, guest, no_kvm  # pylint: disable=wrong-import-position

LIMIT = float(os.environ.get('COALPORT_INJECT_LIMIT', '60'))  # seconds that a run may take
TERM_LIMIT = LIMIT / 3  # and that it may take to end after SIGTERM
JOBS = 2
SAMPLE = 60
BIOS = '/usr/share/seabios/bios-256k.bin'

# brk() has no error: it answers with the old end, which strace cannot inject. Nor can these of
# signals fail, as they are called.
NEVER = {'brk', 'rt_sigaction', 'rt_sigprocmask', 'execve', 'exit', 'exit_group', 'rt_sigreturn', 'restart_syscall', 'futex', 'rseq', 'set_robust_list',
         'set_tid_address', 'arch_prctl', 'getpid', 'gettid', 'tgkill'}

# What a call may fail with: by itself, or by a seccomp filter (EPERM, ENOSYS).
ERRORS = {
    'accept4': ('EMFILE', 'ECONNABORTED', 'EINTR', 'EPERM'),
    'bind': ('EADDRINUSE', 'EACCES'),
    'clone3': ('EAGAIN', 'ENOSYS', 'EPERM'),
    'close': ('EIO', 'EINTR'),
    'epoll_ctl': ('ENOMEM', 'ENOSPC', 'EPERM'),
    'epoll_wait': ('EINTR', 'EPERM'),
    'fcntl': ('EINVAL', 'EPERM', 'ENOLCK'),
    'fdatasync': ('EIO', 'ENOSPC'),
    'ftruncate': ('EIO', 'ENOSPC'),
    'getrandom': ('EAGAIN', 'ENOSYS'),
    'getsockopt': ('ENOBUFS', 'EPERM'),
    'io_uring_enter': ('EPERM', 'ENOSYS', 'EAGAIN', 'EINTR'),
    'io_uring_setup': ('EPERM', 'ENOSYS', 'ENOMEM'),
    'ioctl': ('ENOMEM', 'EPERM', 'EIO', 'EINTR'),
    'listen': ('EADDRINUSE', 'EPERM'),
    'madvise': ('EAGAIN', 'EPERM'),
    'mmap': ('ENOMEM', 'EPERM'),
    'mprotect': ('ENOMEM', 'EPERM'),
    'munmap': ('ENOMEM',),
    'newfstatat': ('EIO', 'EPERM'),
    'openat': ('EMFILE', 'EACCES', 'EIO', 'EINTR'),
    'pread64': ('EIO', 'EINTR'),
    'read': ('EIO', 'EINTR', 'EPERM'),
    'recvmsg': ('ECONNRESET', 'EINTR'),
    'recvfrom': ('ECONNRESET', 'EINTR'),
    'sendto': ('EPIPE', 'EINTR', 'EPERM'),
    'socket': ('EMFILE', 'EPERM'),
    'unlink': ('EPERM', 'EIO'),
    'write': ('EIO', 'ENOSPC', 'EINTR', 'EPERM'),
}
OTHERS = ('ENOMEM', 'EPERM')
# An error that asks to try again cannot come for ever, but for these calls it does.
TRANSIENT = {'EINTR', 'EAGAIN', 'ECONNABORTED'}
LASTING_AGAIN = {('io_uring_enter', 'EAGAIN'), ('clone3', 'EAGAIN'), ('madvise', 'EAGAIN')}

# A connection that breaks is that client's loss; if each one does, the machine goes on without any.
OF_CLIENTS = {'sendto', 'recvfrom', 'sendmsg', 'recvmsg'}

Case = namedtuple('Case', 'scenario call number lasting error what')


def name_of(case):
    return f'{case.scenario}:{case.call}:{case.number}{"+" if case.lasting else ""}:{case.error}'


class Scenario:
    """A command line in a folder of its own, and what has to come of it."""
    constant = ()  # options of strace for every run
    excuse = None  # a complaint after which the output may be another one

    def options(self, folder):
        raise NotImplementedError

    def client(self, folder, process):
        """What somebody else does meanwhile."""

    def check(self, folder, out):
        """What is wrong with the outcome of a run that says it went well, or None."""
        raise NotImplementedError

    def takes(self, call, line):
        return True


class Plain(Scenario):
    """A guest that says a line and switches off; report, pidfile."""
    excuse = '/pid is left behind'

    def options(self, folder):
        return guest('exits', 'do=power-off', '-exits', f'json,file={folder}/exits', '-pidfile', f'{folder}/pid',
                     '-name', 'plain', '-no-reboot')

    def check(self, folder, out):
        if out != 'exits: power-off\r\n':
            return f'output {out!r}'
        with open(f'{folder}/exits', encoding='utf-8') as file:
            report = json.load(file)
        if report['exits'] < 10 or not report['rows']:
            return 'a report that lacks something'
        return 'the pidfile is still there' if os.path.exists(f'{folder}/pid') else None


class Ticker(Scenario):
    """The embedded guest: interrupts, timers, coalesced writes."""

    def options(self, folder):
        return guest('ticker', 'rate=64 seconds=1')

    def check(self, folder, out):
        said = re.fullmatch(r'coalport: embedded guest, ticking on the RTC at 64 Hz for 1 seconds?\.\r\n'
                            r'On each tick .*\r\n  second 1: (\d+) ticks so far, .*\r\n'
                            r'Saw (\d+) ticks while the clock went on by \d+ seconds?\. Switching .*\r\n', out)
        return None if said and int(said[1]) >= 64 else f'output {out!r}'

    def takes(self, call, line):
        """Not the start once more."""
        if call == 'ioctl':
            return not re.search('KVM_(CHECK|CREATE|GET|SET)_', line)
        return call in ('read', 'write', 'epoll_wait', 'timerfd_settime')


class Monitor(Scenario):
    """A guest that halts until a client of QMP, which comes again if it was thrown out, ends it."""
    excuse = '/pid is left behind'

    def options(self, folder):
        return guest('exits', 'do=halt', '-qmp', f'unix:{folder}/qmp,server=on,wait=on', '-pidfile', f'{folder}/pid',
                     serial=f'file:{folder}/serial')

    def client(self, folder, process):
        while process.poll() is None:
            try:
                self.talk(folder)
                return
            except (OSError, ValueError, EOFError):
                time.sleep(0.02)

    def talk(self, folder):
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(1)
            qmp.connect(f'{folder}/qmp')
            with qmp.makefile('r', encoding='utf-8', newline='\n') as lines:
                lines.readline()
                right = True
                for word in ('qmp_capabilities', 'stop', 'cont', 'query-status'):
                    qmp.sendall(json.dumps({'execute': word}).encode())
                    answer = {}
                    while 'return' not in answer:
                        answer = json.loads(lines.readline())
                        if 'error' in answer:
                            raise ValueError
                    right = right and (word != 'query-status' or answer['return']['status'] == 'running')
                with open(f'{folder}/heard', 'w', encoding='utf-8') as file:
                    file.write('right' if right else 'wrong')
                qmp.sendall(json.dumps({'execute': 'quit'}).encode())
                while lines.readline():
                    pass

    def check(self, folder, out):
        with open(f'{folder}/heard', encoding='utf-8') as file:
            heard = file.read()
        if heard != 'right':
            return 'the monitor answers wrongly'
        return 'the pidfile is still there' if os.path.exists(f'{folder}/pid') else None


class Control(Scenario):
    """
    A guest that halts until it is ended over the control socket, by a client that comes again if it was thrown out.
    Where nobody gets in, SIGTERM ends it.
    """
    excuse = 'control socket: '
    tries = 5

    def options(self, folder):
        return guest('exits', 'do=halt', '-pidfile', f'{folder}/pid', serial=f'file:{folder}/serial')

    def client(self, folder, process):
        for _ in range(self.tries):
            if not (pid := self.listens(folder, process)):
                break
            try:
                self.talk(folder, pid)
                return
            except (OSError, ValueError):
                time.sleep(0.2)
        process.send_signal(signal.SIGTERM)

    def listens(self, folder, process):
        """The number of the machine if it has got its door; its pidfile comes after that."""
        while process.poll() is None:
            try:
                with open(f'{folder}/pid', encoding='ascii') as file:
                    pid = int(file.read())
            except (OSError, ValueError):
                time.sleep(0.02)
                continue
            with open('/proc/net/unix', encoding='ascii', errors='replace') as file:
                return pid if re.search(rf' 00010000 .* @coalport/{pid}\n', file.read()) else None
        return None

    def talk(self, folder, pid):
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(2)
            qmp.connect(f'\0coalport/{pid}')
            with qmp.makefile('r', encoding='utf-8', newline='\n') as lines:
                if 'QMP' not in json.loads(lines.readline()):
                    raise ValueError
                for word in ('qmp_capabilities', 'query-status', 'quit'):
                    qmp.sendall(json.dumps({'execute': word}).encode())
                    while 'return' not in (answer := json.loads(lines.readline())):
                        if 'error' in answer:
                            raise ValueError
                    if word == 'query-status':
                        with open(f'{folder}/heard', 'w', encoding='utf-8') as file:
                            file.write(answer['return']['status'])
                while lines.readline():
                    pass

    def takes(self, call, line):
        """What others do not do: calls on sockets, and what makes the loop look at them."""
        return call in ('socket', 'bind', 'listen', 'accept4', 'getsockopt', 'epoll_ctl', 'recvfrom', 'recvmsg',
                        'sendto', 'sendmsg', 'timerfd_settime')

    def check(self, folder, out):
        with open(f'{folder}/heard', encoding='utf-8') as file:
            heard = file.read()
        return None if heard == 'running' else f'the control socket says {heard!r}'


# Reads sector 1, says what is in it on COM1, writes it to sector 2, and switches off.
BOOT = bytes.fromhex(
    '31c08ed88ec0'  # xor ax, ax; mov ds, ax; mov es, ax
    'b80102bb007eb90200b600cd13721d'  # read the second sector to 0x7e00; if that fails, jump to the last line
    'be007e52baf803ac84c07403eeebf85a'  # every byte up to a zero to COM1
    'b80103bb007eb90300b600cd13'  # write it to the third
    'ba0406b80020effaf4').ljust(510, b'\0') + b'\x55\xaa'
TEXT = b'this was on the disk\r\n'


class Disk(Scenario):
    """SeaBIOS boots from a virtio disk, on which a sector is copied."""
    excuse = 'the guest sees an I/O error'

    def options(self, folder):
        with open(f'{folder}/disk', 'wb') as disk:
            disk.write(BOOT + TEXT.ljust(512, b'\0'))
            disk.truncate(1 << 20)
        return ['-M', 'pc', '-nodefaults', '-display', 'none', '-m', '16', '-serial', 'stdio', '-drive',
                f'file={folder}/disk,format=raw,if=virtio', '-no-reboot']

    def check(self, folder, out):
        # The firmware's console is not ours to compare.
        if TEXT.decode() not in out:
            return f'output {out!r}'
        with open(f'{folder}/disk', 'rb') as disk:
            disk.seek(1024)
            return None if disk.read(len(TEXT)) == TEXT else 'the sector was not written'

    def takes(self, call, line):
        """What the others do not do."""
        if call == 'ioctl':
            return 'IOEVENTFD' in line or 'IRQFD' in line
        return call in ('openat', 'fcntl', 'newfstatat', 'statx', 'lseek', 'mmap', 'clone3', 'eventfd2', 'close') or \
            call.startswith(('io_uring', 'pread', 'pwrite', 'fdata', 'fsync', 'fallocate', 'flock'))


class DiskOfThread(Disk):
    """The same where the kernel refuses io_uring."""
    constant = ('-e', 'inject=io_uring_setup:error=EPERM')

    def takes(self, call, line):
        return call.startswith(('pread', 'pwrite', 'fdata', 'fsync')) or call == 'clone3'


SCENARIOS = {'plain': Plain(), 'ticker': Ticker(), 'monitor': Monitor(), 'control': Control(),
             'disk': Disk(), 'disk-thread': DiskOfThread()}


def known():
    """What goes wrong still, by the file of that name: name of the case and its call to what it is."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'known'), encoding='utf-8') as file:
        lines = [line.split(maxsplit=1) for line in file if line.strip() and not line.startswith('#')]
    return [(re.compile(pattern), what.strip()) for pattern, what in lines]


def is_known(case, patterns):
    return any(pattern.fullmatch(f'{name_of(case)}:{case.what}') for pattern, _ in patterns)


def missing(name):
    return not os.path.exists(BIOS) if name.startswith('disk') else False


live = set()  # programs that run


def start(scenario, folder, tracing):
    command = ['strace', '-f', '-qq', *tracing, '-e', 'signal=none', COALPORT, *scenario.options(folder)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(scenario, folder, tracing):
    """Status, output, complaints, whether SIGTERM was needed, whether it helped."""
    process = start(scenario, folder, tracing)
    live.add(process)
    client = threading.Thread(target=scenario.client, args=(folder, process), daemon=True)
    client.start()
    asked = hung = False
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        asked = True
        process.send_signal(signal.SIGTERM)
        try:
            out, err = process.communicate(timeout=TERM_LIMIT)
        except subprocess.TimeoutExpired:
            hung = True
            process.kill()
            out, err = process.communicate()
    live.discard(process)
    client.join()
    return process.returncode, out.decode(errors='replace'), err.decode(errors='replace'), asked, hung


def judge(scenario, folder, case, outcome):
    """What is wrong, or None."""
    status, out, err, asked, hung = outcome
    told = re.search(r'^coalport: .', err, re.M)
    # If nothing can be written, nothing can be told.
    mute = case.call in ('write', 'writev') and status in (1, 2)
    if hung:
        return f'hangs, and SIGTERM does nothing; said {err!r}'
    if asked:
        return None if told else 'goes on for ever without a word, until SIGTERM'
    if status < 0:
        return f'died of {signal.Signals(-status).name}; said {err!r}'
    if status in (1, 2):
        return None if told or mute else f'status {status} without a word; said {err!r}'
    if status:
        return f'status {status}; said {err!r}'
    if told and scenario.excuse and scenario.excuse in err:
        return None
    try:
        return (wrong := scenario.check(folder, out)) and f'status 0, but {wrong}; said {err!r}'
    except (OSError, ValueError, KeyError) as why:
        return f'status 0, but {why!r}; said {err!r}'


def chosen(numbers):
    """Of a long row of the same call: the first ones, the last, some between."""
    if len(numbers) <= 8:
        return numbers
    return numbers[:3] + [numbers[len(numbers) * i // 4] for i in (1, 2, 3)] + numbers[-2:]


def calls_of(name, scenario, log):
    """(call, number, what) of a clean run; numbers count the calls of that name of one thread, as strace does."""
    counts, before, kinds = {}, Counter(), {}
    main = None
    with open(log, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            found = re.match(r'(\d+) +(\w+)\((.*)', line)
            if not found:
                continue
            thread, call, rest = found.groups()
            main = main or thread
            number = counts.setdefault(thread, Counter())[call] = counts.get(thread, Counter())[call] + 1
            if thread == main and not kinds and not (call == 'fcntl' and 'F_GETFD' in rest):
                before[call] += 1
                continue
            what = re.search(r'\b(KVM_\w+|TC\w+|FION\w+|F_\w+|EPOLL_CTL_\w+)', rest)
            what = what[0] if call in ('ioctl', 'fcntl', 'epoll_ctl') and what else ''
            kinds.setdefault((thread, call, what), [])
            if number > before[call] and call not in NEVER and scenario.takes(call, line):
                kinds[thread, call, what].append(number)
    seen = {}
    for (thread, call, what), numbers in kinds.items():
        for number in chosen(numbers):
            seen.setdefault((call, number), what)
    return [(call, number, what) for (call, number), what in seen.items()]


def clean_run(name, scenario):
    """The cases of a scenario, after it has shown that it works."""
    with tempfile.TemporaryDirectory(prefix='coalport-inject-') as folder:
        log = f'{folder}/strace'
        outcome = run(scenario, folder, ['-o', log, *scenario.constant])
        wrong = judge(scenario, folder, Case(name, '', 0, False, '', ''), outcome)
        if wrong or outcome[0]:
            raise SystemExit(f'{name} fails without an injection: {wrong or outcome}')
        cases = []
        for call, number, what in calls_of(name, scenario, log):
            for error in ERRORS.get(call, OTHERS):
                cases.append(Case(name, call, number, False, error, what))
                if (call, error) in LASTING_AGAIN or not (error in TRANSIENT or call in OF_CLIENTS):
                    cases.append(Case(name, call, number, True, error, what))
        return cases


def run_case(case):
    scenario = SCENARIOS[case.scenario]
    when = f'{case.number}{"+" if case.lasting else ""}'
    constant = scenario.constant
    traced = ','.join({case.call, *re.findall(r'inject=(\w+)', ' '.join(constant))})
    # -D: the program is our child and strace its tracer only, so that statuses and signals are its own.
    tracing = ['-D', '--seccomp-bpf', '-o', '/dev/null', *constant, '-e',
               f'inject={case.call}:error={case.error}:when={when}', '-e', f'trace={traced}']
    with tempfile.TemporaryDirectory(prefix='coalport-inject-') as folder:
        begun = time.monotonic()
        wrong = judge(scenario, folder, case, run(scenario, folder, tracing))
        return case, wrong, time.monotonic() - begun


def wanted(names):
    """All the cases that the arguments name, or a sample of all."""
    asked = [name.split(':') for name in names]
    which = {name[0] for name in asked} or set(SCENARIOS)
    if which - set(SCENARIOS):
        raise SystemExit(f'no such scenario; there are: {", ".join(SCENARIOS)}')
    cases = []
    for name, scenario in SCENARIOS.items():
        if name not in which:
            continue
        if missing(name):
            print(f'SKIP: SeaBIOS is not installed (seabios) ({name})', flush=True)
            continue
        cases += clean_run(name, scenario)
    if asked:
        return [case for case in cases if any(name_of(case).split(':')[:len(one)] == one for one in asked)]
    size = os.environ.get('COALPORT_INJECT', str(SAMPLE))
    if size == 'all':
        return cases
    cases = [case for case in cases if not is_known(case, known())]
    seed = int(os.environ.get('COALPORT_SEED', '1'))
    print(f'{size} of {len(cases)} cases, drawn with COALPORT_SEED={seed}', flush=True)
    return random.Random(seed).sample(cases, min(int(size), len(cases)))


def skip(why):
    print(f'SKIP: {why}\n[  SKIPPED  ] 1 test(s).')
    sys.exit(77)


def strace_works():
    if not shutil.which('strace'):
        return 'strace is not installed'
    try:
        tried = subprocess.run(['strace', '-D', '-f', '-qq', '--seccomp-bpf', '-o', '/dev/null', '-e',
                                'inject=getppid:error=EPERM', '-e', 'trace=getppid', 'true'],
                               capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return 'strace does not get on here'
    return None if not tried.returncode and not tried.stderr else 'strace may not trace here (ptrace)'


def give_up(*_):
    """Nothing is left running."""
    for process in list(live):
        process.kill()
    os._exit(1)


def main():
    os.environ['LC_ALL'] = 'C'
    signal.signal(signal.SIGTERM, give_up)
    why = no_kvm() or strace_works()
    if why:
        skip(why)
    cases = wanted(sys.argv[1:])
    patterns = known()
    bad = tolerated = 0
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for case, wrong, seconds in pool.map(run_case, cases):
            if wrong:
                expected = is_known(case, patterns)
                bad += not expected
                tolerated += expected
                print(f'{"known: " if expected else ""}{name_of(case)} {case.what}: {wrong} ({seconds:.1f} s)', flush=True)
    for kind, count in (('PASSED', len(cases) - bad - tolerated), ('SKIPPED', tolerated), ('FAILED', bad)):
        if count:
            print(f'[  {kind}  ] {count} test(s).')
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
