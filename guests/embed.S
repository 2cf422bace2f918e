# SPDX-License-Identifier: MIT
#
# The guests that are part of the program itself; guests.h declares the names.

	.macro image name:req, file:req
	.balign 4096
	.globl guest_\name
	.type guest_\name, @object
	.size guest_\name, 65536
guest_\name:
	.incbin "\file"
	.if . - guest_\name != 65536
	.error "\file is not 64 KiB"
	.endif
	.endm

	.section .rodata
	image ticker, "ticker.bin"
	image rtcbench, "rtcbench.bin"
	.section .note.GNU-stack, "", @progbits
