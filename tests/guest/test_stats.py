# SPDX-License-Identifier: MIT
"""coalport stats: running machines' numbers as text, records and metrics, and the dashboard that shows them."""
import contextlib
import functools
import http.server
import itertools
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest
import urllib.parse
import urllib.request

from machine import COALPORT, PATIENCE, SOURCE, Machine, Test, main, needs_kvm, rom, run
from test_top import Fake

PROMTOOL, PROMETHEUS = shutil.which('promtool'), shutil.which('prometheus')
DASHBOARD = os.path.join(SOURCE, 'share/grafana/coalport.json')
NAME = 'a "odd\\name\t'  # what -name takes, and a label has to escape
# Members of a record that grow while the machine runs.
COUNTS = {'seconds', 'exits', 'coalesced', 'samples', 'sum_us', 'count', 'hlt', 'full', 'deadline', 'interrupts',
          'remote_tlb_flush', 'mmu_cache_miss', 'halt_exits', 'irq_injections'}
SAMPLE = re.compile(r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\{(?P<labels>.*)\} (?P<value>\S+)')
LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def metrics(text):
    """The exposition by the letter of its format: {family: (type, [(name, labels, value)])}."""
    families, family, seen = {}, None, set()
    assert text.endswith('\n')
    for line in text[:-1].split('\n'):
        if line.startswith('# HELP '):
            family = line.split(' ')[2]
            assert family not in families, f'{family} twice'
            families[family] = None
        elif line.startswith('# TYPE '):
            _, _, name, kind = line.split(' ')
            assert name == family and families[family] is None and kind in (
                'counter', 'gauge', 'histogram', 'untyped'), line
            families[family] = (kind, [])
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            kind, samples = families[family]
            suffixes = ('_bucket', '_sum', '_count') if kind == 'histogram' else ('',)
            assert sample['name'] in [family + suffix for suffix in suffixes], line
            assert kind != 'counter' or family.endswith('_total'), line
            labels, at = {}, 0
            while at < len(sample['labels']):
                label = LABEL.match(sample['labels'], at)
                assert label and label['name'] not in labels, line
                labels[label['name']] = re.sub(r'\\(.)', lambda m: {'n': '\n'}.get(m[1], m[1]), label['value'])
                at = label.end()
            key = (sample['name'], *sorted(labels.items()))
            assert key not in seen, line
            seen.add(key)
            samples.append((sample['name'], labels, float(sample['value'])))
    return families


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def running(*command, **how):
    """A program that is there for a while, and not longer, whatever goes wrong."""
    with subprocess.Popen(command, **how) as process:
        try:
            yield process
        finally:
            process.kill()


def stats(*arguments, **how):
    return subprocess.run([COALPORT, 'stats', *arguments], capture_output=True, encoding='utf-8',
                          timeout=PATIENCE, check=False, **how)


class Without(Test):
    def check(self, done, status, says):
        self.assertEqual(done.returncode, status, done)
        self.assertRegex(done.stderr, rf'\Acoalport: stats: [^\n]*{says}[^\n]*\n\Z')

    def test_arguments(self):
        for arguments in (['--interval'], ['--interval', '1ms'], ['--rows', '-1'], ['--rows', '99999999'],
                          ['--output', ''], ['--nonsense']):
            self.check(stats(*arguments), 2, re.escape(arguments[0]))

    def test_nobody_of_that_name(self):
        self.check(stats('there is none'), 1, 'there is none')
        done = stats('there is none', '--prometheus')
        self.check(done, 1, 'there is none')
        self.assertEqual(metrics(done.stdout)['coalport_up'],
                         ('gauge', [('coalport_up', {'target': 'there is none'}, 0)]))

    def test_output(self):
        """What is there stays whole, whatever cannot be written."""
        path = self.file('old', b'as it was')
        os.symlink('old', self.path('link'))
        os.chmod(path, 0o640)
        for bad, says in ((self.path('no/where'), 'No such file'), (self.folder, 'not a regular file'),
                          ('/dev/full', 'not a regular file')):
            self.check(stats('--output', bad), 1, says)
        with open('/dev/full', 'wb') as full:
            done = subprocess.run([COALPORT, 'stats'], stdout=full, stderr=subprocess.PIPE, encoding='utf-8',
                                  check=False)
        self.check(done, 1, 'No space left')
        limited = ['sh', '-c', 'ulimit -f 0; trap "" XFSZ; exec "$@"', 'sh', COALPORT, 'stats', '--output', path]
        done = subprocess.run(limited, capture_output=True, encoding='utf-8', check=False)
        self.check(done, 1, 'File too large')
        self.assertEqual(self.content('old'), 'as it was')
        # A killed writer's rest is used again; a link stays one.
        self.file('old.tmp', b'left')
        self.assertEqual(stats('--output', self.path('link'), '--prometheus').returncode, 0)
        self.assertTrue(os.path.islink(self.path('link')))
        self.assertIn('# TYPE coalport_up gauge', self.content('old'))
        self.assertEqual(sorted(os.listdir(self.folder)), ['link', 'old'])


class Dashboard(Test):
    """Grafana's JSON by itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(DASHBOARD, encoding='utf-8') as file:
            cls.dashboard = json.load(file)

    def test_head(self):
        """What Grafana looks at before it takes a file: one that is imported has no id, and a version of the format."""
        head = {name: kind for name, kind in (('title', str), ('uid', str), ('schemaVersion', int), ('version', int),
                                              ('time', dict), ('panels', list), ('templating', dict),
                                              ('annotations', dict), ('links', list), ('tags', list))}
        for name, kind in head.items():
            self.assertIsInstance(self.dashboard[name], kind, name)
        self.assertIsNone(self.dashboard.get('id'))
        # From 36 on every data source is an object, as they are here.
        self.assertGreaterEqual(self.dashboard['schemaVersion'], 36)
        self.assertRegex(self.dashboard['uid'], r'\A[a-zA-Z0-9_-]{1,40}\Z')
        for variable in self.dashboard['templating']['list']:
            self.assertIn(variable['type'], ('datasource', 'query'))

    def test_panels(self):
        panels = self.dashboard['panels']
        self.assertEqual(len({panel['id'] for panel in panels}), len(panels))
        for panel in panels:
            self.assertIsInstance(panel['id'], int)
            self.assertTrue(panel['title'])
            self.assertIn(panel['type'], ('stat', 'timeseries', 'table'))
            self.assertEqual(set(panel['fieldConfig']), {'defaults', 'overrides'}, panel['title'])
            names = [target['refId'] for target in panel['targets']]
            self.assertTrue(names and len(set(names)) == len(names), panel['title'])
        variables = {variable['name'] for variable in self.dashboard['templating']['list']}
        for panel in panels:
            self.assertEqual(panel['datasource'], {'type': 'prometheus', 'uid': '${datasource}'})
            place = panel['gridPos']
            self.assertTrue(0 <= place['x'] and place['x'] + place['w'] <= 24, panel['title'])
            for target in panel['targets']:
                self.assertLessEqual(set(re.findall(r'\$(\w+)', target['expr'])), variables | {'__rate_interval'})
        for one, other in itertools.combinations([panel['gridPos'] for panel in panels], 2):
            apart = (one['x'] + one['w'] <= other['x'] or other['x'] + other['w'] <= one['x'] or
                     one['y'] + one['h'] <= other['y'] or other['y'] + other['h'] <= one['y'])
            self.assertTrue(apart, (one, other))


class Asked(Test):
    """What the dashboard asks of a machine, which is the target of those who inherit this."""

    def until(self, condition, what=None):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.01)

    def test_dashboard(self):
        """What the dashboard asks for is there to be asked for."""
        families = metrics(stats(self.target(), '--prometheus').stdout)
        known = {}
        for name, labels, _ in (sample for _, samples in families.values() for sample in samples):
            known.setdefault(name, set()).update(labels)
        for family, (_, samples) in families.items():
            if not samples:
                known.setdefault(family, set())
        with open(DASHBOARD, encoding='utf-8') as file:
            dashboard = json.load(file)
        for target in (target for panel in dashboard['panels'] for target in panel['targets']):
            asked = set(re.findall(r'\bcoalport_\w+', target['expr']))
            self.assertTrue(asked and asked <= known.keys(), target['expr'])
            labels = set().union(*(known[name] for name in asked))
            wanted = set(re.findall(r'(\w+)=~?"', target['expr'])) | set(re.findall(r'(\w+)!="', target['expr']))
            for by in re.findall(r'by \(([^)]*)\)', target['expr']):
                wanted |= set(by.split(', '))
            wanted |= set(re.findall(r'\{\{(\w+)\}\}', target['legendFormat']))
            self.assertLessEqual(wanted, labels, target['expr'])
        for variable in dashboard['templating']['list']:
            if variable['type'] == 'query':
                name, label = re.fullmatch(r'label_values\((\w+)(?:\{.*\})?, (\w+)\)', variable['definition']).groups()
                self.assertIn(label, known[name])

    @unittest.skipUnless(PROMETHEUS, 'prometheus is not installed')
    def test_prometheus(self):
        """A Prometheus that scrapes the file, and finds an answer to all that the dashboard asks."""
        target, path = self.target(), self.path('metrics')
        handler = functools.partial(Quiet, directory=self.folder)
        with running(COALPORT, 'stats', target, '--prometheus', '--output', path,
                     '--interval', '200ms'), \
                http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.until(lambda: os.path.exists(path))
            self.file('prometheus.yml', f'''
global: {{scrape_interval: 500ms}}
scrape_configs:
  - job_name: coalport
    static_configs: [{{targets: ["127.0.0.1:{server.server_port}"]}}]
'''.encode())
            self.ask_prometheus()
            server.shutdown()

    def ask_prometheus(self):
        with http.server.ThreadingHTTPServer(('127.0.0.1', 0), None) as free:
            port = free.server_port
        address = f'127.0.0.1:{port}'
        with running(PROMETHEUS, f'--config.file={self.path("prometheus.yml")}',
                     f'--storage.tsdb.path={self.path("data")}', f'--web.listen-address={address}',
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):

            def query(expression):
                url = f'http://{address}/api/v1/query?' + urllib.parse.urlencode({'query': expression})
                try:
                    with urllib.request.urlopen(url) as answer:
                        return json.load(answer)
                except OSError:
                    return {'data': {'result': []}}
            self.until(lambda: query('rate(coalport_exits_total[1m]) > 0')['data']['result'])
            with open(DASHBOARD, encoding='utf-8') as file:
                dashboard = json.load(file)
            for panel in dashboard['panels']:
                for target in panel['targets']:
                    expression = (target['expr'].replace('$__rate_interval', '1m').replace('"$machine"', '".*"')
                                  .replace('"$stat"', '"exits"'))
                    # A busy host brings two of a series late.
                    self.until(lambda: query(expression)['data']['result'], expression)


def grown(value, times, name=None):
    """A record with the counts of a machine that has run so many times as long."""
    if isinstance(value, dict):
        return {key: grown(one, times, key) for key, one in value.items()}
    if name in ('buckets', 'batches'):
        return [[first, count * times] for first, count in value]
    if isinstance(value, list):
        return [grown(one, times, name) for one in value]
    if name in COUNTS or (name or '').startswith(('io', 'mmio', 'intr')):
        return value * times
    return value


class Imagined(Asked):
    """Of a machine of the test's own, which needs no KVM."""

    def target(self):
        with open(os.path.join(SOURCE, 'tests/unit/watch/records/machine.json'), encoding='utf-8') as file:
            record, _ = json.JSONDecoder().raw_decode(file.read())

        def answer(n, _client):
            return json.dumps({'return': grown(record, n)}).encode()
        machine = Fake(self.path('fake'), answer)
        self.addCleanup(machine.close)
        return self.path('fake')

    @unittest.skipUnless(PROMTOOL, 'promtool is not installed')
    def test_promtool(self):
        text = stats(self.target(), '--prometheus').stdout
        done = subprocess.run([PROMTOOL, 'check', 'metrics'], input=text, capture_output=True, encoding='utf-8',
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))


@needs_kvm
class Live(Asked):
    """Machines that run."""

    def start(self, guest='hammer', *more):
        machine = Machine('-nodefaults', '-display', 'none', '-bios', rom(guest), *more)
        self.addCleanup(machine.kill)
        machine.wait_until(lambda: (done := stats(str(machine.process.pid), '--json')).returncode == 0 and
                           json.loads(done.stdout)['exits'] > 1000)
        return machine

    def target(self):
        return str(self.start().process.pid)

    def test_counts(self):
        """A record and the metrics of the same moment say the same."""
        machine = self.start('hammer', '-name', NAME, '-qmp', f'unix:{self.path("qmp")},server=on,wait=off')
        self.pause()
        pid = str(machine.process.pid)
        done = stats(pid, '--prometheus')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        families = metrics(done.stdout)
        record = json.loads(stats(pid, '--json').stdout)
        who = {'machine': NAME.replace('\t', '?'), 'pid': pid}

        def samples(family):
            return families[family][1]
        self.assertEqual(samples('coalport_up'), [('coalport_up', {'target': pid}, 1)])
        self.assertEqual(samples('coalport_exits_total'), [('coalport_exits_total', who, record['exits'])])
        self.assertEqual(samples('coalport_coalesced_writes_total')[0][2], record['coalesced'])
        told = {(labels['address'], labels['width'], labels['direction'], labels['outcome']): value
                for _, labels, value in samples('coalport_accesses_total')}
        for row in record['rows']:
            for member, outcome in (('exits', 'exit'), ('coalesced', 'coalesced')):
                key = (hex(row['addr']), str(row['width']), row['direction'], outcome)
                self.assertEqual(told.pop(key, 0), row.get(member, 0))
        self.assertEqual(told, {})
        names = {labels['address']: (labels['device'], labels['register'])
                 for _, labels, _ in samples('coalport_accesses_total')}
        self.assertEqual(names['0x71'], ('mc146818rtc', 'data'))
        self.check_histograms(record, samples('coalport_exit_seconds'))
        self.assertEqual({labels['reason']: value for _, labels, value in samples('coalport_exit_reasons_total')},
                         record['reasons'])
        active = sum(value for _, _, value in samples('coalport_zone_active'))
        self.assertEqual(active, sum(zone['state'] == 'active' for zone in record['zones']))
        if PROMTOOL:
            subprocess.run([PROMTOOL, 'check', 'metrics'], input=done.stdout, encoding='utf-8', check=True)
        # What is used less goes into one row, and nothing of it is lost.
        few = metrics(stats(pid, '--prometheus', '--rows', '1').stdout)['coalport_accesses_total'][1]
        self.assertEqual(sum(value for _, _, value in few),
                         sum(row.get('exits', 0) + row.get('coalesced', 0) for row in record['rows']))
        self.assertIn('other', {labels['address'] for _, labels, _ in few})

    def pause(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path('qmp'))
            lines = client.makefile('r')
            lines.readline()
            for command in ('qmp_capabilities', 'stop'):
                client.sendall(json.dumps({'execute': command}).encode())
                while 'return' not in json.loads(lines.readline()):
                    pass

    def check_histograms(self, record, samples):
        for row in record['rows']:
            mine = [(name, labels, value) for name, labels, value in samples
                    if (labels['address'], labels['direction']) == (hex(row['addr']), row['direction'])]
            if not row.get('times', {}).get('samples'):
                self.assertEqual(mine, [])
                continue
            buckets = [(float(labels['le']), value) for name, labels, value in mine if name.endswith('_bucket')]
            self.assertEqual(buckets, sorted(buckets))
            self.assertEqual([value for _, value in buckets], sorted(value for _, value in buckets))
            count = [value for name, _, value in mine if name.endswith('_count')]
            total = [value for name, _, value in mine if name.endswith('_sum')]
            self.assertEqual(count, [row['times']['samples']])
            self.assertEqual(buckets[-1], (float('inf'), row['times']['samples']))
            # The counter's rate is measured anew for each record.
            self.assertAlmostEqual(total[0] * 1e6 / row['times']['sum_us'], 1, places=3)

    def test_text_and_all(self):
        one, other = self.start('hammer', '-name', 'one'), self.start('hammer', '-name', 'other')
        done = stats()
        for machine, name in ((one, 'one'), (other, 'other')):
            self.assertRegex(done.stdout, rf'(?m)^ *{machine.process.pid} {name} +[\d.]+ +\d{{4,}} +\d{{4,}} +[56]\d\.\d%$')
        # Named twice, and found besides: once.
        records = stats('one', str(one.process.pid), '--all', '--json').stdout.splitlines()
        pids = [json.loads(record)['pid'] for record in records]
        self.assertEqual(pids.count(other.process.pid), 1)

    def test_interval(self):
        """Written again and again: machines come and go, readers never find half of it."""
        machine = self.start()
        path = self.path('out.prom')
        with running(COALPORT, 'stats', '--all', str(machine.process.pid), '--prometheus', '--output', path,
                     '--interval', '50ms') as writer:
            self.until(lambda: os.path.exists(path))
            second = self.start()
            self.until(lambda: f'pid="{second.process.pid}"' in self.content('out.prom'))
            for _ in range(100):
                metrics(self.content('out.prom'))
            second.kill()
            machine.kill()
            self.until(lambda: f'pid="{second.process.pid}"' not in self.content('out.prom'))
            self.until(lambda: f'coalport_up{{target="{machine.process.pid}"}} 0' in self.content('out.prom'))
            writer.send_signal(signal.SIGTERM)
            self.assertEqual(writer.wait(PATIENCE), 0)
        self.assertEqual(os.listdir(self.folder), ['out.prom'])
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o666 & ~self.umask())

    @staticmethod
    def umask():
        mask = os.umask(0)
        os.umask(mask)
        return mask

    def test_output_closed(self):
        self.start()
        done = subprocess.run(f'{{ {COALPORT} stats --prometheus --interval 50ms; echo $? >{self.path("status")}; }} | head -c 1',
                              shell=True, capture_output=True, encoding='utf-8', timeout=PATIENCE, check=False)
        self.until(lambda: os.path.exists(self.path('status')) and self.content('status'))
        self.assertEqual(self.content('status'), '1\n')
        self.assertEqual(done.stderr, 'coalport: stats: standard output: Broken pipe\n')


del Asked  # has no target of its own
main()
