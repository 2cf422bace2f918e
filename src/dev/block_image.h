// SPDX-License-Identifier: MIT
/*
 * Images that are more than the disk's bytes one after the other (qcow2, VMDK, ...): QEMU's
 * qemu-storage-daemon reads and writes them, as a child of this process that serves one image by NBD
 * over a socket that nobody else can reach. It locks the image as QEMU does. Internal to dev/block*.c.
 */
#pragma once

#include "dev/block.h"

/* Some of an image's bytes, at its beginning and at its end. */
#define BLOCK_IMAGE_HEAD 4096
#define BLOCK_IMAGE_TAIL 512

/*
 * The format that an image looks like, or NULL. Short images are filled up with zeroes. A guest can
 * make its raw disk look like anything: the answer is a reason to ask, never to open it so.
 */
const char *block_image_guess(const uint8_t head[BLOCK_IMAGE_HEAD],
			      const uint8_t tail[BLOCK_IMAGE_TAIL]);

/*
 * As block_open(), for options->format other than "raw". Waits for the daemon, which ends with the block
 * or with the thread that opened it.
 */
int block_image_open(struct block **out, const struct block_options *options, char why[BLOCK_WHY])
	__attribute__((warn_unused_result));
