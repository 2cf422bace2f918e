// SPDX-License-Identifier: MIT
#include "virtio_guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"

#define BARS_AT 0xe0000000u

static void record_intx(void *arg, unsigned device, unsigned pin, bool level)
{
	struct machine *m = arg;

	if (device != 3)
		return;
	if (level && !m->intx[pin])
		m->intx_raised++;
	m->intx[pin] = level;
}

static int record_msi(void *arg, uint64_t addr, uint32_t value)
{
	struct machine *m = arg;

	m->msi[m->msi_n % MSI_LOG].addr = addr;
	m->msi[m->msi_n % MSI_LOG].data = value;
	m->msi_n++;
	return 0;
}

static void quit(void *arg)
{
	struct machine *m = arg;

	loop_quit(&m->loop);
}

void machine_init(struct machine *m)
{
	struct pci_intx_sink intx = { .set = record_intx, .arg = m };
	struct msi_sink msi = { .send = record_msi, .arg = m };
	uint8_t *bytes = malloc(DISK_SIZE);
	int fd;

	memset(m, 0, sizeof(*m));
	m->host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(m->host != MAP_FAILED);
	assert_int_equal(mem_map_init(&m->map), 0);
	mem_region_init_ram(&m->ram, "ram", m->host, RAM_SIZE - 1);
	mem_region_init_container(&m->bars, "bars", UINT64_MAX);
	mem_region_init_container(&m->ports, "bar ports", UINT16_MAX);
	mem_map_begin(&m->map);
	mem_region_add(&m->map.root[MEM_SPACE_MEMORY], &m->ram, 0, 0);
	mem_region_add(&m->map.root[MEM_SPACE_MEMORY], &m->bars, 0, 1);
	mem_region_add(&m->map.root[MEM_SPACE_PORT], &m->ports, 0, 1);
	assert_int_equal(mem_map_commit(&m->map), 0);
	pci_bus_init(&m->bus, &m->map, &m->bars, &m->ports, intx, msi);
	assert_int_equal(loop_init(&m->loop), 0);
	m->quit = (struct loop_task){ .run = quit, .arg = m };

	strcpy(m->path, "/tmp/coalport-virtio-XXXXXX");
	fd = mkstemp(m->path);
	assert_true(fd >= 0);
	assert_non_null(bytes);
	for (size_t i = 0; i < DISK_SIZE; i++)
		bytes[i] = disk_byte(i);
	assert_int_equal(write(fd, bytes, DISK_SIZE), DISK_SIZE);
	close(fd);
	free(bytes);
}

void machine_destroy(struct machine *m)
{
	unlink(m->path);
	loop_destroy(&m->loop);
	pci_bus_destroy(&m->bus);
	mem_map_destroy(&m->map);
	munmap(m->host, RAM_SIZE);
}

void machine_run(struct machine *m, struct disk *disk)
{
	/* A pass serves what rang before it; serving may ring again. */
	for (unsigned pass = 0; pass < 4 || (disk && block_in_flight(disk->block) > 0); pass++) {
		loop_post(&m->loop, &m->quit);
		assert_int_equal(loop_run(&m->loop), 0);
	}
}

uint32_t guest_read(struct machine *m, uint64_t addr, unsigned width)
{
	struct mem_view *view = mem_map_view(&m->map, MEM_SPACE_MEMORY);
	uint64_t value = mem_view_read(view, addr, width);

	mem_view_unref(view);
	return (uint32_t)value;
}

void guest_write(struct machine *m, uint64_t addr, uint64_t value, unsigned width)
{
	struct mem_view *view = mem_map_view(&m->map, MEM_SPACE_MEMORY);

	mem_view_write(view, addr, value, width);
	mem_view_unref(view);
	assert_int_equal(mem_map_settle(&m->map), 0);
}

uint8_t disk_byte(size_t i)
{
	return (uint8_t)(i * 7 + i / 512 * 13 + 1);
}

static void drain(void *arg)
{
	struct machine *m = arg;

	if (m->drain)
		m->drain(m);
}

void disk_init(struct disk *disk, struct machine *m, unsigned device, struct block_options options)
{
	struct virtio_blk_options blk = {
		.bus = &m->bus,
		.devfn = PCI_DEVFN(device, 0),
		.map = &m->map,
		.loop = &m->loop,
		.drain = drain,
		.drain_arg = m,
		.serial = "coalport-disk-0123456789",
	};
	char why[BLOCK_WHY];

	memset(disk, 0, sizeof(*disk));
	disk->m = m;
	disk->devfn = blk.devfn;
	disk->base = 0x40000 * device;
	options.loop = &m->loop;
	if (!options.path)
		options.path = m->path;
	assert_int_equal(block_open(&disk->block, &options, why), 0);
	blk.block = disk->block;
	mem_map_begin(&m->map);
	assert_int_equal(virtio_blk_init(&disk->blk, &blk), 0);
	assert_int_equal(mem_map_commit(&m->map), 0);
}

void disk_destroy(struct disk *disk)
{
	virtio_blk_destroy(&disk->blk);
	mem_map_begin(&disk->m->map);
	mem_region_remove(&disk->blk.pci.bar);
	assert_int_equal(mem_map_commit(&disk->m->map), 0);
	disk->m->bus.functions[disk->devfn] = NULL;
	block_close(disk->block);
}

uint32_t config_get(struct disk *disk, unsigned offset, unsigned width)
{
	return pci_bus_read(&disk->m->bus, disk->devfn, offset, width);
}

void config_set(struct disk *disk, unsigned offset, uint32_t value, unsigned width)
{
	pci_bus_write(&disk->m->bus, disk->devfn, offset, value, width);
	assert_int_equal(mem_map_settle(&disk->m->map), 0);
}

uint32_t common_get(struct disk *disk, unsigned offset, unsigned width)
{
	return guest_read(disk->m, disk->common + offset, width);
}

void common_set(struct disk *disk, unsigned offset, uint32_t value, unsigned width)
{
	guest_write(disk->m, disk->common + offset, value, width);
}

static void found(struct disk *disk, unsigned at, uint64_t bars[PCI_BARS])
{
	uint64_t addr = bars[config_get(disk, at + 4, 1) % PCI_BARS] + config_get(disk, at + 8, 4);

	switch (config_get(disk, at + 3, 1)) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		disk->common = addr;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		disk->notify = addr;
		disk->notify_each = config_get(disk, at + 16, 4);
		break;
	case VIRTIO_PCI_CAP_ISR_CFG:
		disk->isr = addr;
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		disk->device = addr;
		break;
	case VIRTIO_PCI_CAP_PCI_CFG:
		disk->window = at;
		break;
	}
}

void driver_find(struct disk *disk)
{
	uint64_t bars[PCI_BARS] = { 0 }, next = BARS_AT + 0x100000u * (disk->devfn >> 3);
	uint32_t word;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		config_set(disk, PCI_BAR(i), UINT32_MAX, 4);
		word = config_get(disk, PCI_BAR(i), 4);
		if (!word)
			continue;
		assert_int_equal(word & 0xf, 0); /* 32-bit memory */
		word = ~word + 1;
		bars[i] = (next + word - 1) & ~(uint64_t)(word - 1);
		next = bars[i] + word;
		config_set(disk, PCI_BAR(i), (uint32_t)bars[i], 4);
	}
	config_set(disk, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	assert_true(config_get(disk, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES);
	for (unsigned at = config_get(disk, PCI_CAPABILITIES, 1); at;
	     at = config_get(disk, at + 1, 1)) {
		if (config_get(disk, at, 1) == 9)
			found(disk, at, bars);
		if (config_get(disk, at, 1) != 0x11)
			continue;
		disk->msix = at;
		word = config_get(disk, at + 4, 4);
		disk->msix_table = bars[word & 7] + (word & ~7u);
		word = config_get(disk, at + 8, 4);
		disk->msix_pending = bars[word & 7] + (word & ~7u);
	}
}

void driver_msix(struct disk *disk, bool on)
{
	for (unsigned i = 0; on && i < 2; i++) {
		guest_write(disk->m, disk->msix_table + 16 * i, 0xfee00000, 4);
		guest_write(disk->m, disk->msix_table + 16 * i + 4, 0, 4);
		guest_write(disk->m, disk->msix_table + 16 * i + 8, 0x40 + i, 4);
		guest_write(disk->m, disk->msix_table + 16 * i + 12, 0, 4);
	}
	config_set(disk, disk->msix + 2, on ? 0x8000 : 0, 2);
}

bool driver_features(struct disk *disk, uint64_t features)
{
	features |= UINT64_C(1) << VIRTIO_F_VERSION_1;
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	assert_int_equal(driver_status(disk), 0);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 3, 1);
	common_set(disk, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	common_set(disk, VIRTIO_PCI_COMMON_GF, (uint32_t)features, 4);
	common_set(disk, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	common_set(disk, VIRTIO_PCI_COMMON_GF, (uint32_t)(features >> 32), 4);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0xb, 1);
	return driver_status(disk) == 0xb;
}

void driver_queue(struct disk *disk, uint16_t size, uint16_t vector)
{
	static const unsigned at[] = { AT_DESC, AT_AVAIL, AT_USED };

	memset(disk->m->host + disk->base, 0, AT_HEADER);
	common_set(disk, VIRTIO_PCI_COMMON_Q_SELECT, 0, 2);
	common_set(disk, VIRTIO_PCI_COMMON_Q_SIZE, size, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_SIZE, 2), size);
	common_set(disk, VIRTIO_PCI_COMMON_MSIX, vector == 0xffff ? vector : 0, 2);
	common_set(disk, VIRTIO_PCI_COMMON_Q_MSIX, vector, 2);
	for (unsigned i = 0; i < 3; i++) {
		common_set(disk, VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i, (uint32_t)disk->base + at[i],
			   4);
		common_set(disk, VIRTIO_PCI_COMMON_Q_DESCHI + 8 * i, 0, 4);
	}
	common_set(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	disk->size = size;
	disk->avail = disk->seen = 0;
}

void driver_ok(struct disk *disk)
{
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0xf, 1);
	assert_int_equal(driver_status(disk), 0xf);
}

void driver_start(struct disk *disk, uint64_t features, bool msix)
{
	driver_find(disk);
	driver_msix(disk, msix);
	assert_true(driver_features(disk, features));
	driver_queue(disk, 16, msix ? 1 : 0xffff);
	driver_ok(disk);
	/* It looks at the queue when it starts: not mistaken for what a test rings for later. */
	machine_run(disk->m, disk);
}

uint8_t driver_status(struct disk *disk)
{
	return (uint8_t)common_get(disk, VIRTIO_PCI_COMMON_STATUS, 1);
}

void put_desc(struct disk *disk, unsigned index, uint64_t addr, uint32_t len, uint16_t flags,
	      uint16_t next)
{
	uint8_t *at = disk->m->host + disk->base + AT_DESC + 16 * index;

	le64_put(at, addr);
	le32_put(at + 8, len);
	le16_put(at + 12, flags);
	le16_put(at + 14, next);
}

void make_available(struct disk *disk, uint16_t head)
{
	uint8_t *avail = disk->m->host + disk->base + AT_AVAIL;

	le16_put(avail + 4 + 2 * (disk->avail % disk->size), head);
	disk->avail++;
	le16_put(avail + 2, disk->avail);
}

void ring(struct disk *disk)
{
	guest_write(disk->m, disk->notify, 0, 2);
}

uint16_t used_idx(struct disk *disk)
{
	return le16_get(disk->m->host + disk->base + AT_USED + 2);
}

uint8_t *data(struct disk *disk)
{
	return disk->m->host + disk->base + AT_DATA;
}

struct outcome request(struct disk *disk, uint32_t type, uint64_t sector, uint32_t len)
{
	uint8_t *ram = disk->m->host + disk->base;
	uint8_t *entry = ram + AT_USED + 4 + 8 * (disk->seen % disk->size);
	bool reads = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	struct outcome outcome = { 0 };

	le32_put(ram + AT_HEADER, type);
	le32_put(ram + AT_HEADER + 4, 0);
	le64_put(ram + AT_HEADER + 8, sector);
	ram[AT_STATUS] = 0xff;
	put_desc(disk, 0, disk->base + AT_HEADER, 16, VRING_DESC_F_NEXT, len ? 1 : 2);
	put_desc(disk, 1, disk->base + AT_DATA, len,
		 (uint16_t)(VRING_DESC_F_NEXT | (reads ? VRING_DESC_F_WRITE : 0)), 2);
	put_desc(disk, 2, disk->base + AT_STATUS, 1, VRING_DESC_F_WRITE, 0);
	make_available(disk, 0);
	ring(disk);
	machine_run(disk->m, disk);
	if (used_idx(disk) == disk->seen)
		return outcome;
	assert_int_equal(used_idx(disk), (uint16_t)(disk->seen + 1));
	assert_int_equal(le32_get(entry), 0);
	disk->seen++;
	outcome.answered = true;
	outcome.status = ram[AT_STATUS];
	outcome.written = le32_get(entry + 4);
	return outcome;
}
