# SPDX-License-Identifier: MIT
#
# Gives a virtio disk (virtio-blk-pci, modern) as much to do as its queue holds, and goes on doing so
# for ever: 256 chains at a time, each a table of its own elsewhere in memory. Most of them read 1016
# MiB into the same 4 MiB of memory; if it is to mix, some write 1 MiB at the start of the disk, some
# flush. The disk must have 1 GiB, the machine 32 MiB.
#
# Says `flood: queued` when the disk has got its first 256 chains, `flood: answered` when it has
# given one back. Ends only if there is no disk, or if the disk gave up: `flood: broken`.
#
# Parameters: mix=1 (0: reads only).

	.include "rom.inc"
	.include "virtio_defs.inc"

	.equ DESC, 0x8000		# the queue: 256 descriptors and both rings
	.equ AVAIL, 0x9000
	.equ USED, 0xa000
	.equ READ_TABLE, 0xb000		# what the descriptors point to
	.equ WRITE_TABLE, 0xc000
	.equ FLUSH_TABLE, 0xc100
	.equ HEADERS, 0xd000		# one of each, 16 bytes
	.equ STATUS, 0xd100
	.equ BUFFER, 0x01000000

	.equ used_seen, 0xe014
	.equ answered, 0xe018

	.equ READ_PARTS, 254
	.equ READ_PART, 0x400000
	.equ WRITE_LEN, 0x100000

main:
	call params_load
	call virtio_find_disk
	jc 8f
	movl $VIRTIO_INDIRECT_DESC | VIRTIO_BLK_FLUSH, %eax
	call virtio_begin
	call build
	call virtio_go
	call virtio_ring
	sayln "flood: queued"
	movl $0, used_seen
	movb $0, answered

again:	call take_back
	jnc 1f
	call virtio_ring
1:	movl common, %ebx
	addl $DEVICE_STATUS, %ebx
	movb $1, %cl
	call bar_read
	testb $NEEDS_RESET, %al
	jz again
	sayln "flood: broken"
	jmp power_off

8:	sayln "flood: no disk"
	jmp power_off

# What has been given back is made available again; carry if something was.
take_back:
	movw used_seen, %si
	cmpw USED + 2, %si
	je 2f
1:	movw %si, %bx			# the head, to the same place of the other ring
	andw $QUEUE_SIZE - 1, %bx
	movw %bx, %di
	shlw $3, %bx
	movw USED + 4(%bx), %ax
	shlw $1, %di
	movw %ax, AVAIL + 4(%di)
	incw %si
	cmpw USED + 2, %si
	jne 1b
	movw %si, used_seen
	addw $QUEUE_SIZE, %si
	movw %si, AVAIL + 2
	cmpb $0, answered
	jne 1f
	movb $1, answered
	sayln "flood: answered"
1:	stc
	ret
2:	clc
	ret

# EAX: address, EDX: length, CX: flags (with NEXT, the next one of the table); DI: the descriptor,
# left behind it. BX counts descriptors.
put_desc:
	incw %bx
	movl %eax, (%di)
	movl $0, 4(%di)
	movl %edx, 8(%di)
	movw %cx, 12(%di)
	movw %bx, 14(%di)
	addw $16, %di
	ret

	.macro desc addr:req, len:req, flags:req
	movl $\addr, %eax
	movl $\len, %edx
	movw $\flags, %cx
	call put_desc
	.endm

	.macro header number:req, type:req
	movl $\type, HEADERS + 16 * \number
	movl $0, HEADERS + 16 * \number + 4
	movl $0, HEADERS + 16 * \number + 8
	movl $0, HEADERS + 16 * \number + 12
	.endm

# The three tables, the descriptors that point to them, and the rings.
build:
	header 0, T_IN
	header 1, T_OUT
	header 2, T_FLUSH
	movw $READ_TABLE, %di
	xorw %bx, %bx
	desc HEADERS, 16, NEXT
	movw $READ_PARTS, %bp
1:	desc BUFFER, READ_PART, NEXT + WRITABLE
	decw %bp
	jnz 1b
	desc STATUS, 1, WRITABLE
	movw $WRITE_TABLE, %di
	xorw %bx, %bx
	desc HEADERS + 16, 16, NEXT
	desc BUFFER, WRITE_LEN, NEXT
	desc STATUS + 1, 1, WRITABLE
	movw $FLUSH_TABLE, %di
	xorw %bx, %bx
	desc HEADERS + 32, 16, NEXT
	desc STATUS + 2, 1, WRITABLE

	number "mix", 1
	movb %al, %ch
	movw $DESC, %di
	xorw %bx, %bx
2:	movl $READ_TABLE, %eax
	movl $16 * (READ_PARTS + 2), %edx
	testb %ch, %ch
	jz 3f
	movb %bl, %cl
	andb $15, %cl
	cmpb $7, %cl
	jne 1f
	movl $WRITE_TABLE, %eax
	movl $16 * 3, %edx
1:	cmpb $15, %cl
	jne 3f
	movl $FLUSH_TABLE, %eax
	movl $16 * 2, %edx
3:	pushw %cx
	movw $INDIRECT, %cx
	call put_desc
	popw %cx
	movw %bx, %si
	shlw $1, %si
	leaw -1(%bx), %ax
	movw %ax, AVAIL + 4 - 2(%si)
	cmpw $QUEUE_SIZE, %bx
	jb 2b
	movw $0, AVAIL
	movw $QUEUE_SIZE, AVAIL + 2
	movl $0, USED
	ret

	.include "virtio.inc"
	.include "console.inc"
	.include "params.inc"
	.include "rtc.inc"
	.include "power.inc"
