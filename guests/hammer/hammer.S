# SPDX-License-Identifier: MIT
#
# Hammers the RTC's two ports and checks every byte it reads back, for ever or until somebody who
# shares its memory says so: whatever happens to the machine meanwhile, nothing may be lost.
#
#	0x9000	byte, written from outside: not 0 ends it
#	0x9004	rounds so far
#	0x9008	writes to the index port, 0x900c writes to the data port, 0x9010 reads from it
#	0x9020	what the cells 0x40 to 0x5f of the clock's memory have to hold
#
# Ends through isa-debug-exit with 0, or with 1 as soon as a byte is not what was written last.

	.include "rom.inc"

	.equ stop, 0x9000
	.equ rounds, 0x9004
	.equ index_writes, 0x9008
	.equ data_writes, 0x900c
	.equ data_reads, 0x9010
	.equ shadow, 0x9020
	.equ CELLS, 32

# AL: the cell. Selects it.
	.macro select
	incl index_writes
	orb $RTC_CELLS, %al
	outb %al, $RTC_INDEX
	andb $CELLS - 1, %al
	.endm

	.equ RTC_CELLS, 0x40

main:
	xorl %eax, %eax
	movl %eax, rounds
	movl %eax, index_writes
	movl %eax, data_writes
	movl %eax, data_reads
	movb %al, stop
	xorl %ebx, %ebx
1:	movb %bl, %al			# every cell once, so that all are known
	call write_cell
	incl %ebx
	cmpl $CELLS, %ebx
	jb 1b

round:
	incl rounds
	movl rounds, %ebx
	imull $0x9e3779b1, %ebx, %eax	# a new value in the round's cell
	shrl $16, %eax
	movb %al, %ah
	movb %bl, %al
	andb $CELLS - 1, %al
	movzbl %al, %edi
	movb %ah, %dl
	call write_value
	call read_cell			# at once
	movb %bl, %al			# then others, with indices that lead nowhere in front
	shlb $2, %al
	select
	movb %bh, %al
	select
	leal 3(%ebx, %ebx, 4), %eax
	call read_cell
	movl %ebx, %eax
	shrl $5, %eax
	call read_cell
	cmpb $0, stop
	je round
	movb $0, %al
	jmp finish

# AL: the cell, which gets its own number; BL too.
write_cell:
	movzbl %al, %edi
	movb %al, %dl
# EDI: the cell, DL: its value. AL becomes the cell.
write_value:
	movw %di, %ax
	select
	movb %dl, shadow(%di)
	incl data_writes
	xchgb %al, %dl
	outb %al, $RTC_DATA
	xchgb %al, %dl
	ret

# AL: the cell, modulo how many there are. Comes back only if it holds what it should.
read_cell:
	andb $CELLS - 1, %al
	select
	movzbl %al, %edi
	incl data_reads
	inb $RTC_DATA, %al
	cmpb shadow(%di), %al
	jne lost
	movw %di, %ax
	ret

lost:
	movb $1, %al
	jmp finish

	.include "console.inc"
	.include "rtc.inc"
	.include "power.inc"
