# SPDX-License-Identifier: MIT
#
# The boot sector of a floppy disk: by the firmware's INT 13h it reads eight sectors of cylinder 3, head
# 1, turns all of their bits round and writes them to cylinder 5, head 0; then it reads those again and
# compares. It says what came of it on COM1 and leaves by isa-debug-exit: 0 if all is well, else 1.

	.equ DEBUG_EXIT, 0xf4
	.equ SECTORS, 8
	.equ BYTES, SECTORS * 512
	.equ FROM, 0x301		# cylinder 3, sector 1
	.equ TO, 0x502			# cylinder 5, sector 2
	.equ FIRST, 0x8000		# where they are kept
	.equ SECOND, FIRST + BYTES

	.code16
	.section .text
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	cld
	sti
	movb %dl, drive

	movw $FROM, %cx
	movb $1, %dh
	movw $FIRST, %bx
	movb $2, %ah
	call transfer
	movw $FIRST, %di
	movw $BYTES, %cx
1:	notb (%di)
	incw %di
	loop 1b

	movw $TO, %cx
	xorb %dh, %dh
	movw $FIRST, %bx
	movb $3, %ah
	call transfer
	movw $TO, %cx
	xorb %dh, %dh
	movw $SECOND, %bx
	movb $2, %ah
	call transfer

	movw $FIRST, %si
	movw $SECOND, %di
	movw $BYTES, %cx
	repe cmpsb
	jne bad
	movw $good_text, %si
	xorb %al, %al
	jmp leave
bad:
	movw $bad_text, %si
	movb $1, %al
leave:
	pushw %ax
	call say
	popw %ax
	outb %al, $DEBUG_EXIT
1:	cli
	hlt
	jmp 1b

# AH: what; CX, DH: where; BX: memory.
transfer:
	movb $SECTORS, %al
	movb drive, %dl
	int $0x13
	jc bad
	ret

# SI: a text that ends with 0.
say:
1:	lodsb
	testb %al, %al
	jz 2f
	call putc
	jmp 1b
2:	ret

	.include "console.inc"

drive:	.byte 0
good_text: .asciz "floppy: read, written, read again\n"
bad_text: .asciz "floppy: not what it should be\n"

	.org 510
	.word 0xaa55
