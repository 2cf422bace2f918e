// SPDX-License-Identifier: MIT
#include "dev/fw_cfg.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define DMA_PORT 0x514
#define KEY_MASK 0xbfffu /* bit 14 asked for writing in the protocol's first version */

#define DMA_ERROR        0x01u
#define DMA_READ         0x02u
#define DMA_SKIP         0x04u
#define DMA_SELECT       0x08u
#define DMA_WRITE        0x10u
#define DMA_KEY(control) ((uint16_t)((control) >> 16))

/* The command in guest memory: control, length, address, all big-endian. */
#define DMA_COMMAND_SIZE 16

#define DIRECTORY_ENTRY 64

static const char signature[4] = "QEMU"; /* guests look for this very word */
static const uint8_t features[4] = { 0x03 }; /* the traditional interface and DMA */
static const char dma_signature[8] = "QEMU CFG";

static const struct state_field fw_cfg_fields[] = {
	{ STATE_AT(struct fw_cfg, key), .on_reset = STATE_CLEAR, .value = FW_CFG_SIGNATURE },
	{ STATE_AT(struct fw_cfg, offset), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct fw_cfg, dma_address), .on_reset = STATE_CLEAR, .value = 0 },
};

const struct state_table fw_cfg_state = {
	.name = "fw-cfg",
	.version = 1,
	.fields = fw_cfg_fields,
	.fields_n = sizeof(fw_cfg_fields) / sizeof(fw_cfg_fields[0]),
};

static void select_item(struct fw_cfg *fw_cfg, uint16_t key)
{
	fw_cfg->key = key & KEY_MASK;
	fw_cfg->offset = 0;
}

/* The place of a fixed key's item, or NULL. */
static struct fw_cfg_item *fixed_item(struct fw_cfg *fw_cfg, unsigned key)
{
	if (key < FW_CFG_FILE_FIRST)
		return &fw_cfg->items[key];
	if (key >= FW_CFG_ARCH && key < FW_CFG_ARCH + FW_CFG_FILE_FIRST)
		return &fw_cfg->arch_items[key - FW_CFG_ARCH];
	return NULL;
}

/* What is left to read of the selected item; NULL: nothing. */
static const uint8_t *rest(struct fw_cfg *fw_cfg, uint32_t *len)
{
	const struct fw_cfg_item *item = fixed_item(fw_cfg, fw_cfg->key);

	if (!item && fw_cfg->key >= FW_CFG_FILE_FIRST &&
	    fw_cfg->key < FW_CFG_FILE_FIRST + fw_cfg->files_n)
		item = &fw_cfg->files[fw_cfg->key - FW_CFG_FILE_FIRST].item;
	*len = 0;
	if (!item || !item->data || fw_cfg->offset >= item->len)
		return NULL;
	*len = item->len - fw_cfg->offset;
	return (const uint8_t *)item->data + fw_cfg->offset;
}

static void selector_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	select_item(chip, (uint16_t)value);
}

static uint64_t selector_read(void *chip, uint64_t offset, unsigned width)
{
	return 0;
}

static uint64_t fw_cfg_data_read(void *chip, uint64_t offset, unsigned width)
{
	struct fw_cfg *fw_cfg = chip;
	uint32_t len;
	const uint8_t *byte = rest(fw_cfg, &len);

	if (!byte)
		return 0;
	fw_cfg->offset++;
	return *byte;
}

/* Bytes of both ports answer reads with data, and ignore writes: those may wait like the selector. */
static const struct mem_port fw_cfg_ports[] = {
	{ .at = 0,
	  .len = 2,
	  .widths = MEM_W2,
	  .read = selector_read,
	  .write = selector_write,
	  .wait = MEM_LATCH,
	  .why = "the selector only chooses what the data port shows",
	  .name = "selector" },
	{ .at = 0, .len = 2, .widths = MEM_W1, .read = fw_cfg_data_read, .name = "data" },
};

/*
 * Copies between guest RAM and a buffer; from == NULL fills with zeros. False: not all of it was RAM.
 * Only RAM: a chip's registers would be touched with our lock held.
 */
static bool to_guest(const struct mem_view *view, uint64_t addr, const uint8_t *from, uint64_t len)
{
	while (len) {
		uint64_t part = len;
		void *host = mem_view_map(view, addr, &part, true);

		if (!host)
			return false;
		if (from) {
			memcpy(host, from, part);
			from += part;
		} else {
			memset(host, 0, part);
		}
		mem_view_wrote(view, addr, part);
		addr += part;
		len -= part;
	}
	return true;
}

static bool from_guest(const struct mem_view *view, uint64_t addr, uint8_t *to, uint64_t len)
{
	while (len) {
		uint64_t part = len;
		const void *host = mem_view_map(view, addr, &part, false);

		if (!host)
			return false;
		memcpy(to, host, part);
		to += part;
		addr += part;
		len -= part;
	}
	return true;
}

/* Reads or skips len bytes of the selected item. False: the guest gets the error bit. */
static bool dma_transfer(struct fw_cfg *fw_cfg, const struct mem_view *view, bool read,
			 uint64_t addr, uint32_t len)
{
	uint32_t there;
	const uint8_t *data = rest(fw_cfg, &there);

	if (there > len)
		there = len;
	fw_cfg->offset += there;
	if (!read)
		return true;
	if (there && !to_guest(view, addr, data, there))
		return false;
	len -= there;
	return len <= FW_CFG_FILL_MAX && to_guest(view, addr + there, NULL, len);
}

static void dma_run(struct fw_cfg *fw_cfg, const struct mem_view *view, uint64_t at)
{
	uint8_t command[DMA_COMMAND_SIZE], answer[4];
	uint32_t control, len;
	bool ok = true;

	if (!from_guest(view, at, command, sizeof(command))) {
		be32_put(answer, DMA_ERROR);
		to_guest(view, at, answer, sizeof(answer));
		return;
	}
	control = be32_get(command);
	len = be32_get(command + 4);
	if (control & DMA_SELECT)
		select_item(fw_cfg, DMA_KEY(control));
	if (control & DMA_READ)
		ok = dma_transfer(fw_cfg, view, true, be64_get(command + 8), len);
	else if (control & DMA_WRITE)
		ok = len == 0; /* nothing can be written */
	else if (control & DMA_SKIP)
		ok = dma_transfer(fw_cfg, view, false, 0, len);
	be32_put(answer, ok ? 0 : DMA_ERROR);
	to_guest(view, at, answer, sizeof(answer));
}

static void dma_high_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct fw_cfg *fw_cfg = chip;

	fw_cfg->dma_address = (uint64_t)__builtin_bswap32((uint32_t)value) << 32;
}

static void dma_low_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct fw_cfg *fw_cfg = chip;
	uint64_t at = fw_cfg->dma_address | __builtin_bswap32((uint32_t)value);
	struct mem_view *view = mem_map_view(fw_cfg->map, MEM_SPACE_MEMORY);

	fw_cfg->dma_address = 0;
	dma_run(fw_cfg, view, at);
	mem_view_unref(view);
}

static uint64_t dma_read(void *chip, uint64_t offset, unsigned width)
{
	return le_get(dma_signature + offset, width);
}

static const struct mem_port dma_ports[] = {
	{ 0, 4, MEM_W4, .read = dma_read, .write = dma_high_write, .name = "DMA address, high" },
	{ 4, 4, MEM_W4, .read = dma_read, .write = dma_low_write, .name = "DMA address, low" },
	{ 0, 8, MEM_W1 | MEM_W2, .read = dma_read, .name = "DMA address" },
};

static void directory_build(struct fw_cfg *fw_cfg)
{
	be32_put(fw_cfg->directory, fw_cfg->files_n);
	for (unsigned i = 0; i < fw_cfg->files_n; i++) {
		const struct fw_cfg_file *file = &fw_cfg->files[i];
		uint8_t *entry = fw_cfg->directory + 4 + i * DIRECTORY_ENTRY;

		be32_put(entry, file->item.len);
		be16_put(entry + 4, (uint16_t)(FW_CFG_FILE_FIRST + i));
		be16_put(entry + 6, 0);
		memcpy(entry + 8, file->name, sizeof(file->name));
	}
	fw_cfg->items[FW_CFG_FILE_DIR].len = 4 + fw_cfg->files_n * DIRECTORY_ENTRY;
}

void fw_cfg_init(struct fw_cfg *fw_cfg, struct mem_map *map, struct mem_region *ports)
{
	*fw_cfg = (struct fw_cfg){ .device = fw_cfg->device, .map = map };
	lock_init(&fw_cfg->lock, LOCK_DEVICE, "fw-cfg");
	fw_cfg->items[FW_CFG_SIGNATURE] =
		(struct fw_cfg_item){ .data = signature, .len = sizeof(signature) };
	fw_cfg->items[FW_CFG_ID] =
		(struct fw_cfg_item){ .data = features, .len = sizeof(features) };
	fw_cfg->items[FW_CFG_FILE_DIR] = (struct fw_cfg_item){ .data = fw_cfg->directory };
	directory_build(fw_cfg);
	state_reset(&fw_cfg_state, fw_cfg);
	mem_region_init_io(&fw_cfg->ports, "fw_cfg", 1, fw_cfg_ports,
			   sizeof(fw_cfg_ports) / sizeof(fw_cfg_ports[0]), fw_cfg, &fw_cfg->lock);
	mem_region_init_io(&fw_cfg->dma_ports, "fw_cfg", 7, dma_ports,
			   sizeof(dma_ports) / sizeof(dma_ports[0]), fw_cfg, &fw_cfg->lock);
	mem_region_add(ports, &fw_cfg->ports, FW_CFG_PORT, 0);
	mem_region_add(ports, &fw_cfg->dma_ports, DMA_PORT, 0);
}

static void item_drop(struct fw_cfg_item *item)
{
	if (item->owned)
		free((void *)item->data);
	*item = (struct fw_cfg_item){ .data = NULL };
}

void fw_cfg_destroy(struct fw_cfg *fw_cfg)
{
	for (unsigned i = 0; i < FW_CFG_FILE_FIRST; i++) {
		item_drop(&fw_cfg->items[i]);
		item_drop(&fw_cfg->arch_items[i]);
	}
	for (unsigned i = 0; i < fw_cfg->files_n; i++)
		item_drop(&fw_cfg->files[i].item);
	lock_destroy(&fw_cfg->lock);
}

void fw_cfg_reset(struct fw_cfg *fw_cfg)
{
	lock_take(&fw_cfg->lock);
	state_reset(&fw_cfg_state, fw_cfg);
	lock_drop(&fw_cfg->lock);
}

static int item_copy(struct fw_cfg_item *item, const void *data, uint32_t len)
{
	void *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	item_drop(item);
	*item = (struct fw_cfg_item){ .data = copy, .len = len, .owned = true };
	return 0;
}

int fw_cfg_add(struct fw_cfg *fw_cfg, unsigned key, const void *data, uint32_t len)
{
	struct fw_cfg_item *item = fixed_item(fw_cfg, key);

	if (!item || key == FW_CFG_FILE_DIR)
		return -EINVAL;
	return item_copy(item, data, len);
}

int fw_cfg_add_int(struct fw_cfg *fw_cfg, unsigned key, uint64_t value, unsigned width)
{
	uint8_t bytes[8];

	assert(width <= sizeof(bytes));
	le_put(bytes, value, width);
	return fw_cfg_add(fw_cfg, key, bytes, width);
}

int fw_cfg_add_file(struct fw_cfg *fw_cfg, const char *name, const void *data, uint32_t len)
{
	struct fw_cfg_item item = { .data = NULL };
	unsigned at = 0;
	int r;

	if (!name[0])
		return -EINVAL;
	if (strlen(name) > FW_CFG_NAME_MAX)
		return -ENAMETOOLONG;
	while (at < fw_cfg->files_n && strcmp(fw_cfg->files[at].name, name) < 0)
		at++;
	if (at < fw_cfg->files_n && !strcmp(fw_cfg->files[at].name, name))
		return -EEXIST;
	if (fw_cfg->files_n == FW_CFG_FILES)
		return -ENOSPC;
	r = item_copy(&item, data, len);
	if (r)
		return r;
	memmove(&fw_cfg->files[at + 1], &fw_cfg->files[at],
		(fw_cfg->files_n - at) * sizeof(fw_cfg->files[0]));
	fw_cfg->files[at] = (struct fw_cfg_file){ .item = item };
	memcpy(fw_cfg->files[at].name, name, strlen(name) + 1);
	fw_cfg->files_n++;
	directory_build(fw_cfg);
	return 0;
}

const struct fw_cfg_item *fw_cfg_find(const struct fw_cfg *fw_cfg, const char *name)
{
	for (unsigned i = 0; i < fw_cfg->files_n; i++)
		if (!strcmp(fw_cfg->files[i].name, name))
			return &fw_cfg->files[i].item;
	return NULL;
}

static int fw_cfg_create(struct device *device, struct place *place, struct error *err)
{
	fw_cfg_init((struct fw_cfg *)device, place->map, place->ports);
	return 0;
}

static void fw_cfg_pull(struct device *device)
{
	fw_cfg_reset((struct fw_cfg *)device);
}

static void fw_cfg_end(struct device *device)
{
	fw_cfg_destroy((struct fw_cfg *)device);
}

const struct device_type fw_cfg_type = {
	.name = "fw_cfg_io",
	.about = "what firmware reads of the machine",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.size = sizeof(struct fw_cfg),
	.create = fw_cfg_create,
	.reset = fw_cfg_pull,
	.state = (const struct device_part[]){ DEVICE_PART_SELF(fw_cfg_state), { 0 } },
	.destroy = fw_cfg_end,
};
