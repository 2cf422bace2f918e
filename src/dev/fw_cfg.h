// SPDX-License-Identifier: MIT
/*
 * The firmware configuration device: named blobs that firmware reads through a selector and a data
 * port, or by DMA. Source: QEMU's specification docs/specs/fw_cfg.
 *
 *	0x510	selector, 16 bits, write only (a word read gives 0)
 *	0x510-1	data, 8 bits, read only, each read moves on; 0 behind the end
 *	0x514	DMA address, two big-endian words; writing the lower one (0x518) starts.
 *		Reads "QEMU CFG"
 *
 * Items are added before the machine runs and never change while it does; the guest cannot write
 * any of them. The chip keeps copies of everything it is given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "mem/map.h"
#include "mem/region.h"

#define FW_CFG_PORT 0x510

/* Keys that have a fixed meaning. */
#define FW_CFG_SIGNATURE     0x00
#define FW_CFG_ID            0x01
#define FW_CFG_UUID          0x02
#define FW_CFG_RAM_SIZE      0x03 /* 64 bits */
#define FW_CFG_NOGRAPHIC     0x04 /* 16 bits, as the three below */
#define FW_CFG_NB_CPUS       0x05
#define FW_CFG_BOOT_MENU     0x0e
#define FW_CFG_MAX_CPUS      0x0f
#define FW_CFG_FILE_DIR      0x19
#define FW_CFG_FILE_FIRST    0x20
#define FW_CFG_ARCH          0x8000
#define FW_CFG_IRQ0_OVERRIDE 0x8002 /* 32 bits: 1, ISA interrupt 0 is GSI 2 */

#define FW_CFG_FILES    64
#define FW_CFG_NAME_MAX 55

/* A DMA that runs on behind the end of an item gets zeros: at most so many bytes, then an error. */
#define FW_CFG_FILL_MAX (UINT32_C(16) << 20)

struct fw_cfg_item {
	const void *data; /* NULL: no such item */
	uint32_t len;
	bool owned;
};

struct fw_cfg_file {
	char name[FW_CFG_NAME_MAX + 1];
	struct fw_cfg_item item;
};

struct fw_cfg {
	struct device device;
	struct mem_map *map; /* whose memory DMA reaches */
	struct mem_region ports, dma_ports;
	struct fw_cfg_item items[FW_CFG_FILE_FIRST];
	struct fw_cfg_item arch_items[FW_CFG_FILE_FIRST]; /* keys from FW_CFG_ARCH on */
	struct fw_cfg_file files[FW_CFG_FILES]; /* by name; the place in here makes the key */
	unsigned files_n;
	uint8_t directory[4 + 64 * FW_CFG_FILES];
	struct lock lock; /* LOCK_DEVICE: the state */
	/* State. */
	uint16_t key;
	uint32_t offset; /* of the next byte in the item */
	uint64_t dma_address;
};

extern const struct state_table fw_cfg_state;

/* "fw_cfg_io": with signature, id and an empty directory; the board adds its items. */
extern const struct device_type fw_cfg_type;

/* ports: the port space (offset = port). Signature, id and an empty directory are there. */
void fw_cfg_init(struct fw_cfg *fw_cfg, struct mem_map *map, struct mem_region *ports);
void fw_cfg_destroy(struct fw_cfg *fw_cfg);
void fw_cfg_reset(struct fw_cfg *fw_cfg);

/* Sets the item of a fixed key to a copy of len bytes. 0, -EINVAL (no such key) or -ENOMEM. */
int fw_cfg_add(struct fw_cfg *fw_cfg, unsigned key, const void *data, uint32_t len)
	__attribute__((warn_unused_result));
/* The same with a little-endian number of width 1, 2, 4 or 8. */
int fw_cfg_add_int(struct fw_cfg *fw_cfg, unsigned key, uint64_t value, unsigned width)
	__attribute__((warn_unused_result));

/*
 * Adds a file with a copy of len bytes. 0, -EINVAL (empty name), -ENAMETOOLONG, -EEXIST, -ENOSPC
 * (FW_CFG_FILES are there) or -ENOMEM.
 */
int fw_cfg_add_file(struct fw_cfg *fw_cfg, const char *name, const void *data, uint32_t len)
	__attribute__((warn_unused_result));
/* The file of that name, or NULL. */
const struct fw_cfg_item *fw_cfg_find(const struct fw_cfg *fw_cfg, const char *name);
