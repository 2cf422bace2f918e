# SPDX-License-Identifier: MIT
"""Our guests say the same under QEMU, which judges whether our chips behave as a PC's do."""
import shutil
import unittest

from machine import Machine, Test, guest, main, needs_kvm, without_digits

QEMU = shutil.which('qemu-system-x86_64')
DEVICE = ('-device', 'isa-debug-exit,iobase=0xf4,iosize=4')
GUESTS = (
    ('exits', 'do=power-off'),
    ('exits', 'do=debug-exit value=7', *DEVICE),
    ('exits', 'do=reset-cf9'),
    ('exits', 'do=reset-8042'),
    ('exits', 'do=reset-92'),
    ('exits', 'do=triple-fault'),
    ('exits', 'do=reset-cf9', '-no-reboot'),
    ('exits', 'do=triple-fault', '-no-reboot'),
    ('exits', 'do=nonsense'),
    ('exits', ''),
    ('ticker', 'seconds=1', '-rtc', 'base=2006-06-17T16:01:21'),
    ('ticker', 'seconds=1 rate=256', '-rtc', 'base=1999-12-31T23:59:59'),
    ('rtcbench', 'samples=100 count=100'),
)


@needs_kvm
@unittest.skipUnless(QEMU, 'qemu-system-x86_64 is not installed')
class Qemu(Test):
    def test_guests(self):
        for name, parameters, *more in GUESTS:
            with self.subTest(guest=name, parameters=parameters, more=more):
                ours = Machine(*guest(name, parameters, *more)).end()
                theirs = Machine(*guest(name, parameters, *more, '-accel', 'kvm'), program=QEMU).end()
                self.assertEqual(without_digits(ours.out), without_digits(theirs.out))
                self.assertEqual(ours.status, theirs.status)
                self.assertNotEqual(ours.out, '')

    def test_a20(self):
        """What the ports answer, digits and all."""
        ours, theirs = (Machine(*guest('exits', 'do=a20', *more), **how).end()
                        for more, how in (((), {}), (('-accel', 'kvm'), {'program': QEMU})))
        self.assertEqual((ours.out, ours.status), (theirs.out, theirs.status))


main()
