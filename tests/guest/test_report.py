# SPDX-License-Identifier: MIT
"""coalport report: of machines that ran, of files that are none, and its pages in a real browser."""
import json
import os
import re
import subprocess
import xml.dom.minidom

from browser import Browser, colours, needs_chromium
from machine import COALPORT, PATIENCE, Machine, Test, guest, main, needs_kvm, run

COLOURS = {(0x00, 0x72, 0xb2), (0xd5, 0x5e, 0x00)}  # of the first two series, on a light ground


def tint(red, green, blue, opacity):
    """What a colour comes to on white."""
    return tuple(round(255 + (one - 255) * opacity) for one in (red, green, blue))


def report(*arguments, **how):
    return subprocess.run([COALPORT, 'report', *arguments], capture_output=True, encoding='utf-8',
                          timeout=PATIENCE, check=False, **how)


def record(n, **members):
    """The n-th of a recording: a second later, 100 and 10 n exits more."""
    rows = [{'space': 'port', 'addr': 0x71, 'width': 1, 'direction': 'read', 'device': 'chip', 'register': 'data',
             'exits': 100 * n, 'times': {'samples': 100 * n, 'sum_us': 500.0 * n, 'avg_us': 5.0, 'p50_us': 4.0,
                                         'p99_us': 9.0, 'max_us': 20.0, 'buckets': [[4096, 60 * n], [8192, 40 * n]]}},
            {'space': 'mmio', 'addr': 0xfe000000, 'size': 16, 'width': 4, 'direction': 'write', 'exits': 10 * n * n}]
    return json.dumps({'record': 1, 'source': 'machine', 'at': 1.7e9 + n, 'seconds': 10.0 + n, 'name': 'vm1', 'pid': 7,
                       'host': {'kernel': '6.1', 'cpu': 'a CPU'}, 'exits': 100 * n + 10 * n * n, 'coalesced': 300 * n,
                       'rows': rows, 'reasons': {'io': 100 * n, 'mmio': 10 * n * n},
                       'ring': {'entries': 169, 'batches': [[1, 90 * n], [2, 3 * n]], 'full': 1, 'deadline': 2},
                       'zones': [{'space': 'port', 'first': 0x70, 'last': 0x70, 'region': 'chip', 'wait': 'latch',
                                  'why': 'only an index', 'state': 'active'},
                                 {'space': 'port', 'first': 0x72, 'last': 0x73, 'state': 'exits', 'user': True}], **members}) + '\n'


class Files(Test):
    def recording(self, file='recording', n=30, **members):
        return self.file(file, ''.join(record(i, **members) for i in range(1, n + 1)).encode())

    def check(self, done, status, says):
        self.assertEqual(done.returncode, status, done)
        self.assertRegex(done.stderr, rf'\Acoalport: report: [^\n]*{says}[^\n]*\n\Z')

    def test_arguments(self):
        for arguments, says in (([], 'wants a file'), (['a', 'b', 'c'], 'c: more than two'), (['--html', ''], 'html'),
                                (['--top', '0', 'a'], 'top'), (['--sort', 'x', 'a'], 'sort'), (['--x', 'a'], '--x')):
            self.check(report(*arguments), 2, says)

    def test_bad_files(self):
        for content, says in ((b'', 'no record'), (b'{}', 'no record'), (b'\0' * 100, ''), (b'[' * 100000, ''),
                              (b'{"record":1,"source":"machine","rows":7}', 'rows'),
                              (record(1).encode()[:50], 'within a record'),
                              ((record(1) + record(2, pid=8)).encode(), '')):
            path = self.file('bad', content)
            self.check(report(path), 1, re.escape(path) + ': .*' + says)
            self.check(report('--html', self.path('page'), path), 1, re.escape(path))
            self.assertFalse(os.path.exists(self.path('page')))
        self.check(report(self.path('missing')), 1, 'No such file')

    def test_cut(self):
        path = self.file('cut', (record(1) + record(2)).encode() + record(3).encode()[:70])
        done = report(path)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r'\Acoalport: warning: report: .*ends within a record, which is left out\n\Z')
        self.assertIn(' 2 records', done.stdout)

    def test_output(self):
        path = self.recording()
        with open('/dev/full', 'wb') as full:
            done = subprocess.run([COALPORT, 'report', path], stdout=full, stderr=subprocess.PIPE, encoding='utf-8',
                                  check=False)
        self.check(done, 1, 'No space left')
        self.check(report('--html', '/dev/full', path), 1, 'not a regular file')
        self.check(report('--html', self.path('no/where'), path), 1, 'No such file')
        # What is read may be what is written: it was read before.
        self.assertEqual(report('--html', path, path).returncode, 0)
        self.assertTrue(self.content('recording').startswith('<!DOCTYPE html>'))
        self.assertEqual(os.listdir(self.folder), ['recording'])

    def test_zones_of_the_user(self):
        said = report(self.recording()).stdout
        self.assertIn("\nthe user's zone 0x72-0x73: exits\n", said)
        self.assertNotIn("zone 0x70", said)

    def test_page(self):
        """Well-formed whatever the names are, and with all its parts."""
        hostile = '<script>alert(1)</script>"\'&\x1b[31m'
        one = self.recording('one', name=hostile)
        for files in ([one], [one, self.recording('two', 5)], [self.recording('single', 1)]):
            self.assertEqual(report('--html', self.path('page'), *files).returncode, 0)
            page = self.content('page')
            self.assertNotIn('<script', page)
            self.assertNotRegex(page, r'https?:|src=|@import|url\(')
            xml.dom.minidom.parseString(page[page.index('<body>'):page.index('</html>')])
            self.assertEqual(page.count('<td>user</td>'), len(files))
            for part in ('Ports and pages', 'Over time', 'How long exits take', 'Returns of KVM_RUN by reason',
                         'Writes in the ring when it was drained', 'only an index', '0xfe000000+16'):
                self.assertIn(part, page)

    def test_maps_have_one_scale(self):
        """A run with a tenth of the exits is paler than the other one, and where it has as many, it is as dark."""
        def rows(n, exits):
            return [{'space': 'port', 'addr': 0x71, 'width': 1, 'direction': 'read', 'exits': exits * n}]
        runs = [self.file(name, ''.join(record(i, rows=rows(i, exits)) for i in range(1, 9)).encode())
                for name, exits in (('much', 1000), ('little', 100), ('more', 1000))]

        def darkness(*files):
            self.assertEqual(report('--html', self.path('page'), *files).returncode, 0)
            maps = self.content('page').split('<figure>')
            maps = [part for part in maps if 'Ports by time: ' in part]
            self.assertEqual(len(maps), len(files))
            return [max(map(float, re.findall(r'rgba\(var\(--heat\),([\d.]+)\)', part))) for part in maps]
        self.assertEqual(darkness(runs[1]), [1])
        much, little = darkness(*runs[:2])
        self.assertEqual(much, 1)
        self.assertLess(little, 0.8)
        self.assertEqual(darkness(runs[0], runs[2]), [1, 1])
        self.assertIn('the darkest is 1,000 exits a second, in both', self.content('page'))

    @needs_chromium
    def test_in_a_browser(self):
        pages = [self.path('one.html'), self.path('two.html')]
        one, two = self.recording('one'), self.recording('two', 20)
        self.assertEqual(report('--html', pages[0], one).returncode, 0)
        self.assertEqual(report('--html', pages[1], one, two).returncode, 0)
        with Browser(self.path('profile')) as browser:
            for page in pages:
                for width in (1280, 400):
                    browser.open(f'file://{page}', width)
                    self.assertEqual(browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), True)
                    self.assertGreater(browser.evaluate('document.querySelectorAll("svg path, svg rect").length'), 10)
                    if width < 1280:
                        continue  # plots scroll within their frame
                    # Each one is drawn, and in its colours.
                    for figure in browser.evaluate('''[...document.querySelectorAll("figure")].map(f => {
                            const r = f.getBoundingClientRect();
                            return {x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height,
                                    fills: [...f.querySelectorAll("rect")].map(r => getComputedStyle(r).fill)}})'''):
                        seen = colours(browser.picture({name: figure[name] for name in ('x', 'y', 'width', 'height')}))
                        tints = {tint(*map(float, re.findall(r'[\d.]+', fill)))
                                 for fill in figure['fills'] if fill.startswith('rgba')}
                        self.assertTrue(seen & (COLOURS | tints), (page, width, figure))
                self.assertEqual(browser.complaints, [])
                self.assertLessEqual(browser.requests, {f'file://{path}' for path in pages} | {'data:,'})


@needs_kvm
class Live(Test):
    def test_machine(self):
        """What a machine's recording and its last record say of it."""
        parameters = 'rate=1024 seconds=0'
        with Machine(*guest('ticker', parameters, '-name', 'vm1', '-exits', f'json,file={self.path("exits")}',
                            serial='null')) as machine:
            machine.wait_until(lambda: run('stats', str(machine.process.pid)).status == 0)
            top = run('top', str(machine.process.pid), '--json', '-n', '4', '--interval', '200ms',
                      '--record', self.path('recording'))
            self.assertEqual(top.status, 0)
            machine.terminate()
        for name in ('recording', 'exits'):
            done = report(self.path(name))
            self.assertRegex(done.stdout, rf'\A.*{name}: machine vm1 \(process {machine.process.pid}\), ')
            self.assertRegex(done.stdout, r'(?m)^0x71 +read 1 +[1-9]\S* +[1-9]\S* +- .* mc146818rtc data$')
            self.assertRegex(done.stdout, r'(?m)^0x70 +write 1 +0 +0 +[1-9]\S* .* mc146818rtc index$')
        self.assertEqual(report('--html', self.path('page'), self.path('recording'), self.path('exits')).returncode, 0)


main()
