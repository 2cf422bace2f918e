// SPDX-License-Identifier: MIT
/*
 * A guest made of the input drives a virtio disk: configuration space, registers, ring memory and
 * requests, on a disk in memory whose requests are done at once. The input is a list of steps, each
 * a byte that chooses and the bytes that the choice takes; where it ends, zeroes follow.
 */
#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/dev/pci_all.h"
#include "base/bytes.h"
#include "dev/virtio_blk.h"
#include "outcome.h"

#define RAM_SIZE  0x10000u
#define DISK_SIZE 0x8000u
#define DEVFN     PCI_DEVFN(3, 0)
#define BAR_AT    0xe0000000u
#define BAR_SIZE  0x8000u

/* Where the steps that act like a driver keep their things. */
#define AT_DESC   0x1000
#define AT_AVAIL  0x3000
#define AT_USED   0x4000
#define AT_HEADER 0x6000
#define AT_STATUS 0x6100
#define AT_DATA   0x7000

#define COMMON(name) (BAR_AT + VIRTIO_PCI_COMMON_##name)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

struct machine {
	struct mem_map map;
	struct mem_region ram_region, bars, ports;
	struct pci_bus bus;
	struct block *block;
	struct virtio_blk blk;
	uint8_t *ram;
	uint8_t disk[DISK_SIZE];
	const uint8_t *at, *end; /* of the input */
	uint16_t size; /* of the queue, as the driver's steps have it */
	unsigned steps;
	uint8_t copy[RAM_SIZE]; /* of RAM, for a moment: not cleared */
};

static uint32_t next(struct machine *m, unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes; i++) {
		if (m->at < m->end)
			value |= (uint32_t)*m->at++ << (8 * i);
	}
	return value;
}

static ssize_t move(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
		    uint64_t offset, bool write)
{
	uint8_t *disk = file->arg;
	size_t done = 0;

	for (unsigned i = 0; i < iov_n; i++) {
		size_t len = iov[i].iov_len;

		assert(offset + done <= DISK_SIZE && len <= DISK_SIZE - offset - done);
		if (write)
			memcpy(disk + offset + done, iov[i].iov_base, len);
		else
			memcpy(iov[i].iov_base, disk + offset + done, len);
		done += len;
	}
	return (ssize_t)done;
}

static ssize_t disk_read(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			 uint64_t offset)
{
	return move(file, iov, iov_n, offset, false);
}

static ssize_t disk_write(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			  uint64_t offset)
{
	return move(file, iov, iov_n, offset, true);
}

static int disk_flush(const struct block_file *file)
{
	return 0;
}

static int disk_discard(const struct block_file *file, uint64_t offset, uint64_t len)
{
	assert(offset <= DISK_SIZE && len <= DISK_SIZE - offset);
	return -EOPNOTSUPP;
}

static int disk_zero(const struct block_file *file, uint64_t offset, uint64_t len, bool unmap)
{
	uint8_t *disk = file->arg;

	assert(offset <= DISK_SIZE && len <= DISK_SIZE - offset);
	memset(disk + offset, 0, len);
	return 0;
}

static const struct block_system disk_system = {
	.read = disk_read,
	.write = disk_write,
	.flush = disk_flush,
	.discard = disk_discard,
	.zero = disk_zero,
};

static void guest_write(struct machine *m, uint64_t addr, uint64_t value, unsigned width)
{
	struct mem_view *view = mem_map_view(&m->map, MEM_SPACE_MEMORY);
	int err;

	mem_view_write(view, addr, value, width);
	mem_view_unref(view);
	err = mem_map_settle(&m->map);
	assert(!err);
}

static void guest_read(struct machine *m, uint64_t addr, unsigned width)
{
	struct mem_view *view = mem_map_view(&m->map, MEM_SPACE_MEMORY);

	(void)mem_view_read(view, addr, width);
	mem_view_unref(view);
}

static void config_write(struct machine *m, unsigned offset, uint32_t value, unsigned width)
{
	int err;

	pci_bus_write(&m->bus, DEVFN, offset & ~(width - 1), value, width);
	err = mem_map_settle(&m->map);
	assert(!err);
}

static void map_bar(struct machine *m)
{
	config_write(m, PCI_BAR(0), BAR_AT, 4);
	config_write(m, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

/*
 * A driver that does everything right, but for what the input has it do. What it would write to
 * many registers is put there at once: that is most of the time otherwise, and the registers have
 * a step of their own.
 */
static void start_driver(struct machine *m)
{
	struct virtio_pci *pci = &m->blk.pci;
	uint32_t features = next(m, 4), options = next(m, 1);

	m->size = (uint16_t)(1u << (options & 7));
	map_bar(m);
	guest_write(m, COMMON(STATUS), 0, 1);
	memset(m->ram + AT_DESC, 0, AT_HEADER - AT_DESC);
	pci->driver_features = ((uint64_t)1 << 32 | features) & pci->features;
	guest_write(m, COMMON(STATUS), 0xb, 1);
	pci->config_vector = 0;
	pci->queues[0].size = m->size;
	pci->queues[0].vector = 1;
	pci->queues[0].desc = AT_DESC;
	pci->queues[0].driver = AT_AVAIL;
	pci->queues[0].device = AT_USED;
	pci->queues[0].enabled = true;
	guest_write(m, COMMON(STATUS), 0xf, 1);
	config_write(m, pci->msix.capability + 2, options & 8 ? 0x8000 : 0, 2);
}

static void put_desc(struct machine *m, unsigned index, uint64_t addr, uint32_t len, uint16_t flags)
{
	uint8_t *at = m->ram + AT_DESC + 16 * index;

	le64_put(at, addr);
	le32_put(at + 8, len);
	le16_put(at + 12, flags);
	le16_put(at + 14, (uint16_t)(index + 1));
}

static void make_request(struct machine *m)
{
	uint32_t type = next(m, 1), sector = next(m, 1), len = next(m, 2), options = next(m, 1);
	uint16_t write = type == 0 || type == 8 ? VRING_DESC_F_WRITE : 0;
	uint8_t *avail = m->ram + AT_AVAIL;
	uint16_t idx = le16_get(avail + 2);

	le32_put(m->ram + AT_HEADER, type);
	le64_put(m->ram + AT_HEADER + 8, sector);
	put_desc(m, 0, AT_HEADER, 16, VRING_DESC_F_NEXT);
	put_desc(m, 1, AT_DATA, len, (uint16_t)(write | VRING_DESC_F_NEXT));
	put_desc(m, 2, AT_STATUS, 1, VRING_DESC_F_WRITE);
	/* The same again behind a descriptor that points to them. */
	put_desc(m, 3, AT_DESC, 48, VRING_DESC_F_INDIRECT);
	le16_put(avail + 4 + 2 * (idx % m->size), options & 1 ? 3 : 0);
	le16_put(avail + 2, (uint16_t)(idx + 1));
}

static void write_ram(struct machine *m)
{
	uint32_t addr = next(m, 2), len = next(m, 1);

	for (uint32_t i = 0; i < len && addr + i < RAM_SIZE; i++)
		m->ram[addr + i] = (uint8_t)next(m, 1);
}

static void serve(struct machine *m)
{
	bool master = pci_is_master(&m->blk.pci.function);

	if (!master)
		memcpy(m->copy, m->ram, RAM_SIZE);
	virtio_blk_serve(&m->blk);
	assert(block_in_flight(m->block) == 0 && m->blk.pci.in_flight == 0);
	assert(master || memcmp(m->copy, m->ram, RAM_SIZE) == 0);
}

static void step(struct machine *m)
{
	unsigned kind = next(m, 1), offset, width;

	switch (kind % 10) {
	case 0:
		offset = next(m, 2) % BAR_SIZE;
		width = 1u << (next(m, 1) & 3);
		guest_write(m, BAR_AT + offset, next(m, 4), width);
		break;
	case 1:
		offset = next(m, 2) % BAR_SIZE;
		guest_read(m, BAR_AT + offset, 1u << (next(m, 1) & 3));
		break;
	case 2:
		offset = next(m, 1);
		width = 1u << (next(m, 1) % 3);
		config_write(m, offset, next(m, 4), width);
		break;
	case 3:
		offset = next(m, 1);
		width = 1u << (next(m, 1) % 3);
		(void)pci_bus_read(&m->bus, DEVFN, offset & ~(width - 1), width);
		break;
	case 4:
		write_ram(m);
		break;
	case 5:
		start_driver(m);
		break;
	case 6:
		make_request(m);
		break;
	case 7:
		serve(m);
		break;
	case 8:
		if (kind & 0x80) {
			pci_all_reset(&m->bus);
			virtio_blk_reset(&m->blk);
		}
		map_bar(m);
		break;
	default:
		if (kind & 0x80)
			virtio_blk_quiesce(&m->blk);
		else
			virtio_blk_resume(&m->blk);
	}
}

static void make_disk(struct machine *m, bool readonly)
{
	struct block_file file = {
		.fd = -1,
		.readonly = readonly,
		.size = DISK_SIZE,
		.name = "fuzz",
		.arg = m->disk,
	};
	struct block_options block = { .engine = BLOCK_ENGINE_SYNC, .system = &disk_system };
	struct virtio_blk_options blk = { .bus = &m->bus, .devfn = DEVFN, .map = &m->map };

	if (block_make(&m->block, &file, &block))
		abort();
	blk.block = m->block;
	if (virtio_blk_init(&m->blk, &blk))
		abort();
}

static void make_machine(struct machine *m, uint8_t *memory)
{
	memset(memory, 0, RAM_SIZE);
	m->ram = memory;
	m->size = 1;
	if (mem_map_init(&m->map))
		abort();
	mem_region_init_ram(&m->ram_region, "ram", memory, RAM_SIZE - 1);
	mem_region_init_container(&m->bars, "bars", UINT64_MAX);
	mem_region_init_container(&m->ports, "bar ports", UINT16_MAX);
	pci_bus_init(&m->bus, &m->map, &m->bars, &m->ports, (struct pci_intx_sink){ 0 },
		     (struct msi_sink){ 0 });
	mem_map_begin(&m->map);
	mem_region_add(&m->map.root[MEM_SPACE_MEMORY], &m->ram_region, 0, 0);
	mem_region_add(&m->map.root[MEM_SPACE_MEMORY], &m->bars, 0, 1);
	make_disk(m, next(m, 1) & 1);
	if (mem_map_commit(&m->map))
		abort();
	map_bar(m);
}

static struct machine *machine;
static uint8_t *ram;

/* What is left in memory and on the disk. */
uint64_t fuzz_outcome(void)
{
	uint64_t outcome = outcome_add(OUTCOME_NONE, ram, RAM_SIZE);

	return outcome_add(outcome, machine->disk, DISK_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct machine *m;

	if (!ram) {
		/* What is not accessible on both sides catches what the sanitizers do not see. */
		ram = mmap(NULL, 3 * RAM_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		machine = malloc(sizeof(*machine));
		if (ram == MAP_FAILED || !machine)
			abort();
		ram += RAM_SIZE;
		if (mprotect(ram, RAM_SIZE, PROT_READ | PROT_WRITE))
			abort();
	}
	m = machine;
	memset(m, 0, offsetof(struct machine, copy));
	m->at = input;
	m->end = input + size;
	make_machine(m, ram);
	while (m->at < m->end && m->steps++ < 1000)
		step(m);
	virtio_blk_destroy(&m->blk);
	block_close(m->block);
	pci_bus_destroy(&m->bus);
	mem_map_destroy(&m->map);
	return 0;
}
