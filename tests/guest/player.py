# SPDX-License-Identifier: MIT
"""A qtest client that plays a PC's software: it sets modes, writes text, takes keys; and reads pictures of text."""
import os

from qmp import Line

ROM = '/usr/share/seabios/vgabios-stdvga.bin'  # Debian's package seabios
# IBM PS/2 and PC BIOS Interface Technical Reference, "Video parameters": misc, sequencer, CRTC, graphics, attributes.
MODE_3 = (0x67, (3, 0, 3, 0, 2),
          (0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28,
           0x1f, 0x96, 0xb9, 0xa3, 0xff), (0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff),
          (0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 8, 0))
MODE_12 = (0xe3, (3, 1, 0xf, 0, 6),
           (0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0,
            0xe7, 0x04, 0xe3, 0xff), (0, 0, 0, 0, 0, 0, 5, 0x0f, 0xff),
           (0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 1, 0, 0x0f, 0, 0))


class Guest(Line):
    """Who drives the machine in the place of a processor."""

    def out(self, port, byte):
        assert self.ask(f'outb {port:#x} {byte:#x}') == 'OK'

    def inb(self, port):
        return int(self.ask(f'inb {port:#x}').split()[1], 16)

    def set_mode(self, mode):
        misc, *groups = mode
        self.out(0x3c2, misc)
        self.out(0x3d4, 0x11)
        self.out(0x3d5, 0)
        for port, values in zip((0x3c4, 0x3d4, 0x3ce), groups):
            for i, value in enumerate(values):
                self.out(port, i)
                self.out(port + 1, value)
        self.inb(0x3da)
        for i, value in enumerate(groups[3]):
            self.out(0x3c0, i)
            self.out(0x3c0, value)
        self.out(0x3c0, 0x20)

    def set_text_mode(self, font):
        """Mode 3 as the BIOS makes it, which has characters and colours."""
        self.set_mode(MODE_3)
        for port, register, value in ((0x3c4, 2, 4), (0x3c4, 4, 6), (0x3ce, 5, 0), (0x3ce, 6, 4)):
            self.out(port, register)
            self.out(port + 1, value)
        for code, glyph in enumerate(font):
            assert self.ask(f'write {0xa0000 + 32 * code:#x} 16 0x{glyph.hex()}') == 'OK'
        self.set_mode(MODE_3)
        # The first 64 colours: two bits each of red, green and blue.
        self.out(0x3c6, 0xff)
        self.out(0x3c8, 0)
        for colour in range(64):
            for low, high in ((2, 5), (1, 4), (0, 3)):
                self.out(0x3c9, 42 * (colour >> low & 1) + 21 * (colour >> high & 1))

    def put(self, row, column, text, attribute=7):
        cells = b''.join(bytes([byte, attribute]) for byte in text)
        assert self.ask(f'write {0xb8000 + 2 * (80 * row + column):#x} {len(cells)} 0x{cells.hex()}') == 'OK'

    def clear(self):
        for row in range(25):
            self.put(row, 0, b' ' * 80)

    def cursor(self, row, column):
        at = 80 * row + column
        for register, value in ((0x0a, 0x0d), (0x0e, at >> 8), (0x0f, at & 0xff)):
            self.out(0x3d4, register)
            self.out(0x3d5, value)

    def hear_keys(self):
        """The keyboard is on, translated, and tells."""
        self.out(0x64, 0x60)
        self.out(0x60, 0x45)
        self.out(0x60, 0xf4)
        self.heard(1)

    def heard(self, n):
        """The next n bytes of the keyboard; time passes until they are there."""
        got = []
        while len(got) < n:
            if self.inb(0x64) & 1:
                got.append(self.inb(0x60))
            else:
                self.ask('clock_step 1000000')
        return got


def rom_font():
    """The 256 characters of 8 by 16 dots in the video BIOS, 16 bytes each; None where it is not installed."""
    if not os.path.exists(ROM):
        return None
    with open(ROM, 'rb') as file:
        rom = file.read()
    # The first one is blank, and the second a face.
    start = rom.index(bytes(16) + bytes.fromhex('00007e81a58181bd9981817e00000000'))
    return [rom[start + 16 * i:start + 16 * i + 16] for i in range(256)]


def read_text(picture, font):
    """The lines of a picture in mode 3, white on black, without blanks behind; what is no character is a '?'."""
    width, height, data = picture
    if width != 720 or height % 16:
        return []
    known = {glyph: chr(code) for code, glyph in reversed([*enumerate(font)]) if code in range(32, 127)}
    lines = []
    for top in range(0, height, 16):
        line = ''
        for left in range(0, width, 9):
            glyph = []
            for y in range(top, top + 16):
                at = 3 * (y * width + left)
                glyph.append(int(''.join('01'[data[at + 3 * x] > 0] for x in range(8)), 2))
            line += known.get(bytes(glyph), '?')
        lines.append(line.rstrip())
    return lines
