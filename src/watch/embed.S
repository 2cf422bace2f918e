# SPDX-License-Identifier: MIT
#
# count.bpf.c, compiled for the kernel, as a part of the program; counter.c declares the names.

	.section .rodata
	.balign 8
	.globl watch_count_image, watch_count_image_end
watch_count_image:
	.incbin "count.bpf.o"
watch_count_image_end:
	.section .note.GNU-stack, "", @progbits
