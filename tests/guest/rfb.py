# SPDX-License-Identifier: MIT
"""A small VNC viewer (RFC 6143): what the tests of the server say to it, and what they hear."""
import base64
import os
import socket
import struct

RAW, DESKTOP_SIZE, EXTENDED_KEYS = 0, -223, -258

# DES as FIPS 46-3 has it: the tables, counted from 1 at the left.
IP = [58 + 2 * row - 8 * column if row < 4 else 57 + 2 * (row - 4) - 8 * column
      for row in range(8) for column in range(8)]
FP = [IP.index(bit) + 1 for bit in range(1, 65)]
E = [(4 * row + column - 1) % 32 + 1 for row in range(8) for column in range(6)]
P = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
     2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25]
PC1 = [57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3,
       60, 52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37,
       29, 21, 13, 5, 28, 20, 12, 4]
PC2 = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
       41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32]
SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
S = ['e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d',
     'f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9',
     'a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c',
     '7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e',
     '2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453',
     'c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d',
     '4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c',
     'd2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b']


def permute(bits, table):
    return [bits[place - 1] for place in table]


def to_bits(data):
    return [byte >> (7 - i) & 1 for byte in data for i in range(8)]


def to_bytes(bits):
    return bytes(int(''.join(map(str, bits[i:i + 8])), 2) for i in range(0, len(bits), 8))


def des_round(half, key):
    mixed = [a ^ b for a, b in zip(permute(half, E), key)]
    out = []
    for box in range(8):
        six = mixed[6 * box:6 * box + 6]
        row, column = six[0] * 2 + six[5], int(''.join(map(str, six[1:5])), 2)
        value = int(S[box].split()[row][column], 16)
        out += [value >> (3 - i) & 1 for i in range(4)]
    return permute(out, P)


def des(key, block):
    bits, halves = permute(to_bits(key), PC1), permute(to_bits(block), IP)
    c, d, left, right = bits[:28], bits[28:], halves[:32], halves[32:]
    for shift in SHIFTS:
        c, d = c[shift:] + c[:shift], d[shift:] + d[:shift]
        left, right = right, [a ^ b for a, b in zip(left, des_round(right, permute(c + d, PC2)))]
    return to_bytes(permute(right + left, FP))


def answer_challenge(password, challenge):
    """RFC 6143, 7.2.2: each byte of the key has its bits in the other order."""
    key = bytes(int(f'{byte:08b}'[::-1], 2) for byte in password.encode()[:8].ljust(8, b'\0'))
    return des(key, challenge[:8]) + des(key, challenge[8:])


class Refused(Exception):
    pass


def exactly(connection, n):
    """n bytes of a connection, or EOFError."""
    data = b''
    while len(data) < n:
        chunk = connection.recv(n - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


class WebSocket:
    """The bytes of a connection in binary frames (RFC 6455)."""

    def __init__(self, connection):
        self.connection, self.pending = connection, b''
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall((f'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                            f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n'
                            f'Sec-WebSocket-Protocol: binary\r\nOrigin: http://localhost\r\n\r\n').encode())
        self.answer = b''
        while not self.answer.endswith(b'\r\n\r\n'):
            self.answer += self.exactly(1)

    def exactly(self, n):
        return exactly(self.connection, n)

    def sendall(self, data):
        mask = os.urandom(4)
        head = bytes([0x82, 0x80 | len(data)]) if len(data) < 126 else b'\x82\xfe' + struct.pack('>H', len(data))
        self.connection.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def recv(self, n):
        while not self.pending:
            _, length = self.exactly(2)
            if length == 126:
                length, = struct.unpack('>H', self.exactly(2))
            elif length == 127:
                length, = struct.unpack('>Q', self.exactly(8))
            self.pending = self.exactly(length)
        data, self.pending = self.pending[:n], self.pending[n:]
        return data

    def close(self):
        self.connection.close()


class Viewer:
    """A viewer that has been let in. Refused: it was not."""

    def __init__(self, address, patience, password=None, websocket=False):
        connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        connection.settimeout(patience)
        connection.connect(address)
        self.connection = WebSocket(connection) if websocket else connection
        self.pixels = {}  # by (x, y): 0xRRGGBB
        self.extended_keys = False
        try:
            self.shake_hands(password)
        except EOFError as error:
            self.close()
            raise Refused('it hung up') from error

    def read(self, n):
        return exactly(self.connection, n)

    def take(self, form):
        return struct.unpack('>' + form, self.read(struct.calcsize('>' + form)))

    def send(self, form, *values):
        self.connection.sendall(struct.pack('>' + form, *values))

    def shake_hands(self, password):
        self.version = self.read(12)
        self.connection.sendall(b'RFB 003.008\n')
        self.kinds = self.read(self.take('B')[0])
        kind = 2 if password is not None else 1
        if kind not in self.kinds:
            self.close()
            raise Refused(f'offers {list(self.kinds)}')
        self.send('B', kind)
        if password is not None:
            self.connection.sendall(answer_challenge(password, self.read(16)))
        if self.take('I')[0]:
            self.close()
            raise Refused('password')
        self.send('B', 1)
        self.width, self.height = self.take('HH')
        self.format = self.read(16)
        self.name = self.read(self.take('I')[0]).decode()

    def set_encodings(self, *encodings):
        self.send(f'BxH{len(encodings)}i', 2, len(encodings), *encodings)

    def request(self, incremental=False, area=None):
        self.send('BBHHHH', 3, incremental, *(area or (0, 0, self.width, self.height)))

    def key(self, keysym, down):
        self.send('BBxxI', 4, down, keysym)

    def key_by_number(self, number, down, keysym=0):
        self.send('BBHII', 255, 0, down, keysym, number)

    def pointer(self, x, y, buttons=0):
        self.send('BBHH', 5, buttons, x, y)

    def clipboard(self, length, text=b''):
        self.send('BxxxI', 6, length)
        self.connection.sendall(text)

    def update(self):
        """Takes one update, and returns its rectangles: x, y, width, height, encoding."""
        kind, count = self.take('BxH')
        if kind != 0:
            raise AssertionError(f'message {kind}')
        return [self.rectangle() for _ in range(count)]

    def rectangle(self):
        x, y, width, height, encoding = self.take('HHHHi')
        if encoding == RAW:
            data = self.read(width * height * 4)
            for row in range(height):
                line = struct.unpack(f'<{width}I', data[row * width * 4:(row + 1) * width * 4])
                for column, pixel in enumerate(line):
                    self.pixels[x + column, y + row] = pixel & 0xffffff
        elif encoding == DESKTOP_SIZE:
            self.width, self.height = width, height
        elif encoding == EXTENDED_KEYS:
            self.extended_keys = True
        else:
            raise AssertionError(f'encoding {encoding}')
        return x, y, width, height, encoding

    def picture(self):
        """All of it, now."""
        self.pixels = {}
        self.request()
        while len(self.pixels) < self.width * self.height:
            if any(rect[4] == DESKTOP_SIZE for rect in self.update()):
                self.pixels = {}
                self.request()
        return self.pixels

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
