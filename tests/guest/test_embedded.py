# SPDX-License-Identifier: MIT
"""The guest that is part of the program, and the table that follows what it says."""
import json
import re

from machine import Machine, Test, guest, main, needs_kvm, without_digits

SAID = r'''coalport: embedded guest, ticking on the RTC at 64 Hz for 3 seconds\.
On each tick it reads register C, as Windows does; in between it sleeps\.
  second 1: \d+ ticks so far, the clock says \d{4}-\d\d-\d\d \d\d:\d\d:\d\d
(?:  second [23]: \d+ ticks so far, the clock says .*
)*Saw \d+ ticks while the clock went on by \d+ seconds\. Switching the machine off\.
'''
ROW = re.compile(r'^(0x[0-9a-f]+):(PIN|POUT|R|W) +(\d+)(?: +([\d.]+)% +([\d.]+)% +([\d.]+) +([\d.]+)'
                 r' +([\d.]+) \(([\d.]+)\))?(?: +(\d+))?(?:  +[A-Za-z].*)?$', re.M)
TOTALS = re.compile(r'^user-space exits ([\d,]+); writes that never left the kernel ([\d,]+); without '
                    r'coalescing ([\d,]+): ([\d.]+)% saved$', re.M)


# Returns from KVM_RUN that are no access: the machine was started, stopped or interrupted.
NO_ACCESS = range(0, 16)
# Where writes may wait in a machine without options.
ZONES = [0x0, 0x8, 0x9, 0xa, 0xb, 0xc, 0xd, 0xe, 0x70, 0x72, 0x80, 0x81, 0xc0, 0xd0, 0xd2, 0xd4,
         0xd6, 0xd8, 0xda, 0xdc, 0x171, 0x1f1, 0x3f3, 0x3f7, 0x3f8, 0x3f9, 0x3ff, 0x481, 0x510,
         0xcf8]


def number(text):
    return int(text.replace(',', ''))


class Table:
    """The text form, taken apart. rows: (port, direction) to a dict."""

    def __init__(self, text):
        names = ('samples', 'samples_percent', 'time_percent', 'min', 'max', 'avg', 'error', 'coalesced')
        self.rows = {}
        for row in ROW.finditer(text):
            values = [float(value) if value else 0 for value in row.groups()[2:]]
            self.rows[row[1], row[2]] = dict(zip(names, values))
        totals = TOTALS.search(text)
        self.exits, self.coalesced, self.all = (number(totals[i]) for i in (1, 2, 3))
        self.saved = float(totals[4])
        self.zones = re.findall(r'^zone port (0x[0-9a-f]+)-\S+ \(.+\) (traps: .*|is stuck: .*)$', text, re.M)


def ticker(parameters, *more):
    return guest('ticker', parameters, *more)


@needs_kvm
class Embedded(Test):
    def check_sums(self, table):
        """What follows from what, in any table."""
        rows = table.rows.values()
        ports = [row for (_, kind), row in table.rows.items() if kind in ('PIN', 'POUT')]
        self.assertIn(table.exits - sum(row['samples'] for row in rows), NO_ACCESS)
        self.assertEqual(table.coalesced, sum(row['coalesced'] for row in rows))
        self.assertEqual(table.all, table.exits + table.coalesced)
        self.assertAlmostEqual(table.saved, 100 * table.coalesced / table.all, delta=0.0501)
        samples = sum(row['samples'] for row in ports)
        for row in ports:
            self.assertAlmostEqual(row['samples_percent'], 100 * row['samples'] / samples, delta=0.00501)
            self.assertLessEqual(row['min'], row['avg'])
            self.assertLessEqual(row['avg'], row['max'])
        self.assertAlmostEqual(sum(row['samples_percent'] for row in ports), 100, delta=0.01 * len(ports))
        self.assertAlmostEqual(sum(row['time_percent'] for row in ports), 100, delta=0.01 * len(ports))

    def test_no_arguments(self):
        ended = self.run_well()
        said, table = ended.out.replace('\r\n', '\n').split('IO port access', 1)
        self.assertRegex(said, rf'\A{SAID}\Z')
        table = Table(table)
        self.check_sums(table)
        self.assertEqual(table.rows['0x70', 'POUT']['samples'], 0)
        self.assertGreater(table.rows['0x70', 'POUT']['coalesced'], 192)
        self.assertEqual(table.rows['0x71', 'PIN']['coalesced'], 0)
        # Every index write is followed by one access of the data port.
        data = sum(table.rows['0x71', way]['samples'] for way in ('PIN', 'POUT'))
        self.assertEqual(table.rows['0x70', 'POUT']['coalesced'], data)
        self.assertEqual(table.zones, [])

    def test_off(self):
        on = self.run_well(*ticker('seconds=1', '-exits', 'text'))
        off = self.run_well(*ticker('seconds=1', '-exits', 'text', '-machine', 'pc,coalesce=off'))
        words = [without_digits(ended.out.split('IO port access')[0]) for ended in (on, off)]
        self.assertEqual(*words)
        table = Table(off.out)
        self.check_sums(table)
        index = table.rows['0x70', 'POUT']
        self.assertEqual(index['coalesced'], 0)
        data = sum(table.rows['0x71', way]['samples'] for way in ('PIN', 'POUT'))
        self.assertEqual(index['samples'], data)
        self.assertEqual((table.coalesced, table.saved), (0, 0))
        self.assertEqual([zone for zone, _ in table.zones],
                         [hex(first) for first in ZONES])
        self.assertEqual({why for _, why in table.zones}, {'traps: coalesce=off'})

    def read_json(self, *more):
        self.run_well(*ticker('seconds=1', '-exits', f'json,file={self.path("exits")}', *more))
        return json.loads(self.content('exits'))

    def check_json(self, report):
        """What follows from what, in any record. Its ports' rows, by port and direction."""
        rows = report['rows']
        exits = sum(row['exits'] for row in rows)
        coalesced = sum(row.get('coalesced', 0) for row in rows)
        self.assertIn(report['exits'] - exits, NO_ACCESS)
        self.assertEqual(report['exits'], sum(report['reasons'].values()))
        self.assertEqual(report['exits'], sum(vcpu['exits'] for vcpu in report['vcpus']))
        self.assertEqual(report['coalesced'], coalesced)
        self.assertEqual(report['coalesced'] > 0, bool(report.get('ring', {}).get('batches')))
        self.assertAlmostEqual(report['saved_percent'], 100 * coalesced / (report['exits'] + coalesced),
                               delta=0.00051)
        for row in rows:
            if row['exits']:
                times = row['times']
                self.assertLessEqual(times['min_us'], times['avg_us'])
                self.assertLessEqual(times['avg_us'], times['max_us'])
                self.assertLessEqual(times['p50_us'], times['p99_us'])
                self.assertEqual(sum(n for _, n in times['buckets']), row['exits'])
                self.assertAlmostEqual(times['sum_us'], times['avg_us'] * row['exits'],
                                       delta=0.001 * (row['exits'] + 1))
        places = {}
        for row in rows:
            if row['space'] == 'port':
                place = places.setdefault((row['addr'], row['direction']), dict(row, exits=0, coalesced=0))
                place['exits'] += row['exits']
                place['coalesced'] += row.get('coalesced', 0)
        return places

    def test_json(self):
        report = self.read_json()
        rows = self.check_json(report)
        self.assertEqual((report['record'], report['source']), (1, 'machine'))
        self.assertEqual((rows[0x71, 'read']['device'], rows[0x71, 'read']['register']), ('mc146818rtc', 'data'))
        self.assertEqual(rows[0x70, 'write']['exits'], 0)
        self.assertEqual(rows[0x70, 'write']['coalesced'], rows[0x71, 'read']['exits'] + rows[0x71, 'write']['exits'])
        zones = {zone['first']: zone for zone in report['zones']}
        self.assertEqual(list(zones), ZONES)
        for port in (0x70, 0x72, 0x80, 0x3ff, 0x510):
            self.assertEqual((zones[port]['state'], zones[port]['wait']), ('active', 'latch'))
        # The divisor is not shown; the guest wrote to 0xcf8 twice.
        self.assertEqual([(zones[port]['state'], zones[port]['trap']) for port in (0x3f9, 0xcf8)],
                         [('rests', 'its condition does not hold'), ('rests', 'waits for use')])
        self.assertEqual(zones[0x3f8]['wait_ns'], 20000000)
        # Polled, a character costs the look whether there is room and no more.
        sent, polled = rows[0x3f8, 'write'], rows[0x3fd, 'read']
        self.assertLess(sent['exits'], 20)
        self.assertGreater(sent['coalesced'], 100)
        self.assertEqual(sent['exits'] + sent['coalesced'], polled['exits'])
        self.assertEqual((polled['device'], polled['register']), ('com1', 'LSR'))
        self.assertGreater(report['host']['tsc_hz'], 0)

    def test_json_off(self):
        report = self.read_json('-M', 'pc,coalesce=off')
        rows = self.check_json(report)
        self.assertEqual(rows[0x70, 'write']['coalesced'], 0)
        self.assertGreater(rows[0x70, 'write']['exits'], 64)
        # An index is written to use the data behind it.
        self.assertEqual(rows[0x70, 'write']['next']['addr'], 0x71)
        self.assertEqual((report['coalesced'], report['saved_percent']), (0, 0))
        self.assertEqual({zone['state'] for zone in report['zones']}, {'traps'})
        self.assertEqual({zone['trap'] for zone in report['zones']}, {'coalesce=off'})

    def test_both_forms_agree(self):
        """What the guest does between two ticks varies; what it does once does not."""
        rows = self.check_json(self.read_json())
        table = Table(self.run_well(*ticker('seconds=1', '-exits', 'text')).out)
        for port in (0x510,):
            self.assertEqual(table.rows[hex(port), 'POUT']['coalesced'], rows[port, 'write']['coalesced'])
        for port in (0x604, 0xcf8, 0xcfc, 0xf4):
            self.assertEqual(table.rows[hex(port), 'POUT']['samples'], rows[port, 'write']['exits'])

    def test_twelve_at_once(self):
        machines = [Machine() for _ in range(12)]
        for machine in machines:
            self.addCleanup(machine.kill)
        for machine in machines:
            ended = machine.end()
            self.assertEqual((ended.status, ended.err), (0, ''), str(ended))
            self.assertRegex(ended.out.replace('\r\n', '\n'), rf'\A{SAID}IO port access')
            self.check_sums(Table(ended.out))


main()
