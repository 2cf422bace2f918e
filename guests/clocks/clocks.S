# SPDX-License-Identifier: MIT
#
# Reads every clock that a PC under KVM has, over and over, and prints what it saw: a line of 48 bytes in
# hexadecimal, as they are in memory. Runs for ever.
#
#	0	time-stamp counter, 8 bytes
#	8	power management timer, 4 bytes; 3,579,545 Hz, 24 bits
#	12	interrupts of PIT channel 0, 4 bytes: one each 65536 / 1,193,182 s
#	16	struct pvclock_vcpu_time_info, as KVM keeps it up to date; zeros where there is none

	.include "rom.inc"

	.equ sample, SAMPLES
	.equ sample_end, sample + 48
	.equ kvmclock, SAMPLES + 0x100	# KVM's own copy
	.equ KVMCLOCK_LEN, 32
	.equ ticks, VARS + 0x10

	.equ PIT_CH0, 0x40
	.equ PIT_MODE, 0x43
	.equ PM_TMR, PM_PORTS + 8
	.equ CPUID_KVM, 0x40000000
	.equ KVM_SIGNATURE, 0x4b4d564b	# "KVMK"
	.equ KVM_CLOCKSOURCE2, 1 << 3
	.equ MSR_KVM_SYSTEM_TIME_NEW, 0x4b564d01

main:
	call pm_init
	call irq_init
	movl $0, ticks
	movl $0xf0000000 + on_tick, IVT + 4 * IRQ_VECTOR
	movb $0x34, %al			# channel 0, both bytes, mode 2
	outb %al, $PIT_MODE
	movb $0, %al
	outb %al, $PIT_CH0
	outb %al, $PIT_CH0
	movb $0xfe, %al
	outb %al, $PIC1 + 1
	sti
	xorl %eax, %eax
	movw $kvmclock, %di
	movw $KVMCLOCK_LEN, %cx
	rep stosb
	movl $CPUID_KVM, %eax
	cpuid
	cmpl $KVM_SIGNATURE, %ebx
	jne one_sample
	movl $CPUID_KVM + 1, %eax
	cpuid
	testl $KVM_CLOCKSOURCE2, %eax
	jz one_sample
	movl $MSR_KVM_SYSTEM_TIME_NEW, %ecx
	movl $kvmclock + 1, %eax	# bit 0: on
	xorl %edx, %edx
	wrmsr

one_sample:
	movl kvmclock, %ebp		# the version: odd while KVM writes
	testl $1, %ebp
	jnz one_sample
	movw $kvmclock, %si
	movw $sample + 16, %di
	movw $KVMCLOCK_LEN, %cx
	rep movsb
	movw $PM_TMR, %dx
	inl %dx, %eax
	movl %eax, sample + 8
	rdtsc
	movl %eax, sample
	movl %edx, sample + 4
	movl ticks, %eax
	movl %eax, sample + 12
	cmpl kvmclock, %ebp
	jne one_sample

	movw $sample, %si
1:	lodsb
	call put_hex2
	cmpw $sample_end, %si
	jb 1b
	call newline
	jmp one_sample

# IRQ 0.
on_tick:
	pushw %ax
	incl ticks
	movb $PIC_EOI, %al
	outb %al, $PIC1
	popw %ax
	iretw

	.include "console.inc"
	.include "irq.inc"
	.include "power.inc"
