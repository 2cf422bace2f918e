# SPDX-License-Identifier: MIT
#
# Uses the RTC the way Windows does: a periodic interrupt, register C read on each tick, sleep in
# between, the whole time read once a second. This is what `coalport` without arguments runs.
#
# Parameters: rate=64 (2 to 8192 Hz, powers of two), seconds=3 (0: for ever).

	.include "rom.inc"

	.equ ticks, VARS + 0x10
	.equ rate, VARS + 0x14
	.equ seconds, VARS + 0x18
	.equ target, VARS + 0x1c	# ticks at the end of the running second
	.equ second, VARS + 0x20
	.equ first_time, VARS + 0x24

	.equ RATE_DEFAULT, 64

main:
	call params_load
	number "seconds", 3
	movl %eax, seconds
	number "rate", RATE_DEFAULT
	call rate_code
	jnc 1f
	say "ticker: the RTC has no rate of "
	call put_dec
	sayln " Hz (powers of two from 2 to 8192), so it is 64 Hz."
	movl $RATE_DEFAULT, %eax
	call rate_code
1:	movl %eax, rate
	pushw %cx
	call greet
	call irq_init
	movl $0xf0000000 + on_tick, IVT + 4 * (IRQ_VECTOR + 8)
	call rtc_read_time
	call rtc_second_of_day
	movl %eax, first_time
	popw %cx
	call rtc_start
	movb $0xfe, %al
	outb %al, $PIC2 + 1

	xorl %eax, %eax
	movl %eax, ticks
	movl %eax, second
	movl %eax, target
one_second:
	movl rate, %eax
	addl %eax, target
2:	cli
	movl ticks, %eax
	cmpl target, %eax
	jae 3f
	sti				# takes effect after HLT has begun: no tick is slept through
	hlt
	jmp 2b
3:	sti
	incl second
	call report
	movl second, %eax
	cmpl seconds, %eax
	jne one_second
	cli
	call rtc_stop
	call farewell
	movb $0, %al
	jmp finish

# IRQ 8.
on_tick:
	pushw %ax
	movb $RTC_C, %al
	outb %al, $RTC_INDEX
	inb $RTC_DATA, %al
	testb $RTC_C_PF, %al
	jz 1f
	incl ticks
1:	movb $PIC_EOI, %al
	outb %al, $PIC2
	outb %al, $PIC1
	popw %ax
	iretw

# EAX: Hz. CL: the code of register A for it, or carry set.
rate_code:
	pushl %ebx
	movb $3, %cl
	movl $8192, %ebx
1:	cmpl %eax, %ebx
	je 9f				# carry is clear
	incb %cl
	shrl $1, %ebx
	cmpl $1, %ebx
	jne 1b
	stc
9:	popl %ebx
	ret

# CL: the rate's code.
rtc_start:
	movb $RTC_A, %al
	movb $RTC_A_32768, %ah
	orb %cl, %ah
	call rtc_write
	movb $RTC_B, %al
	call rtc_read
	orb $RTC_B_PIE, %al
	movb %al, %ah
	movb $RTC_B, %al
	call rtc_write
	movb $RTC_C, %al		# what was pending before is not ours
	jmp rtc_read

rtc_stop:
	movb $RTC_B, %al
	call rtc_read
	andb $~RTC_B_PIE, %al
	movb %al, %ah
	movb $RTC_B, %al
	jmp rtc_write

greet:
	pushl %eax
	say "coalport: embedded guest, ticking on the RTC at "
	movl rate, %eax
	call put_dec
	say " Hz "
	movl seconds, %eax
	testl %eax, %eax
	jz 1f
	say "for "
	call put_dec
	sayln " seconds."
	jmp 2f
1:	sayln "until it is stopped."
2:	sayln "On each tick it reads register C, as Windows does; in between it sleeps."
	popl %eax
	ret

report:
	pushl %eax
	say "  second "
	movl second, %eax
	call put_dec
	say ": "
	movl ticks, %eax
	call put_dec
	say " ticks so far, the clock says "
	call rtc_read_time
	call rtc_print_time
	call newline
	popl %eax
	ret

farewell:
	say "Saw "
	movl ticks, %eax
	call put_dec
	say " ticks while the clock went on by "
	call rtc_second_of_day
	subl first_time, %eax
	jnc 1f
	addl $86400, %eax
1:	call put_dec
	sayln " seconds. Switching the machine off."
	ret

	.include "console.inc"
	.include "params.inc"
	.include "irq.inc"
	.include "rtc.inc"
	.include "power.inc"
