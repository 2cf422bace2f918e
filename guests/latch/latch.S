# SPDX-License-Identifier: MIT
#
# The same six accesses for ever, by which advice can be checked: three writes where nobody is and a
# read beside them, an index of the clock and a read of its data. Two of six have to leave the kernel.

	.include "rom.inc"

	.equ NOBODY, 0x2340		# no device of a PC is there

main:
	movw $NOBODY, %dx
	movb $0x8f, %bl
1:	outb %al, %dx
	outb %al, %dx
	outb %al, %dx
	incw %dx
	inb %dx, %al
	decw %dx
	movb %bl, %al
	outb %al, $0x70
	inb $0x71, %al
	jmp 1b

	.include "console.inc"
	.include "power.inc"
