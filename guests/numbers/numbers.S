# SPDX-License-Identifier: MIT
#
# Numbers the sectors of a disk, over and over: number n goes to sector n modulo their count and fills it,
# so that half a sector shows. After some of them it has the disk flush what it has, and says so:
#
#	flushed 1234
#
# which means that everything up to there has to be on the disk from now on, whatever happens. The disk is
# the first IDE disk, by bus master, or the first virtio disk. Ends only if it cannot go on:
# `numbers: no disk`, `numbers: failed`.
#
# Parameters: virtio=0, sectors=256 (a power of two, to 65536), first=1 (the number to begin with).

	.include "rom.inc"
	.include "virtio_defs.inc"

	.equ DESC, 0x8000		# the queue: 256 descriptors and both rings
	.equ AVAIL, 0x9000
	.equ USED, 0xa000
	.equ HEADER, 0xb000		# of a virtio request
	.equ STATUS, 0xb010
	.equ PRD, 0xb020		# the bus master's table, one entry
	.equ BUFFER, 0xc000		# a sector

	.equ current, 0xe020		# the number
	.equ mask, 0xe024
	.equ virtio, 0xe028

	.equ SECTOR, 512
	.equ PIIX3_IDE, 0x80000900	# configuration of 00:01.1
	.equ PCI_COMMAND, 0x04
	.equ PCI_BAR4, 0x20
	.equ IDETIM, 0x40
	.equ MASTER, 0xc000		# where the bus master's ports are put
	.equ MASTER_STATUS, MASTER + 2
	.equ MASTER_TABLE, MASTER + 4
	.equ MASTER_ACTIVE_ERROR, 3
	.equ MASTER_INTERRUPT, 4

	.equ ATA_COUNT, 0x1f2
	.equ ATA_LOW, 0x1f3
	.equ ATA_MID, 0x1f4
	.equ ATA_HIGH, 0x1f5
	.equ ATA_DEVICE, 0x1f6
	.equ ATA_STATUS, 0x1f7
	.equ ATA_READY, 0x50		# DRDY, DSC, and nothing else
	.equ ATA_BSY, 0x80
	.equ WRITE_DMA, 0xca
	.equ FLUSH_CACHE, 0xe7

	.macro out8 port:req, value:req
	movw $\port, %dx
	movb $\value, %al
	outb %al, %dx
	.endm

main:
	call params_load
	number "sectors", 256
	decl %eax
	movl %eax, mask
	number "first", 1
	movl %eax, current
	number "virtio", 0
	movb %al, virtio
	testb %al, %al
	jz 1f
	call virtio_begin_disk
	jmp 2f
1:	call ide_begin
2:	jc no_disk

again:	movl current, %eax
	movw $BUFFER, %di
	movw $SECTOR / 4, %cx
	rep stosl
	call write
	jc failed
	movl current, %eax
	incl current
	movl %eax, %ebx			# after about eight of them
	imull $0x9e3779b1, %ebx
	shrl $29, %ebx
	jnz again
	call flush
	jc failed
	say "flushed "
	call put_dec
	call newline
	jmp again

no_disk:
	sayln "numbers: no disk"
	jmp power_off
failed:
	sayln "numbers: failed"
	jmp power_off

# The buffer to its sector; all data to the disk. Carry if that failed. flush keeps EAX.
write:
	cmpb $0, virtio
	je ide_write
	jmp virtio_write
flush:
	pushl %eax
	cmpb $0, virtio
	je 1f
	call virtio_flush
	jmp 2f
1:	call ide_flush
2:	popl %eax
	ret

# IDE

ide_begin:
	movl $PIIX3_IDE, function
	movw $PCI_BAR4, %bx
	movl $MASTER, %eax
	call config_write
	movw $PCI_COMMAND, %bx
	movl $5, %eax			# ports, bus master
	call config_write
	movw $IDETIM, %bx
	movl $0x80008000, %eax		# both channels are decoded
	call config_write
	movl $BUFFER, PRD
	movl $0x80000000 + SECTOR, PRD + 4
	out8 ATA_DEVICE, 0xe0
	movw $ATA_STATUS, %dx
	inb %dx, %al
	cmpb $ATA_READY, %al
	jne 9f
	clc
	ret
9:	stc
	ret

ide_write:
	movl current, %ecx
	andl mask, %ecx
	out8 ATA_COUNT, 1
	movw $ATA_LOW, %dx
	movb %cl, %al
	outb %al, %dx
	movw $ATA_MID, %dx
	movb %ch, %al
	outb %al, %dx
	out8 ATA_HIGH, 0
	out8 ATA_DEVICE, 0xe0
	movw $MASTER_TABLE, %dx
	movl $PRD, %eax
	outl %eax, %dx
	out8 MASTER_STATUS, 6		# clears what is left of the last one
	out8 ATA_STATUS, WRITE_DMA
	out8 MASTER, 1
	movw $MASTER_STATUS, %dx
1:	inb %dx, %al
	testb $MASTER_INTERRUPT, %al
	jz 1b
	movb %al, %cl
	out8 MASTER, 0
	testb $MASTER_ACTIVE_ERROR, %cl
	jnz 9b
	jmp ide_check

ide_flush:
	out8 ATA_STATUS, FLUSH_CACHE
ide_check:
	movw $ATA_STATUS, %dx
1:	inb %dx, %al
	testb $ATA_BSY, %al
	jnz 1b
	cmpb $ATA_READY, %al
	jne 9f
	clc
	ret
9:	stc
	ret

# virtio

	.macro desc number:req, addr:req, len:req, flags:req, next:req
	movl $\addr, DESC + 16 * \number
	movl $0, DESC + 16 * \number + 4
	movl $\len, DESC + 16 * \number + 8
	movw $\flags, DESC + 16 * \number + 12
	movw $\next, DESC + 16 * \number + 14
	.endm

virtio_begin_disk:
	call virtio_find_disk
	jc 9f
	movl $VIRTIO_BLK_FLUSH, %eax
	call virtio_begin
	movw $1, AVAIL			# no interrupts
	movw $0, AVAIL + 2
	movl $0, USED
	call virtio_go
	clc
9:	ret

virtio_write:
	movl $T_OUT, HEADER
	movl current, %eax
	andl mask, %eax
	movl %eax, HEADER + 8
	desc 0, HEADER, 16, NEXT, 1
	desc 1, BUFFER, SECTOR, NEXT, 2
	jmp virtio_do

virtio_flush:
	movl $T_FLUSH, HEADER
	movl $0, HEADER + 8
	desc 0, HEADER, 16, NEXT, 2
virtio_do:
	movl $0, HEADER + 4
	movl $0, HEADER + 12
	desc 2, STATUS, 1, WRITABLE, 0
	movb $0xff, STATUS
	movw AVAIL + 2, %bx
	andw $QUEUE_SIZE - 1, %bx
	addw %bx, %bx
	movw $0, AVAIL + 4(%bx)
	incw AVAIL + 2
	call virtio_ring
1:	movw USED + 2, %ax
	cmpw AVAIL + 2, %ax
	jne 1b
	cmpb $0, STATUS
	jne 9f
	clc
	ret
9:	stc
	ret

	.include "virtio.inc"
	.include "console.inc"
	.include "params.inc"
	.include "power.inc"
