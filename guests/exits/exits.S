# SPDX-License-Identifier: MIT
#
# Leaves the machine, or stops in it, in the one way that is asked for. After a reset it says so and
# switches the machine off.
#
# Parameters: do=NAME (the table below), port=1026 and value=72 for do=write.

	.include "rom.inc"

	.equ MARK, 0x5a			# in a CMOS byte: that RAM survives a reset

	.pushsection .rodata
	.macro way name
	.asciz "\name"
	.endm
# Each name is followed by its routine.
ways:
	way "power-off"			# ACPI: S5 by PM1_CNT
	.word power_off
	way "debug-exit"		# isa-debug-exit with value=
	.word do_debug_exit
	way "reset-cf9"			# PIIX3 reset control, a byte write
	.word do_cf9
	way "reset-cf9-exit"		# the same, and at once a write that would end the program
	.word do_cf9_exit
	way "spin-cf9"			# the same, and then never an access that leaves the kernel
	.word do_spin
	way "spin-cf9-lent"		# the same, after so many writes to 0xcf8 that they wait
	.word do_spin_lent
	way "reset-8042"		# keyboard controller, pulse of line 0
	.word do_8042
	way "reset-92"			# system control port A, bit 0
	.word do_92
	way "triple-fault"		# an exception with no descriptor table
	.word do_triple
	way "write"			# one byte value= to port=, then halt for ever
	.word do_write
	way "a20"			# says what the ports answer about line A20
	.word do_a20
	way "echo"			# sends back what comes on COM1, up to Ctrl-D
	.word do_echo
	way "halt"
	.word halt
	.byte 0
	.popsection

	.pushsection .rodata
key_do: .asciz "do="
	.popsection

main:
	movb $RTC_SPARE, %al
	call rtc_read
	cmpb $MARK, %al
	jne 1f
	movw $RTC_SPARE, %ax
	call rtc_write
	sayln "exits: came back after a reset"
	jmp power_off

1:	call params_load
	movw $key_do, %si
	call params_find
	jc no_way
	movw %si, %bp
	movw $ways, %bx
2:	cmpb $0, %cs:(%bx)
	je no_way
	movw %bp, %si
3:	movb %cs:(%bx), %al		# compare up to the NUL of the name
	testb %al, %al
	jz 4f
	cmpb (%si), %al
	jne 5f
	incw %si
	incw %bx
	jmp 3b
4:	cmpb $' ', (%si)		# and the value must end there
	ja 5f
	say "exits: "
	movw %bp, %si
	call puts_ram
	call newline
	jmp *%cs:1(%bx)
5:	cmpb $0, %cs:(%bx)		# on to the next name
	leaw 1(%bx), %bx
	jne 5b
	addw $2, %bx
	jmp 2b

no_way:
	sayln "exits: give me do=NAME in opt/org.coalport/guest; switching off"
	jmp power_off

mark:
	movw $(MARK << 8) + RTC_SPARE, %ax
	jmp rtc_write

# The machine must be gone before the line after the reset is printed.
still_here:
	sayln "exits: still here"
	movb $1, %al
	jmp finish

do_debug_exit:
	number "value", 0
	outb %al, $DEBUG_EXIT
	jmp still_here

do_cf9:
	call mark
	movw $0xcf9, %dx
	movb $0x02, %al			# a hard reset is meant ...
	outb %al, %dx
	movb $0x06, %al			# ... and done
	outb %al, %dx
	jmp still_here

# Nothing may be carried out behind the reset, though its write may still wait in a ring.
do_cf9_exit:
	call mark
	movw $0xcf9, %dx
	movb $0x06, %al
	outb %al, %dx
	outb %al, $DEBUG_EXIT
	jmp still_here

do_spin_lent:
	movw $0xcf8, %dx
	movw $32, %cx
	xorl %eax, %eax
1:	outl %eax, %dx
	loop 1b
# The value goes through the ring or not; nothing else brings the machine out of the loop.
do_spin:
	call mark
	movw $0xcf9, %dx
	movb $0x06, %al
	outb %al, %dx
1:	jmp 1b

do_8042:
	call mark
	movb $0xfe, %al
	outb %al, $0x64
	jmp still_here

do_92:
	call mark
	inb $0x92, %al
	orb $0x01, %al
	outb %al, $0x92
	jmp still_here

	.pushsection .rodata
	.balign 8
gdt:	.quad 0
	.quad 0x008f9b000000ffff | (0x0f0000 << 16)	# code at 0xf0000, 16-bit
gdt_pointer:
	.word . - gdt - 1
	.long 0xf0000 + gdt
no_idt:	.word 0
	.long 0
	.popsection

do_triple:
	call mark
	lidtl %cs:no_idt
	lgdtl %cs:gdt_pointer
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmp $8, $1f
1:	movw $0xfff8, %ax		# no such descriptor
	movw %ax, %ds
	jmp 1b

do_write:
	number "port", 0x402
	movw %ax, %dx
	number "value", 'H'
	outb %al, %dx
	jmp halt

do_echo:
	movw $COM1_LSR, %dx
1:	inb %dx, %al
	testb $LSR_DR, %al
	jz 1b
	movw $COM1, %dx
	inb %dx, %al
	cmpb $4, %al
	je power_off
	call putc
	jmp do_echo

do_a20:
	say "a20: port 0x92 "
	inb $0x92, %al
	call put_hex2
	movb $0xd0, %al			# read the output port
	outb %al, $0x64
	say ", 8042 output port "
	inb $0x60, %al
	call put_hex2
	movb $0xaa, %al			# self-test
	outb %al, $0x64
	say ", self-test "
	inb $0x60, %al
	call put_hex2
	call newline
	jmp power_off

	.include "console.inc"
	.include "params.inc"
	.include "rtc.inc"
	.include "power.inc"
