# SPDX-License-Identifier: MIT
"""A terminal for programs that draw on one: a window of tmux."""
import os
import re
import shutil
import subprocess
import time
import unittest

from machine import PATIENCE, without_leak_check

TMUX = shutil.which('tmux')
needs_tmux = unittest.skipUnless(TMUX, 'tmux is not installed')


class Pane:
    """A terminal with a shell in it."""

    def __init__(self, folder, columns, rows, environment=''):
        self.tmux = [TMUX, '-u', '-S', os.path.join(folder, 'tmux'), '-f', '/dev/null']
        self.call('new-session', '-d', '-x', str(columns), '-y', str(rows),
                  f'{environment} PS1=%% exec bash --norc --noprofile -i')
        self.wait_for(r'^%', 'no shell')
        self.type('stty -g >' + os.path.join(folder, 'before') + '; clear')
        self.wait(lambda: os.path.exists(os.path.join(folder, 'before')), 'no stty')
        self.folder = folder

    def call(self, *command):
        return subprocess.run([*self.tmux, *command], check=True, capture_output=True, encoding='utf-8',
                              env=without_leak_check()).stdout

    def text(self):
        return self.call('capture-pane', '-p')

    def looks(self):
        """The text with the sequences of its colours."""
        return self.call('capture-pane', '-p', '-e')

    def keys(self, *keys):
        self.call('send-keys', *keys)

    def type(self, line):
        self.call('send-keys', '-l', line)
        self.keys('Enter')

    def resize(self, columns, rows):
        self.call('resize-window', '-x', str(columns), '-y', str(rows))

    def wait(self, condition, why):
        end = time.monotonic() + PATIENCE
        while not (what := condition()):
            if time.monotonic() > end:
                raise AssertionError(f'{why}; the terminal has\n{self.text()}')
            time.sleep(0.01)
        return what

    def wait_for(self, pattern, why=None):
        return self.wait(lambda: re.search(pattern, self.text(), re.M), why or f'no {pattern!r}')

    def wait_without(self, pattern):
        self.wait(lambda: not re.search(pattern, self.text(), re.M), f'still {pattern!r}')

    def pid(self):
        """Of what runs in the shell."""
        shell = self.call('display-message', '-p', '#{pane_pid}').strip()

        def child():
            with open(f'/proc/{shell}/task/{shell}/children', encoding='ascii') as file:
                return file.read().split()
        return int(self.wait(child, 'nothing runs')[0])

    def restored(self):
        """The terminal is as it was before: its modes, and what was on it."""
        after = os.path.join(self.folder, 'after')
        self.type(f'stty -g >{after}.new; mv {after}.new {after}')
        self.wait(lambda: os.path.exists(after), 'no shell')
        with open(os.path.join(self.folder, 'before'), encoding='ascii') as old, open(after, encoding='ascii') as new:
            same = old.read() == new.read()
        os.unlink(after)
        return same and not int(self.call('display-message', '-p', '#{alternate_on}'))

    def close(self):
        subprocess.run([*self.tmux, 'kill-server'], check=False, capture_output=True)
