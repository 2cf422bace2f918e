# SPDX-License-Identifier: MIT
#
# Makes a known number of accesses of each kind, so that whoever counts them from outside can be
# checked. Of each step count= (100): see the table in guests/README.md. With sweep=1 it also reads
# every port there is, writes all those where a PC has nothing, and reads a gigabyte of memory where nobody
# is, a byte of each 16 KiB.

	.include "rom.inc"

	.equ NOBODY, 0x2340		# no device of a PC is there
	.equ PIT0, 0x40			# KVM's own, as a rule
	.equ WINDOW, 0x80000000		# memory of nobody
	.equ LAPIC_VERSION, 0xfee00030	# KVM's own, as a rule
	.equ SWEEP_FIRST, 0x1000	# from here on, ports may be written ...
	.equ HOTPLUG, 0xae00		# ... except QEMU's for hotplug ...
	.equ HOTPLUG_END, 0xb000
	.equ VMPORT, 0x5658		# ... and VMware's

	.equ WINDOW_STEP, 0x4000
	.equ WINDOW_END, WINDOW + 0x40000000
	.equ COM1_IER, 0x3f9
	.equ IER_THRI, 2		# interrupt while the transmitter is empty

	.equ count, VARS + 0x40

# The instructions that follow the name, count times. CX is taken.
	.macro times name:req
	movw count, %cx
.L\name:
	.endm
	.macro again name:req
	decw %cx
	jnz .L\name
	.endm

main:
	call params_load
	number "count", 100
	movw %ax, count

	movw $NOBODY, %dx		# widths and directions
	times widths
	outb %al, %dx
	outw %ax, %dx
	outl %eax, %dx
	inb %dx, %al
	inw %dx, %ax
	inl %dx, %eax
	again widths

	times kernel			# a read that stays in the kernel ...
	inb $PIT0, %al
	again kernel
	movw $NOBODY + 8, %dx
	times leaves_stays		# ... and behind a write that leaves it
	outb %al, %dx
	inb $PIT0, %al
	again leaves_stays

	movw $NOBODY + 12, %dx
	times leaves_leaves		# both leave
	outb %al, %dx
	inb %dx, %al
	again leaves_leaves

	times rtc			# an index that may wait, and a read that leaves
	movb $0x8f, %al
	outb %al, $0x70
	inb $0x71, %al
	again rtc

	movw $COM1_IER, %dx
	times interrupts		# a write that raises an interrupt, and one that takes it back
	movb $IER_THRI, %al
	outb %al, %dx
	movb $0, %al
	outb %al, %dx
	again interrupts

	call unreal
	movl $WINDOW, %ebx
	times memory
	movb %al, %es:0x10(%ebx)
	movw %ax, %es:0x20(%ebx)
	movl %eax, %es:0x30(%ebx)
	movb %es:0x1010(%ebx), %al
	movl %es:0x1020(%ebx), %eax
	again memory
	times crossing			# two bytes in one page, two in the next
	movl %eax, %es:0x2ffe(%ebx)
	again crossing
	movl $LAPIC_VERSION, %ebx	# a read of memory that stays in the kernel
	times lapic
	movl %es:(%ebx), %eax
	again lapic
	xorw %ax, %ax
	movw %ax, %es

	number "sweep", 0
	testl %eax, %eax
	jz done
	xorw %dx, %dx
1:	inb %dx, %al
	incw %dx
	jnz 1b
	movw $SWEEP_FIRST, %dx
2:	cmpw $VMPORT, %dx
	je 3f
	outb %al, %dx
3:	incw %dx
	cmpw $HOTPLUG, %dx
	jne 4f
	movw $HOTPLUG_END, %dx
4:4:	testw %dx, %dx
	jnz 2b
	call unreal
	movl $WINDOW, %ebx
5:	movb %es:(%ebx), %al
	addl $WINDOW_STEP, %ebx
	cmpl $WINDOW_END, %ebx
	jne 5b
	xorw %ax, %ax
	movw %ax, %es
done:
	sayln "touch done"
	movb $0, %al
	jmp finish

	.pushsection .rodata
	.balign 8
gdt:	.quad 0
	.quad 0x00cf93000000ffff	# data, base 0, 4 GiB
gdt_pointer:
	.word . - gdt - 1
	.long 0xf0000 + gdt
	.popsection

# Real mode in which ES reaches all memory, until it is loaded again. Changes EAX.
unreal:
	lgdtl %cs:gdt_pointer
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	movw $8, %ax
	movw %ax, %es
	movl %cr0, %eax
	andb $0xfe, %al
	movl %eax, %cr0
	ret

	.include "console.inc"
	.include "params.inc"
	.include "power.inc"
