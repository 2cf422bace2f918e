# SPDX-License-Identifier: MIT
"""What the tests share that run the program as a user does.

The environment names what is tested: COALPORT (the program), GUESTS (the folder of guests/*.bin) and
SOURCE (the root of the source tree); meson sets them. A test file is a program: it calls main(), which
prints what summary.py counts and ends with 77 if nothing could be run.

No test fails because the machine is slow. PATIENCE is for what would otherwise never end.
"""
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PATIENCE = int(os.environ.get('PATIENCE', '240'))  # seconds
COALPORT = os.path.abspath(os.environ.get('COALPORT', 'build/coalport'))
GUESTS = os.path.abspath(os.environ.get('GUESTS', 'build/guests'))
SOURCE = os.path.abspath(os.environ.get('SOURCE', '.'))
PARAMETERS = 'name=opt/org.coalport/guest,string='


def no_kvm():
    """Why no guest can run here, or None."""
    if not os.path.exists('/dev/kvm'):
        return '/dev/kvm is not there'
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return '/dev/kvm: no permission'
    return None


def without_leak_check():
    """The environment of a program whose terminal stands still or goes, or that gets signals, as it ends.

    LeakSanitizer stops all threads at the end of a program: then it fails, or never ends.
    """
    given = os.environ.get('ASAN_OPTIONS')
    return {**os.environ, 'ASAN_OPTIONS': given + ':detect_leaks=0'} if given else dict(os.environ)


needs_kvm = unittest.skipIf(no_kvm(), no_kvm())


def rom(name):
    return os.path.join(GUESTS, name + '.bin')


def guest(name, parameters='', *more, serial='stdio'):
    """The options that run a guest of our own, on coalport or on QEMU."""
    options = ['-M', 'pc', '-nodefaults', '-display', 'none', '-m', '16', '-bios', rom(name)]
    if parameters:
        options += ['-fw_cfg', PARAMETERS + parameters]
    if serial:
        options += ['-serial', serial]
    return options + list(more)


def without_digits(text):
    """Two runs say the same but for times and counts."""
    return re.sub(r'\d+', 'N', text.replace('\r\n', '\n'))


class Ended:
    """How a program ended and what it said."""

    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def __str__(self):
        return f'status {self.status}\n--- output\n{self.out}\n--- errors\n{self.err}\n---'


class Machine:
    """A program that runs. Its output is collected while one of the methods waits for something."""

    def __init__(self, *options, program=COALPORT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE, **popen):
        self.text = {'out': b'', 'err': b''}
        self.selector = selectors.DefaultSelector()
        self.begun = time.monotonic()
        self.process = subprocess.Popen([program, *options], stdin=stdin, stdout=stdout, stderr=stderr,
                                        **popen)
        for name, pipe in (('out', self.process.stdout), ('err', self.process.stderr)):
            if pipe:
                self.collect(name, pipe.fileno())

    def collect(self, name, fd):
        """Also takes what comes from fd, as text name."""
        os.set_blocking(fd, False)
        self.text.setdefault(name, b'')
        self.selector.register(fd, selectors.EVENT_READ, name)

    def forget(self, fd):
        self.selector.unregister(fd)

    def said(self, name='out'):
        return self.text[name].decode(errors='replace')

    def pump(self, end):
        """Takes what was said; false if nothing more will come, TimeoutError at the end."""
        if not self.selector.get_map():
            return False
        ready = self.selector.select(max(0, end - time.monotonic()))
        if not ready and time.monotonic() >= end:
            raise TimeoutError
        for key, _ in ready:
            try:
                chunk = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            except OSError:  # a pseudo-terminal whose other side is gone
                chunk = b''
            self.text[key.data] += chunk
            if not chunk:
                self.selector.unregister(key.fd)
        return True

    def fail(self, why):
        self.kill()
        raise AssertionError(f'{why}\n--- output\n{self.said()}\n--- errors\n{self.said("err")}\n---')

    def wait_for(self, pattern, name='out', limit=PATIENCE):
        """The match of a regular expression in what was said so far, as soon as it is there."""
        end = time.monotonic() + limit
        while not (found := re.search(pattern, self.said(name))):
            try:
                if not self.pump(end):
                    self.fail(f'ended (status {self.process.wait()}) and never said {pattern!r}')
            except TimeoutError:
                self.fail(f'did not say {pattern!r} within {limit} s')
        return found

    def wait_until(self, condition, limit=PATIENCE):
        """Waits for something outside of the program, while that runs."""
        end = time.monotonic() + limit
        while not condition():
            if self.process.poll() is not None:
                self.fail(f'ended (status {self.process.returncode})')
            if time.monotonic() > end:
                self.fail(f'it did not happen within {limit} s')
            time.sleep(0.002)

    def expects_signals(self):
        """Those that end it are an event to it, from now on."""
        try:
            folder = f'/proc/{self.process.pid}/fd'
            return any('signalfd' in os.readlink(f'{folder}/{fd}') for fd in os.listdir(folder))
        except FileNotFoundError:  # closed meanwhile
            return False

    def send(self, number):
        self.process.send_signal(number)

    def end(self, limit=PATIENCE):
        """Waits until it ends."""
        end = time.monotonic() + limit
        try:
            while self.pump(end):
                pass
            status = self.process.wait(max(0, end - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            self.fail(f'did not end within {limit} s')
        seconds = time.monotonic() - self.begun
        self.close()
        return Ended(status, self.said(), self.said('err'), seconds)

    def terminate(self, number=signal.SIGTERM):
        self.send(number)
        return self.end()

    def close(self):
        self.selector.close()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def run(*options, limit=PATIENCE, **how):
    """Runs the program to its end."""
    with Machine(*options, **how) as machine:
        return machine.end(limit)


class Test(unittest.TestCase):
    """A test with a folder of its own, which goes afterwards."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='coalport-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content=b'', size=None):
        """Makes a file of this content, or of this size."""
        with open(self.path(name), 'wb') as out:
            out.write(content)
            if size is not None:
                out.truncate(size)
        return self.path(name)

    def content(self, name):
        """Of a file, or '' if it is not there."""
        if not os.path.exists(self.path(name)):
            return ''
        with open(self.path(name), encoding='utf-8', errors='replace') as file:
            return file.read()

    def run_well(self, *options, **how):
        """Runs the program, which is to end with status 0 and without complaint."""
        ended = run(*options, **how)
        self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
        return ended

    def run_badly(self, *options, status=(1, 2), says='', **how):
        """Runs the program, which is to refuse with one line that contains a text."""
        ended = run(*options, **how)
        self.check_refusal(ended, status, says)
        return ended

    def check_refusal(self, ended, status, says):
        self.assertIn(ended.status, status if isinstance(status, tuple) else (status,), str(ended))
        self.assertRegex(ended.err, r'\Acoalport: [^\n]+\n\Z', str(ended))
        self.assertIn(says, ended.err)


class Counting(unittest.TextTestResult):
    """Says what summary.py looks for."""

    def __init__(self, *args):
        super().__init__(*args)
        self.good = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.good += 1

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f'SKIP: {reason} ({test.id().removeprefix("__main__.")})', flush=True)


def main():
    """Runs the tests of the file that is the program."""
    os.environ['LC_ALL'] = 'C'
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by a signal'))
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Counting)
    names = sys.argv[1:]
    loader = unittest.defaultTestLoader
    module = sys.modules['__main__']
    tests = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    result = runner.run(tests)
    bad = len(result.failures) + len(result.errors)
    for name, count in (('PASSED', result.good), ('SKIPPED', len(result.skipped)), ('FAILED', bad)):
        if count:
            print(f'[  {name}  ] {count} test(s).')
    sys.exit(1 if bad else 0 if result.good else 77)
