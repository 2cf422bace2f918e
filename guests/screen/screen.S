# SPDX-License-Identifier: MIT
#
# A boot sector that shows a picture: it sets the video mode of the word at byte 506 by INT 10h (from
# 0x100 on by VBE, with banks), fills what is shown with a pattern, says "shown" on COM1 and halts. The
# byte at 508 says where memory is: 0: text, 1: CGA's at 0xb8000, 2: four planes at 0xa0000, 3: banks of
# 64 KiB there, as many as the byte at 509 says.

	.equ COM1, 0x3f8
	.equ SEQUENCER, 0x3c4

	.code16
	.section .text
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $0x7c00, %sp
	cld
	sti

	movw mode, %ax
	cmpw $0x100, %ax
	jae 1f
	int $0x10
	jmp 2f
1:	movw %ax, %bx
	movw $0x4f02, %ax
	int $0x10
2:	movb $1, %ah			# no cursor
	movw $0x2000, %cx
	int $0x10

	movw $0xb800, %ax
	movb kind, %bl
	cmpb $2, %bl
	jb 3f
	movw $0xa000, %ax
3:	movw %ax, %es
	cmpb $2, %bl
	je planes
	ja banks

	# Text and CGA: 16 KiB. In text an attribute never blinks, and no character is one of 0xb0 to
	# 0xbf, whose ninth dot adapters show differently.
	movw $0x4000, %cx
	xorw %di, %di
	xorw %dx, %dx
1:	call pattern
	testb %bl, %bl
	jnz 2f
	andb $0x7f, %al
	testw $1, %di
	jnz 2f
	addb $0xc0, %al
	jc 2f
	subb $0xc0, %al
2:	stosb
	loop 1b
	jmp shown

planes:
	movb $1, %bl			# the plane's bit
1:	movw $SEQUENCER, %dx
	movb $2, %al
	movb %bl, %ah
	outw %ax, %dx
	movzbw %bl, %dx
	xorw %di, %di
	movw $38400, %cx
2:	call pattern
	stosb
	loop 2b
	shlb $1, %bl
	cmpb $16, %bl
	jb 1b
	jmp shown

banks:
	xorw %dx, %dx
1:	pushw %dx
	cmpw $0x100, mode
	jb 2f
	movw $0x4f05, %ax
	xorw %bx, %bx
	int $0x10
2:	popw %dx
	xorw %di, %di
	xorw %cx, %cx			# 65,536
3:	call pattern
	stosb
	loop 3b
	incw %dx
	cmpb count, %dl
	jb 1b

shown:
	movw $text, %si
1:	lodsb
	testb %al, %al
	jz 3f
	movb %al, %ah
2:	movw $COM1 + 5, %dx
	inb %dx, %al
	testb $0x20, %al
	jz 2b
	movb %ah, %al
	movw $COM1, %dx
	outb %al, %dx
	jmp 1b
3:	cli
	hlt
	jmp 3b

# DI, DX: a place. AL: its byte.
pattern:
	movw %di, %ax
	shrw $5, %ax
	xorw %di, %ax
	addb %ah, %al
	addb %dl, %al
	rolb $3, %al
	xorb %dl, %al
	ret

text:	.asciz "shown\r\n"

	.org 506
mode:	.word 3
kind:	.byte 0
count:	.byte 1
	.byte 0x55, 0xaa
