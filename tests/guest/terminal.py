# SPDX-License-Identifier: MIT
"""A program on a terminal of its own."""
import fcntl
import os
import pty
import resource
import subprocess
import termios
import unittest

from machine import Machine, PATIENCE, without_leak_check

# A machine that needs no KVM and does nothing until it is told to end.
STILL = ('-accel', 'qtest', '-S', '-nodefaults', '-display', 'none')
IFLAG, OFLAG, LFLAG = 0, 1, 3


class Terminal(Machine):
    """A program whose standard input and output, and whose terminal, is a new pseudo-terminal."""

    def __init__(self, *options, **how):
        try:
            self.master, self.slave = pty.openpty()
        except OSError as error:
            raise unittest.SkipTest(f'no pseudo-terminal: {error}') from error
        self.before = self.attributes()

        def own():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

        super().__init__(*options, stdin=self.slave, stdout=self.slave, start_new_session=True,
                         preexec_fn=own, env=without_leak_check(), **how)
        self.collect('out', self.master)

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def type(self, keys):
        self.wait_until(lambda: self.attributes()[LFLAG] & (termios.ICANON | termios.ECHO) == 0)
        while keys:
            # As fast as the program takes it: what it does not take waits in the terminal.
            try:
                keys = keys[os.write(self.master, keys):]
            except BlockingIOError:
                pass
            self.take()

    def take(self):
        """Takes what was said so far."""
        try:
            self.pump(0)
        except TimeoutError:
            pass

    def end(self, limit=PATIENCE):
        """The terminal outlives the program: there is no end of file to wait for."""
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.fail(f'did not end within {limit} s')
        self.take()
        self.take()
        self.after = self.attributes()
        self.forget(self.master)
        return super().end(limit)

    def close(self):
        super().close()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1
