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

	.equ DESC, 0x8000		# the queue: 256 descriptors and both rings
	.equ AVAIL, 0x9000
	.equ USED, 0xa000
	.equ READ_TABLE, 0xb000		# what the descriptors point to
	.equ WRITE_TABLE, 0xc000
	.equ FLUSH_TABLE, 0xc100
	.equ HEADERS, 0xd000		# one of each, 16 bytes
	.equ STATUS, 0xd100
	.equ BUFFER, 0x01000000

	.equ function, 0xe000		# the disk's, as CONFIG_ADDRESS has it
	.equ window, 0xe004		# where its PCI_CFG capability is
	.equ bar, 0xe008		# what that capability is to be about
	.equ common, 0xe00c
	.equ notify, 0xe010
	.equ used_seen, 0xe014
	.equ answered, 0xe018

	.equ QUEUE_SIZE, 256
	.equ READ_PARTS, 254
	.equ READ_PART, 0x400000
	.equ WRITE_LEN, 0x100000
	.equ NEXT, 1
	.equ WRITABLE, 2
	.equ INDIRECT, 4
	.equ T_IN, 0
	.equ T_OUT, 1
	.equ T_FLUSH, 4

	.equ CAP_VENDOR, 9
	.equ KIND_COMMON, 1
	.equ KIND_NOTIFY, 2
	.equ KIND_PCI_CFG, 5
	.equ BAR_AT, 0xe0000000

	.equ DEVICE_STATUS, 0x14	# of the common configuration
	.equ NEEDS_RESET, 0x40

	.macro set register:req, width:req, value:req
	movl common, %ebx
	addl $\register, %ebx
	movb $\width, %cl
	movl $\value, %eax
	call bar_write
	.endm

main:
	call params_load
	call find_disk
	jc 8f
	call find_windows
	set DEVICE_STATUS, 1, 0
	set DEVICE_STATUS, 1, 1
	set DEVICE_STATUS, 1, 3
	set 0x08, 4, 0			# features 0 to 31: FLUSH, INDIRECT_DESC
	set 0x0c, 4, 0x10000200
	set 0x08, 4, 1			# and VERSION_1
	set 0x0c, 4, 1
	set DEVICE_STATUS, 1, 0x0b
	set 0x16, 2, 0			# the queue
	set 0x20, 4, DESC
	set 0x24, 4, 0
	set 0x28, 4, AVAIL
	set 0x2c, 4, 0
	set 0x30, 4, USED
	set 0x34, 4, 0
	call build
	set 0x1c, 2, 1
	set DEVICE_STATUS, 1, 0x0f
	call ring
	sayln "flood: queued"
	movl $0, used_seen
	movb $0, answered

again:	call take_back
	jnc 1f
	call ring
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

ring:
	movl notify, %ebx
	movb $2, %cl
	xorl %eax, %eax
	jmp bar_write

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

# BX: an offset in the disk's configuration space. EAX: the word there.
config_address:
	pushl %eax
	movl function, %eax
	orw %bx, %ax
	movw $PCI_ADDRESS, %dx
	outl %eax, %dx
	movw $PCI_DATA, %dx
	popl %eax
	ret
config_read:
	call config_address
	inl %dx, %eax
	ret
config_write:
	call config_address
	outl %eax, %dx
	ret

# Carry if there is none.
find_disk:
	movl $0x80000000, function
1:	xorw %bx, %bx
	call config_read
	cmpl $0x10421af4, %eax
	je 2f
	addl $0x800, function
	cmpl $0x80010000, function
	jb 1b
	stc
	ret
2:	clc
	ret

# Walks the capabilities; BAR and decoding.
find_windows:
	movw $0x34, %bx
	call config_read
1:	movzbw %al, %bx
	testw %bx, %bx
	jz 5f
	call config_read
	pushl %eax
	cmpb $CAP_VENDOR, %al
	jne 4f
	shrl $24, %eax
	cmpb $KIND_PCI_CFG, %al
	jne 2f
	movw %bx, window
2:	cmpb $KIND_COMMON, %al
	jne 3f
	call cap_offset
	movl %eax, common
	subw $4, %bx
	call config_read
	movb %al, bar
	jmp 4f
3:	cmpb $KIND_NOTIFY, %al
	jne 4f
	call cap_offset
	movl %eax, notify
4:	popl %eax
	shrl $8, %eax
	jmp 1b

5:	movzbw bar, %bx
	shlw $2, %bx
	addw $0x10, %bx
	call config_read
	pushl %eax
	movl $BAR_AT, %eax
	call config_write
	popl %eax
	testb $4, %al			# 64 bits
	jz 6f
	addw $4, %bx
	xorl %eax, %eax
	call config_write
6:	movw $4, %bx
	movl $6, %eax			# memory, bus master
	jmp config_write

# BX: a capability, left 8 behind. EAX: its offset in the BAR.
cap_offset:
	addw $8, %bx
	jmp config_read

# Points the capability at CL bytes of the BAR from EBX on; BX is where the data is.
aim:
	pushl %eax
	pushl %ebx
	movw window, %bx
	addw $4, %bx
	movzbl bar, %eax
	call config_write
	addw $4, %bx
	popl %eax
	call config_write
	addw $4, %bx
	movzbl %cl, %eax
	call config_write
	addw $4, %bx
	popl %eax
	ret

# CL bytes of the BAR at EBX: from or to EAX. Change EBX and DX.
bar_write:
	call aim
	jmp config_write
bar_read:
	call aim
	jmp config_read

	.include "console.inc"
	.include "params.inc"
	.include "rtc.inc"
	.include "power.inc"
