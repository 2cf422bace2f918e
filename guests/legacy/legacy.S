# SPDX-License-Identifier: MIT
#
# A disk image's first sectors: started by the firmware from the first IDE disk, it makes one piece of work
# of old software and leaves by isa-debug-exit, with 16 if all is well and else with 1. Which work, and
# how much a command reads, are two bytes of the first sector (../guests.h) that whoever makes the image
# fills in. Where the work begins and ends it writes a byte to a port where nobody is, for whoever counts.
#
# The disk's sector n and the CD-ROM's block n/4, on the second channel, begin with the number n: what is
# read is looked at, so that nothing is counted that was not done.

	.code16
	.arch i686
	.section .text
	.globl _start

	.equ ORIGIN, 0x7c00
	.equ SECTORS, 4			# of this program
	.equ DEBUG_EXIT, 0xf4
	.equ MARK, 0xe8
	.equ DONE, 16
	.equ FAILED, 1
	.equ PRD, 0x600			# the bus master's table, one entry
	.equ BUFFER, 0x1000		# segment of what is read
	.equ FIRST, 64			# sector
	.equ END, FIRST + 2048		# a MiB behind it
	.equ SENSE_TRIES, 8

	.equ LINES, 100
	.equ COLUMNS, 60
	.equ FRAMES, 100
	.equ PALETTES, 20

	.equ PIC1, 0x20
	.equ PIC2, 0xa0
	.equ EOI, 0x20
	.equ SEQ, 0x3c4
	.equ SEQ_MAP_MASK, 2
	.equ DAC_INDEX, 0x3c8

	.equ ATA1, 0x1f0
	.equ ATA2, 0x170
	.equ CONTROL, 0x206		# from the channel's first port
	.equ STATUS_DF_ERR, 0x21
	.equ STATUS_DRQ, 0x08
	.equ STATUS_BSY, 0x80
	.equ READ_SECTORS, 0x20
	.equ READ_MULTIPLE, 0xc4
	.equ SET_MULTIPLE, 0xc6
	.equ READ_DMA, 0xc8
	.equ PACKET, 0xa0
	.equ CD_LIMIT, 2048		# bytes an interrupt
	.equ SCSI_REQUEST_SENSE, 0x03
	.equ SCSI_READ_10, 0x28
	.equ PIIX3_IDE, 0x80000900	# configuration of 00:01.1

_start:
	jmp begin
	.org 3
work:	.byte 0
each:	.byte 1				# sectors (of a CD-ROM: blocks) a command; divides 2048 (512)

begin:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $ORIGIN, %sp
	sti
	movw $0x200 + SECTORS - 1, %ax
	movw $ORIGIN + 512, %bx
	movw $2, %cx
	movb $0, %dh
	int $0x13
	jc failed
	movzbw work, %bx
	cmpw $WORKS, %bx
	jae failed
	addw %bx, %bx
	outb %al, $MARK
	call *works(%bx)
	outb %al, $MARK
	movb $DONE, %al
	outb %al, $DEBUG_EXIT
failed:
	movb $FAILED, %al
	outb %al, $DEBUG_EXIT
1:	cli
	hlt
	jmp 1b

	.org 510
	.word 0xaa55

works:	.word nothing, teletype, planar, bytes, frames, palettes, sectors, multiple, dma, packets
	.equ WORKS, (. - works) / 2

nothing:
	ret

# Lines by the BIOS, each of which scrolls.
teletype:
	movw $0x0200, %ax		# the cursor to the last row
	movw $0x1800, %dx
	movb $0, %bh
	int $0x10
	movw $LINES, %bp
1:	movw $COLUMNS, %si
2:	movw $0x0e00 + 'x', %ax
	movw $7, %bx
	int $0x10
	decw %si
	jnz 2b
	movw $0x0e00 + '\r', %ax
	int $0x10
	movw $0x0e00 + '\n', %ax
	int $0x10
	decw %bp
	jnz 1b
	ret

# 640x480 in 16 colours: a picture from memory, one plane after the other.
planar:
	movw $0x12, %ax
	int $0x10
	movw $0xa000, %ax
	movw %ax, %es
	movw $0x1000, %ax
	movw %ax, %ds
	movb $1, %bl
1:	movb $SEQ_MAP_MASK, %al
	movb %bl, %ah
	movw $SEQ, %dx
	outw %ax, %dx
	xorw %si, %si
	xorw %di, %di
	movw $640 * 480 / 8 / 2, %cx
	rep movsw
	addb %bl, %bl
	cmpb $16, %bl
	jne 1b
	xorw %ax, %ax
	movw %ax, %ds
	ret

# The same, all four planes of eight pixels before the next eight.
bytes:
	movw $0x12, %ax
	int $0x10
	movw $0xa000, %ax
	movw %ax, %es
	movw $0x1000, %ax
	movw %ax, %ds
	movb $SEQ_MAP_MASK, %al
	movw $SEQ, %dx
	outb %al, %dx
	incw %dx
	xorw %di, %di
1:	movb (%di), %ah
	movb $1, %al
2:	outb %al, %dx
	movb %ah, %es:(%di)
	addb %al, %al
	cmpb $16, %al
	jne 2b
	incw %di
	cmpw $640 * 480 / 8, %di
	jne 1b
	xorw %ax, %ax
	movw %ax, %ds
	ret

# 320x200 in 256 colours, whole pictures.
frames:
	movw $0x13, %ax
	int $0x10
	movw $0xa000, %ax
	movw %ax, %es
	movw $FRAMES, %bx
1:	xorw %di, %di
	movw %bx, %ax
	movw $320 * 200 / 2, %cx
	rep stosw
	decw %bx
	jnz 1b
	ret

# All colours anew, byte by byte, as a picture fades.
palettes:
	movw $0x13, %ax
	int $0x10
	movw $PALETTES, %bx
1:	movb $0, %al
	movw $DAC_INDEX, %dx
	outb %al, %dx
	incw %dx
	movw $3 * 256, %cx
2:	movb %cl, %al
	outb %al, %dx
	loop 2b
	decw %bx
	jnz 1b
	ret

sectors:
	movw $256, block_words
	movb $READ_SECTORS, command
	jmp pio
multiple:
	movb $READ_MULTIPLE, command
	movb each, %ah
	movb $0, %al
	movw %ax, block_words
	call ata_init
	movw $ATA1 + 2, %dx
	movb each, %al
	outb %al, %dx
	movb $0xe0, %al
	movw $ATA1 + 6, %dx
	outb %al, %dx
	movb $SET_MULTIPLE, %al
	incw %dx
	outb %al, %dx
	call wait_irq
pio:	call ata_init
1:	call ata_command
	movb each, %ch
	movb $0, %cl			# words
2:	call wait_irq
	testb $STATUS_DRQ, %al
	jz failed
	pushw %cx
	movw block_words, %cx
	movw $ATA1, %dx
	rep insw
	popw %cx
	subw block_words, %cx
	jnz 2b
	call advance
	jb 1b
	ret

# By the bus master, as drivers of the time did it.
dma:	call ata_init
	movb $READ_DMA, command
	movl $PIIX3_IDE + 4, %eax	# its command register: ports, bus master
	movw $0xcf8, %dx
	outl %eax, %dx
	movb $5, %al
	movw $0xcfc, %dx
	outb %al, %dx
	movl $PIIX3_IDE + 0x20, %eax
	movw $0xcf8, %dx
	outl %eax, %dx
	movw $0xcfc, %dx
	inl %dx, %eax
	andw $0xfff0, %ax
	movw %ax, bus_master
	movl $BUFFER << 4, PRD
	movzbw each, %ax
	shlw $9, %ax
	movw %ax, PRD + 4
	movw $0x8000, PRD + 6
1:	movw bus_master, %dx
	addw $4, %dx
	movl $PRD, %eax
	outl %eax, %dx
	subw $2, %dx
	movb $0x06, %al			# interrupt and error taken back
	outb %al, %dx
	subw $2, %dx
	movb $0x08, %al			# to memory
	outb %al, %dx
	call ata_command
	movw bus_master, %dx
	movb $0x09, %al
	outb %al, %dx
	call wait_irq
	movw bus_master, %dx
	addw $2, %dx
	inb %dx, %al
	testb $0x02, %al
	jnz failed
	subw $2, %dx
	movb $0, %al
	outb %al, %dx
	call advance
	jb 1b
	ret

# The channel's interrupt is ours from now on. ES:0 is the buffer.
ata_init:
	movw $BUFFER, %ax
	movw %ax, %es
	movw $ATA1, base
	movw $irq, 0x76 * 4
	movw $0, 0x76 * 4 + 2
	movw $irq, 0x77 * 4
	movw $0, 0x77 * 4 + 2
	inb $PIC1 + 1, %al
	andb $0xfb, %al
	outb %al, $PIC1 + 1
	inb $PIC2 + 1, %al
	andb $0x3f, %al
	outb %al, $PIC2 + 1
	movw $ATA1 + CONTROL, %dx
	movb $0, %al
	outb %al, %dx
	ret

# Reads `each` sectors from `at` on; DI becomes 0.
ata_command:
	movw $ATA1 + 2, %dx
	movb each, %al
	outb %al, %dx
	movw at, %ax
	incw %dx
	outb %al, %dx
	incw %dx
	movb %ah, %al
	outb %al, %dx
	incw %dx
	movb $0, %al
	outb %al, %dx
	incw %dx
	movb $0xe0, %al
	outb %al, %dx
	incw %dx
	movb command, %al
	outb %al, %dx
	xorw %di, %di
	ret

# Was that what it should be? Then to the next; below if there is one.
advance:
	movw at, %ax
	cmpw %ax, %es:0
	jne failed
	movzbw each, %ax
	addw %ax, at
	cmpw $END, at
	ret

# AL: the status that came with the next interrupt.
wait_irq:
	cli
	cmpb $0, came
	jne 1f
	sti
	hlt
	jmp wait_irq
1:	movb $0, came
	sti
	movb status, %al
	testb $STATUS_DF_ERR, %al
	jnz failed
	ret

irq:	pushw %ax
	pushw %dx
	movw %cs:base, %dx
	addw $7, %dx
	inb %dx, %al
	movb %al, %cs:status
	movb $1, %cs:came
	movb $EOI, %al
	outb %al, $PIC2
	outb %al, $PIC1
	popw %dx
	popw %ax
	iretw

# From a CD-ROM, data by PIO. What it has to say first is heard.
packets:
	call ata_init
	movw $ATA2, base
	movw $ATA2 + CONTROL, %dx
	movb $0, %al
	outb %al, %dx
	movw $SENSE_TRIES, %bp
1:	movw $test_ready, %si
	call packet
	jnc 2f
	movw $request_sense, %si
	call packet
	decw %bp
	jnz 1b
	jmp failed
2:	shrw $2, at
	movb each, %al
	movb %al, read_10 + 8
3:	movw at, %ax
	xchgb %al, %ah
	movw %ax, read_10 + 4
	movw $read_10, %si
	call packet
	jc failed
	movw at, %ax
	shlw $2, %ax
	cmpw %ax, %es:0
	jne failed
	movzbw each, %ax
	addw %ax, at
	cmpw $END / 4, at
	jb 3b
	ret

# SI: a packet. Its data to ES:0; carry if it failed.
packet:
	movw $ATA2 + 1, %dx
	movb $0, %al
	outb %al, %dx
	movw $ATA2 + 4, %dx
	movb $CD_LIMIT & 0xff, %al
	outb %al, %dx
	incw %dx
	movb $CD_LIMIT >> 8, %al
	outb %al, %dx
	incw %dx
	movb $0xa0, %al
	outb %al, %dx
	incw %dx
	movb $PACKET, %al
	outb %al, %dx
1:	inb %dx, %al
	andb $STATUS_BSY | STATUS_DRQ, %al
	cmpb $STATUS_DRQ, %al
	jne 1b
	movb $0, came
	movw $ATA2, %dx
	movw $6, %cx
	rep outsw
	xorw %di, %di
2:	cli
	cmpb $0, came
	jne 3f
	sti
	hlt
	jmp 2b
3:	movb $0, came
	sti
	testb $STATUS_DF_ERR, status
	jnz 8f
	testb $STATUS_DRQ, status
	jz 9f
	movw $ATA2 + 5, %dx
	inb %dx, %al
	movb %al, %ah
	decw %dx
	inb %dx, %al
	movw %ax, %cx
	shrw $1, %cx
	movw $ATA2, %dx
	rep insw
	jmp 2b
8:	stc
9:	ret				# the test above left carry clear

at:	.word FIRST
block_words: .word 0
bus_master: .word 0
base:	.word ATA1
command: .byte 0
status:	.byte 0
came:	.byte 0
test_ready: .fill 12, 1, 0
request_sense: .byte SCSI_REQUEST_SENSE, 0, 0, 0, 18
	.fill 7, 1, 0
read_10: .byte SCSI_READ_10
	.fill 11, 1, 0

	.org SECTORS * 512
