# SPDX-License-Identifier: MIT
"""The benches measure; what can be wrong about them is tested here."""
import json
import os
import unittest

from machine import Test, main, needs_kvm

BIOS = ('/usr/share/seabios/bios-256k.bin', '/usr/share/qemu/bios-256k.bin')

# A boot sector that switches the machine off by the port where SeaBIOS puts PIIX4's PM1a control:
# mov dx, 0x604; mov ax, 0x2000; out dx, ax; cli; hlt
SWITCH_OFF = bytes.fromhex('ba0406b80020effaf4').ljust(510, b'\0') + b'\x55\xaa'

FAKE_QEMU = '''#!/bin/sh
printf '%s\\n' "$@" >{}
'''


@needs_kvm
@unittest.skipUnless(any(map(os.path.exists, BIOS)), 'SeaBIOS is not installed (seabios)')
class Boot(Test):
    def test_commas_in_the_path(self):
        """A comma in the path of the image is no end of it, for us and for QEMU."""
        disk = self.file('a,b,,c%s.img', SWITCH_OFF, size=1 << 20)
        with open(self.file('qemu-system-x86_64', FAKE_QEMU.format(self.path('args')).encode()),
                  'rb') as fake:
            os.fchmod(fake.fileno(), 0o755)
        ended = self.run_well('bench', 'boot', '--disk', disk, '--json',
                              env={**os.environ, 'PATH': self.folder})
        boots = json.loads(ended.out)
        self.assertGreater(boots['off']['exits'], 0)
        self.assertGreater(boots['on']['exits'], 0)
        self.assertIn('qemu', boots)
        args = self.content('args').split('\n')
        self.assertEqual(args[args.index('-drive') + 1],
                         f'file={self.folder}/a,,b,,,,c%s.img,format=raw,if=virtio')


if __name__ == '__main__':
    main()
