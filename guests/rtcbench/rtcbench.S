# SPDX-License-Identifier: MIT
#
# What a port access costs the guest, by its own clock: RDTSC before and after each access, less
# what the same loop costs without the access. Then bare pairs, so that a monitor can count exits.
#
# Parameters: count=20000 (bare pairs), samples=1000 (timed accesses, 1 to 4000).
# Output, one result a line, in ticks of the time-stamp counter:
#   write_0x70 min=1 median=2 avg=3 ticks
#   pairs_0x70_0x71 count=20000 total=4 ticks

	.include "rom.inc"

	.equ count, VARS + 0x10
	.equ samples, VARS + 0x14
	.equ result, VARS + 0x20	# three numbers: minimum, median, average
	.equ floor, VARS + 0x30		# the same of the empty loop
	.equ FLOOR_SAMPLES, SAMPLES + 0x4000
	.equ SAMPLES_MAX, 4000
	.equ CMOS_SPARE, 0x50		# an index whose byte nothing else looks at
	.equ HOST_BRIDGE, 0x80000000

# The steps of the accesses.
	.macro nothing
	.endm
	.macro cmos_prepare
	movb $CMOS_SPARE, %al
	.endm
	.macro cmos_index
	outb %al, $0x70
	.endm
	.macro cmos_set
	cmos_prepare
	cmos_index
	.endm
	.macro cmos_data
	inb $0x71, %al
	.endm
	.macro pci_prepare
	movl $HOST_BRIDGE, %eax
	movw $0xcf8, %dx
	.endm
	.macro pci_address
	outl %eax, %dx
	.endm
	.macro pci_set
	pci_prepare
	pci_address
	.endm
	.macro pci_data
	movw $0xcfc, %dx
	inl %dx, %eax
	.endm

# Takes the samples of one access, and as many of the same steps without it, in turn: what disturbs
# the one disturbs the other. No step may change CX, DI or EBX.
	.macro sample prepare, access, after
	movw samples, %cx
	movw $SAMPLES, %di
.Lsample\@:
	rdtsc
	movl %eax, %ebx
	\prepare
	rdtsc
	subl %ebx, %eax
	movl %eax, (FLOOR_SAMPLES - SAMPLES)(%di)
	rdtsc
	movl %eax, %ebx
	\prepare
	\access
	rdtsc
	subl %ebx, %eax
	stosl
	\after
	decw %cx
	jnz .Lsample\@
	.endm

	.macro measure name:req, prepare, access, after
	sample \prepare, \access, \after
	say "\name"
	call print_samples
	.endm

# The same access pair as often as asked, nothing else.
	.macro pairs name:req, set, data
	movl count, %ecx
	testl %ecx, %ecx
	jz .Ldone\@
	rdtsc
	movl %eax, %esi
	movl %edx, %edi
.Lpair\@:
	\set
	\data
	decl %ecx
	jnz .Lpair\@
	rdtsc
	subl %esi, %eax
	sbbl %edi, %edx
	say "\name"
	call print_pairs
.Ldone\@:
	.endm

main:
	call params_load
	number "count", 20000
	movl %eax, count
	number "samples", 1000
	testl %eax, %eax
	jz 1f
	cmpl $SAMPLES_MAX, %eax
	jbe 2f
1:	movl $1000, %eax
2:	movl %eax, samples
	say "rtcbench count="
	movl count, %eax
	call put_dec
	say " samples="
	movl samples, %eax
	call put_dec
	call newline

	measure "write_0x70", cmos_prepare, cmos_index, cmos_data
	measure "read_0x71", cmos_set, cmos_data, nothing
	measure "write_0xcf8", pci_prepare, pci_address, pci_data

	pairs "pairs_0x70_0x71", cmos_set, cmos_data
	pairs "pairs_0xcf8_0xcfc", pci_set, pci_data

	sayln "rtcbench done"
	movb $0, %al
	jmp finish

# Minimum, median and average of the samples to DI. Sorts them.
statistics:
	pushal
	pushw %di
	call sort
	popw %di
	movl samples, %ecx
	movl SAMPLES, %eax
	movl %eax, (%di)
	movl %ecx, %esi
	shrl $1, %esi
	movl SAMPLES(, %esi, 4), %eax
	movl %eax, 4(%di)
	xorl %eax, %eax			# EDX:EAX: the sum
	xorl %edx, %edx
	xorl %esi, %esi
1:	addl SAMPLES(, %esi, 4), %eax
	adcl $0, %edx
	incl %esi
	cmpl %ecx, %esi
	jb 1b
	divl %ecx			# cannot overflow: an average of 32-bit numbers
	movl %eax, 8(%di)
	popal
	ret

# Shell's sort of the samples, smallest first. Changes every general register.
sort:
	movl samples, %ebp
	movl %ebp, %ebx			# EBX: the gap
1:	shrl $1, %ebx
	jz 9f
	movl %ebx, %esi			# ESI: the one to be put in its place
2:	cmpl %ebp, %esi
	jae 1b
	movl SAMPLES(, %esi, 4), %eax
	movl %esi, %edi
3:	cmpl %ebx, %edi
	jb 4f
	movl %edi, %ecx
	subl %ebx, %ecx
	movl SAMPLES(, %ecx, 4), %edx
	cmpl %eax, %edx
	jbe 4f
	movl %edx, SAMPLES(, %edi, 4)
	movl %ecx, %edi
	jmp 3b
4:	movl %eax, SAMPLES(, %edi, 4)
	incl %esi
	jmp 2b
9:	ret

# Changes EAX, CX, SI, DI.
print_samples:
	movw $result, %di
	call statistics
	movw $FLOOR_SAMPLES, %si
	movw $SAMPLES, %di
	movw samples, %cx
	rep movsl
	movw $floor, %di
	call statistics
	say " min="
	movl result, %eax
	subl floor, %eax
	call put_at_least_0
	say " median="
	movl result + 4, %eax
	subl floor + 4, %eax
	call put_at_least_0
	say " avg="
	movl result + 8, %eax
	subl floor + 8, %eax
	call put_at_least_0
	sayln " ticks"
	ret

# EAX with the flags of the subtraction that made it. Changes EAX.
put_at_least_0:
	jnc 1f
	xorl %eax, %eax
1:	jmp put_dec

# EDX:EAX: the ticks. Changes SI.
print_pairs:
	pushl %eax
	say " count="
	movl count, %eax
	call put_dec
	say " total="
	popl %eax
	call put_dec64
	sayln " ticks"
	ret

	.include "console.inc"
	.include "params.inc"
	.include "power.inc"
