# SPDX-License-Identifier: MIT
"""The benches measure; what can be wrong about them is tested here."""
import json
import os
import re
import signal
import time
import unittest
import xml.dom.minidom

from machine import Machine, PATIENCE, Test, main, needs_kvm, run

BIOS = ('/usr/share/seabios/bios-256k.bin', '/usr/share/qemu/bios-256k.bin')

# A boot sector that switches the machine off by the port where SeaBIOS puts PIIX4's PM1a control:
# mov dx, 0x604; mov ax, 0x2000; out dx, ax; cli; hlt
SWITCH_OFF = bytes.fromhex('ba0406b80020effaf4').ljust(510, b'\0') + b'\x55\xaa'

# Nothing is in the path that could be compared with, and so nothing takes longer than it has to.
NO_QEMU = {**os.environ, 'PATH': '/nowhere'}

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


@needs_kvm
class Figures(Test):
    """Tiny rounds: that everything is there and fits together, not how fast it is."""

    def page(self, *options):
        ended = self.run_well('bench', *options, '--json', '--html', self.path('page'), env=NO_QEMU)
        page = self.content('page')
        data = re.search(r'<script type="application/json" id="data">\n(.*)\n</script>', page, re.S)[1]
        self.assertNotIn('<', data)
        figures = json.loads(data)
        self.assertIn('CPU', figures['host'])
        printed = json.loads(ended.out)
        self.assertEqual({name: figures[name] for name in printed}, printed)
        body = page[page.index('<body>'):page.index('</html>')].replace(data, '')
        xml.dom.minidom.parseString(body)
        self.assertEqual(os.listdir(self.folder), ['page'])
        return page, figures

    def test_rtc(self):
        page, figures = self.page('rtc', '--guests', '2', '--rounds', '2', '--count', '200')
        self.assertEqual((figures['guests'], figures['rounds'], figures['exits_per_pair_on']), (2, 2, 1))
        # Exits of the timed accesses and of 200 pairs, of both guests; a write that waited is none.
        rows = dict(re.findall(r'<td>(0x\w+:P\w+)</td><td class="n">([\d,]+)</td>', page.split('>coalesce=on</h3>')[1]))
        self.assertEqual(rows['0x70:POUT'], '0')
        self.assertGreaterEqual(int(rows['0x71:PIN'].replace(',', '')), 2 * 200)
        self.assertIn('67.15 us', page)
        self.assertIn('50.0 % confidence', page)

    def test_ticks(self):
        page, figures = self.page('ticks', '--guests', '1', '--rounds', '1', '--seconds', '1')
        self.assertGreater(figures['exits_1024_hz_off'], figures['exits_1024_hz_on'])
        self.assertIn('One round: no interval can be given.', page)

    def test_accounting(self):
        ended = self.run_well('bench', 'accounting', '--rounds', '3', '--count', '200', '--json')
        figures = json.loads(ended.out)
        self.assertEqual(figures['pairs'], 200)
        for name in ('pair_us_off', 'pair_us_on', 'pair_us_top', 'ratio', 'ratio_top'):
            self.assertTrue(0 < figures[name]['low'] <= figures[name]['median'] <= figures[name]['high'], name)
        self.assertEqual(figures['ratio_top']['confidence'], 0.75)
        self.assertIn('top_records', figures)

    @unittest.skipUnless(any(map(os.path.exists, BIOS)), 'SeaBIOS is not installed (seabios)')
    def test_legacy(self):
        """The guest does its work, and waiting takes trips off it."""
        figures = json.loads(self.run_well('bench', 'legacy', '--rounds', '1', '--work', 'palettes', '--json',
                                           env=NO_QEMU).out)
        self.assertEqual({*figures}, {'host', 'rounds', 'from_outside', 'palettes'})
        self.assertEqual(figures['rounds'], 1)
        self.assertIn('CPU', figures['host'])
        palettes = figures['palettes']
        self.assertEqual({*palettes}, {'on', 'off'})
        self.assertLess(palettes['on']['exits'], palettes['off']['exits'])
        self.assertLess(palettes['off']['ratio'], 0.5)
        if figures['from_outside']:
            # 20 times 768 values and an index: all of them are between the marks, and the firmware is not.
            self.assertGreaterEqual(palettes['off']['exits_work'], 20 * 769)
            self.assertLess(palettes['off']['exits_work'], palettes['off']['exits'])
            self.assertLess(palettes['on']['exits_work'], 1000)
            self.assertGreater(palettes['on']['wall_s'], palettes['on']['wall_work_s'])
        self.assertEqual(run('bench', 'legacy', '--work', 'fun').status, 2)

    @unittest.skipUnless(any(map(os.path.exists, BIOS)), 'SeaBIOS is not installed (seabios)')
    def test_legacy_without_an_image(self):
        """What nobody gave is passed over and told."""
        for images in ((), ('--images', self.folder)):
            ended = self.run_well('bench', 'legacy', '--work', 'dos_ide', *images, env=NO_QEMU)
            self.assertIn('skipped, no freedos-disk.img', ended.out)

    def test_pages_that_cannot_be(self):
        for path, says in ((self.path('no/where'), 'No such file'), ('/dev/null', 'not a regular file')):
            ended = run('bench', 'rtc', '--html', path)
            self.assertEqual(ended.status, 1)
            self.assertRegex(ended.err, rf'\Acoalport: bench: {path}[^\n]*{says}[^\n]*\n\Z')
        self.assertEqual(run('bench', 'start', '--html', 'x').status, 2)

    def test_interrupted(self):
        """No page, nothing half done, and nobody who runs on."""
        with Machine('bench', 'ticks', '--guests', '2', '--seconds', '60', '--html', self.path('page'),
                     env=NO_QEMU) as bench:
            children = f'/proc/{bench.process.pid}/task/{bench.process.pid}/children'

            def guests():
                with open(children, encoding='ascii') as file:
                    return file.read().split()
            bench.wait_until(lambda: len(guests()) == 2)
            pids = guests()
            bench.send(signal.SIGINT)
            self.assertNotEqual(bench.end().status, 0)
            end = time.monotonic() + PATIENCE
            while any(map(self.runs, pids)):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
        self.assertEqual(os.listdir(self.folder), [])

    @staticmethod
    def runs(pid):
        try:
            with open(f'/proc/{pid}/stat', encoding='ascii') as file:
                return file.read().rpartition(')')[2].split()[0] != 'Z'
        except (FileNotFoundError, ProcessLookupError):
            return False


if __name__ == '__main__':
    main()
