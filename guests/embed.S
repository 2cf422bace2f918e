# SPDX-License-Identifier: MIT
#
# The guests that are part of the program itself; guests.h declares the names.

	.macro image name:req, file:req, size=65536
	.balign 4096
	.globl guest_\name
	.type guest_\name, @object
	.size guest_\name, \size
guest_\name:
	.incbin "\file"
	.if . - guest_\name != \size
	.error "\file is not of the size that guests.h says"
	.endif
	.endm

	.section .rodata
	image ticker, "ticker.bin"
	image rtcbench, "rtcbench.bin"
	image legacy, "legacy.bin", 2048
	.section .note.GNU-stack, "", @progbits
