# SPDX-License-Identifier: MIT
"""Conversations in lines, and the monitor's."""
import json

from machine import PATIENCE


class Line:
    """One end of a conversation in lines."""

    def __init__(self, connection):
        connection.settimeout(PATIENCE)
        self.connection = connection
        self.lines = connection.makefile('rwb')

    def say(self, text):
        self.lines.write(text.encode())
        self.lines.flush()

    def hear(self):
        return self.lines.readline().decode()

    def ask(self, text):
        self.say(text + '\n')
        return self.hear().removesuffix('\n')

    def close(self):
        self.lines.close()
        self.connection.close()


class Qmp(Line):
    """A client that keeps the events it hears."""

    def __init__(self, connection):
        super().__init__(connection)
        self.greeting = json.loads(self.hear())
        self.events = []
        self.data = {}  # of the last event of each name

    def keep(self, event):
        self.events.append(event['event'])
        self.data[event['event']] = event.get('data')

    def execute(self, command, **arguments):
        request = {'execute': command}
        if arguments:
            request['arguments'] = arguments
        self.say(json.dumps(request))
        while 'event' in (answer := json.loads(self.hear())):
            self.keep(answer)
        return answer

    def wait_for(self, event):
        while event not in self.events:
            self.keep(json.loads(self.hear()))
