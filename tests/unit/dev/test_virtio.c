// SPDX-License-Identifier: MIT
/* The transport and the rings: what drivers rely on, and drivers that nobody can rely on. */
#include "virtio_guest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "pci_all.h"

#define EVENT_IDX   (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT    (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define FLUSH       (UINT64_C(1) << VIRTIO_BLK_F_FLUSH)
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define NEXT        VRING_DESC_F_NEXT
#define WRITE       VRING_DESC_F_WRITE

struct fixture {
	struct machine m;
	struct disk disk, other;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	machine_init(&f->m);
	disk_init(&f->disk, &f->m, 3,
		  (struct block_options){ .engine = BLOCK_ENGINE_SYNC, .readonly = true });
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	disk_destroy(&f->disk);
	machine_destroy(&f->m);
	free(f);
	return 0;
}

static void expect_works(struct disk *disk)
{
	struct outcome outcome;

	memset(data(disk), 0, 512);
	outcome = request(disk, VIRTIO_BLK_T_IN, 9, 512);
	assert_true(outcome.answered);
	assert_int_equal(outcome.status, VIRTIO_BLK_S_OK);
	assert_int_equal(outcome.written, 513);
	for (size_t i = 0; i < 512; i++)
		assert_int_equal(data(disk)[i], disk_byte(9 * 512 + i));
}

static void test_identity(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	unsigned kinds = 0;

	assert_int_equal(config_get(disk, PCI_VENDOR_ID, 2), 0x1af4);
	assert_int_equal(config_get(disk, PCI_DEVICE_ID, 2), 0x1042);
	assert_int_equal(config_get(disk, PCI_REVISION, 1), 1);
	assert_int_equal(config_get(disk, PCI_CLASS, 1), 1);
	assert_true(config_get(disk, PCI_SUBSYSTEM, 2) >= 0x40);
	assert_int_equal(config_get(disk, PCI_INTERRUPT_PIN, 1), 1);
	driver_find(disk);
	for (unsigned at = config_get(disk, PCI_CAPABILITIES, 1); at;
	     at = config_get(disk, at + 1, 1)) {
		unsigned kind = config_get(disk, at + 3, 1);
		uint64_t end = (uint64_t)config_get(disk, at + 8, 4) + config_get(disk, at + 12, 4);

		if (config_get(disk, at, 1) != 9)
			continue;
		kinds |= 1u << kind;
		assert_int_equal(config_get(disk, at + 2, 1), kind == 2 || kind == 5 ? 20 : 16);
		assert_true(end <= 0x8000 && (kind == 5 || end > 0));
	}
	assert_int_equal(kinds, 0x3e);
	assert_true(disk->msix);
	assert_int_equal(config_get(disk, disk->msix + 2, 2), 1); /* two vectors */
	/* Nothing of it can be written, but for what the window needs. */
	config_set(disk, disk->msix + 4, UINT32_MAX, 4);
	assert_int_equal(config_get(disk, disk->msix + 4, 4) & 0xfff, 0);
}

static void test_negotiation(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_find(disk);
	common_set(disk, VIRTIO_PCI_COMMON_DFSELECT, 1, 4);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_DF, 4), 1); /* VERSION_1 alone */
	common_set(disk, VIRTIO_PCI_COMMON_DFSELECT, 2, 4);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_DF, 4), 0);
	/* Something that was not offered. */
	assert_false(driver_features(disk, UINT64_C(1) << 40));
	assert_int_equal(driver_status(disk), 3);
	assert_false(driver_features(disk, 1u << VIRTIO_BLK_F_MQ));
	/* The second try may be better. */
	common_set(disk, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	common_set(disk, VIRTIO_PCI_COMMON_GF, (uint32_t)FLUSH, 4);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0xb, 1);
	assert_int_equal(driver_status(disk), 0xb);
	/* What was agreed on stays. */
	common_set(disk, VIRTIO_PCI_COMMON_GF, 0, 4);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_GF, 4), FLUSH);
	/* Bits cannot be taken back but by a reset, and only the device needs one. */
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0x41, 1);
	assert_int_equal(driver_status(disk), 0xb);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	assert_int_equal(driver_status(disk), 0);
	/* Without version 1. */
	common_set(disk, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	common_set(disk, VIRTIO_PCI_COMMON_GF, 0, 4);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0xb, 1);
	assert_int_equal(driver_status(disk), 3);
	/* And going on regardless. */
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0xf, 1);
	assert_int_equal(driver_status(disk), 3 | NEEDS_RESET);
}

static void test_registers(void **state)
{
	static const uint16_t bad_sizes[] = { 0, 3, 255, 257, 512, 0x8000 };
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_find(disk);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_NUMQ, 2), 1);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_CFGGENERATION, 1), 0);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_SIZE, 2), 256);
	for (size_t i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++) {
		common_set(disk, VIRTIO_PCI_COMMON_Q_SIZE, bad_sizes[i], 2);
		assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_SIZE, 2), 256);
	}
	common_set(disk, VIRTIO_PCI_COMMON_Q_SIZE, 1, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_SIZE, 2), 1);
	common_set(disk, VIRTIO_PCI_COMMON_Q_MSIX, 1, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_MSIX, 2), 1);
	common_set(disk, VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
	common_set(disk, VIRTIO_PCI_COMMON_MSIX, 0xfffe, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	for (unsigned i = 0; i < 6; i++) {
		common_set(disk, VIRTIO_PCI_COMMON_Q_DESCLO + 4 * i, 0x1000 + i, 4);
		assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_DESCLO + 4 * i, 4),
				 0x1000 + i);
	}
	assert_int_equal(disk->blk.pci.queues[0].driver, 0x100300001002);
	/* A queue that is not there. */
	common_set(disk, VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_SELECT, 2), 1);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
	for (unsigned at = VIRTIO_PCI_COMMON_Q_SIZE; at < 0x38; at += 2)
		common_set(disk, at, 1, 2);
	common_set(disk, VIRTIO_PCI_COMMON_Q_DESCLO, 1, 4);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_DESCLO, 4), 0);
	assert_int_equal(disk->blk.pci.queues[0].size, 1);
	assert_int_equal(disk->blk.pci.queues[0].enabled, 0);
}

static void try_to_change(struct disk *disk)
{
	struct virtio_queue before = disk->blk.pci.queues[0];

	common_set(disk, VIRTIO_PCI_COMMON_Q_SELECT, 0, 2);
	common_set(disk, VIRTIO_PCI_COMMON_Q_SIZE, 256, 2);
	common_set(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 0, 2);
	for (unsigned i = 0; i < 6; i++)
		common_set(disk, VIRTIO_PCI_COMMON_Q_DESCLO + 4 * i, 0x12345670, 4);
	assert_null(state_differs(&virtio_queue_state, &before, &disk->blk.pci.queues[0],
				  &(size_t){ 0 }));
}

static void test_frozen(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_find(disk);
	driver_msix(disk, true);
	assert_true(driver_features(disk, FLUSH));
	driver_queue(disk, 16, 1);
	try_to_change(disk);
	driver_ok(disk);
	try_to_change(disk);
	for (unsigned i = 0; i < 100; i++)
		expect_works(disk);
	/* A queue that was not enabled in time stays off. */
	assert_true(driver_features(disk, FLUSH));
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0xf, 1);
	common_set(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
}

static void set_window(struct disk *disk, uint32_t offset, uint32_t len)
{
	config_set(disk, disk->window + 4, 0, 1);
	config_set(disk, disk->window + 8, offset, 4);
	config_set(disk, disk->window + 12, len, 4);
}

static void test_window(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	unsigned at;

	driver_start(disk, FLUSH, false);
	at = disk->window + 16;
	/* Also where the BAR is not decoded. */
	config_set(disk, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	set_window(disk, VIRTIO_PCI_COMMON_STATUS, 1);
	assert_int_equal(config_get(disk, at, 4), 0xf);
	set_window(disk, VIRTIO_PCI_COMMON_NUMQ, 2);
	assert_int_equal(config_get(disk, at, 2), 1);
	set_window(disk, VIRTIO_PCI_COMMON_Q_SELECT, 2);
	config_set(disk, at, 5, 2);
	assert_int_equal(config_get(disk, at, 2), 5);
	set_window(disk, VIRTIO_PCI_COMMON_STATUS, 1);
	config_set(disk, at, 0, 4);
	assert_int_equal(config_get(disk, at, 4), 0);
	/* Windows that lead nowhere. */
	set_window(disk, 0x7ffe, 4);
	config_set(disk, at, 0x55, 4);
	assert_int_equal(config_get(disk, at, 4), 0x55);
	set_window(disk, UINT32_MAX - 3, 4);
	(void)config_get(disk, at, 4);
	set_window(disk, VIRTIO_PCI_COMMON_NUMQ, 3);
	(void)config_get(disk, at, 4);
	set_window(disk, VIRTIO_PCI_COMMON_Q_SELECT, 2);
	config_set(disk, disk->window + 4, 1, 1);
	config_set(disk, at, 9, 2);
	config_set(disk, disk->window + 4, 0, 1);
	assert_int_equal(config_get(disk, at, 2), 0);
}

static void test_intx(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_start(disk, FLUSH, false);
	assert_false(f->m.intx[0]);
	expect_works(disk);
	assert_true(f->m.intx[0]);
	assert_true(config_get(disk, PCI_STATUS, 2) & PCI_STATUS_INTX);
	assert_int_equal(f->m.msi_n, 0);
	assert_int_equal(guest_read(&f->m, disk->isr, 1), 1);
	assert_false(f->m.intx[0]);
	assert_int_equal(guest_read(&f->m, disk->isr, 1), 0);
	/* MSI-X takes the pin's place, and gives it back. */
	expect_works(disk);
	assert_true(f->m.intx[0]);
	driver_msix(disk, true);
	assert_false(f->m.intx[0]);
	config_set(disk, disk->msix + 2, 0, 2);
	assert_true(f->m.intx[0]);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	assert_false(f->m.intx[0]);
	assert_int_equal(guest_read(&f->m, disk->isr, 1), 0);
}

static void test_msix(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_start(disk, FLUSH, true);
	expect_works(disk);
	assert_int_equal(f->m.msi_n, 1);
	assert_int_equal(f->m.msi[0].addr, 0xfee00000);
	assert_int_equal(f->m.msi[0].data, 0x41);
	assert_false(f->m.intx[0]);
	assert_int_equal(guest_read(&f->m, disk->isr, 1), 0);
	/* Masked: it waits, once, however often. */
	guest_write(&f->m, disk->msix_table + 16 + 12, 1, 4);
	expect_works(disk);
	expect_works(disk);
	assert_int_equal(f->m.msi_n, 1);
	assert_int_equal(guest_read(&f->m, disk->msix_pending, 4), 2);
	guest_write(&f->m, disk->msix_table + 16 + 8, 0x99, 4);
	guest_write(&f->m, disk->msix_table + 16 + 4, 0x12, 4);
	guest_write(&f->m, disk->msix_table + 16 + 12, 0, 4);
	assert_int_equal(f->m.msi_n, 2);
	assert_int_equal(f->m.msi[1].addr, 0x12fee00000);
	assert_int_equal(f->m.msi[1].data, 0x99);
	assert_int_equal(guest_read(&f->m, disk->msix_pending, 4), 0);
	/* All of them, by the function's mask. */
	config_set(disk, disk->msix + 2, 0xc000, 2);
	expect_works(disk);
	assert_int_equal(f->m.msi_n, 2);
	config_set(disk, disk->msix + 2, 0x8000, 2);
	assert_int_equal(f->m.msi_n, 3);
	/* No vector, no message; and what is not a vector cannot be written. */
	common_set(disk, VIRTIO_PCI_COMMON_Q_MSIX, 0xffff, 2);
	expect_works(disk);
	assert_int_equal(f->m.msi_n, 3);
	guest_write(&f->m, disk->msix_table + 32, 0x1234, 4);
	assert_int_equal(guest_read(&f->m, disk->msix_table + 32, 4), 0);
	guest_write(&f->m, disk->msix_pending, 3, 4);
	assert_int_equal(guest_read(&f->m, disk->msix_pending, 4), 0);
}

static void test_not_master(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_start(disk, FLUSH, true);
	config_set(disk, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	assert_false(request(disk, VIRTIO_BLK_T_IN, 0, 512).answered);
	assert_int_equal(f->m.host[disk->base + AT_STATUS], 0xff);
	assert_int_equal(driver_status(disk), 0xf);
	config_set(disk, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 1);
	assert_int_equal(f->m.msi_n, 1);
	disk->seen++;
	expect_works(disk);
}

static void test_no_interrupt(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_start(disk, FLUSH, true);
	le16_put(f->m.host + disk->base + AT_AVAIL, VRING_AVAIL_F_NO_INTERRUPT);
	expect_works(disk);
	expect_works(disk);
	assert_int_equal(f->m.msi_n, 0);
	le16_put(f->m.host + disk->base + AT_AVAIL, 0);
	expect_works(disk);
	assert_int_equal(f->m.msi_n, 1);
}

/* The driver asks for an interrupt at the n-th answer from now, around the wrap of the indices too. */
static void test_event_idx(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	uint8_t *used_event, *avail_event;
	unsigned before;

	driver_start(disk, FLUSH | EVENT_IDX, true);
	used_event = f->m.host + disk->base + AT_AVAIL + 4 + 2 * disk->size;
	avail_event = f->m.host + disk->base + AT_USED + 4 + 8 * disk->size;
	/* It must not be interpreted: the flag means nothing with this feature. */
	le16_put(f->m.host + disk->base + AT_AVAIL, VRING_AVAIL_F_NO_INTERRUPT);
	for (unsigned i = 0; i < 3 * 21846; i += 3) {
		le16_put(used_event, (uint16_t)(disk->seen + 2));
		before = f->m.msi_n;
		for (unsigned n = 0; n < 3; n++) {
			assert_int_equal(f->m.msi_n, before);
			put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
			put_desc(disk, 1, disk->base + AT_STATUS, 1, WRITE, 0);
			le32_put(f->m.host + disk->base + AT_HEADER, VIRTIO_BLK_T_GET_ID);
			make_available(disk, 0);
			virtio_blk_serve(&disk->blk);
			assert_int_equal(used_idx(disk), ++disk->seen);
			assert_int_equal(le16_get(avail_event), disk->avail);
		}
		assert_int_equal(f->m.msi_n, before + 1);
	}
}

/* What an accelerator sees of the notifications, and does with them. */
static void test_doorbell(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	struct mem_view *view;
	uint64_t one = 1;
	int fd = -1;

	driver_start(disk, FLUSH, true);
	view = mem_map_view(&f->m.map, MEM_SPACE_MEMORY);
	for (size_t i = 0; i < view->bells_n; i++) {
		if (view->bells[i].addr == disk->notify)
			fd = view->bells[i].bell.fd;
	}
	mem_view_unref(view);
	assert_true(fd >= 0);
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_STATUS, 1, WRITE, 0);
	le32_put(f->m.host + disk->base + AT_HEADER, VIRTIO_BLK_T_FLUSH);
	make_available(disk, 0);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 1);
	/* Other widths reach the handler. */
	disk->seen++;
	make_available(disk, 0);
	guest_write(&f->m, disk->notify, 0, 4);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 2);
}

/*
 * A vCPU that rings between the loop's drain and the bell's handler, with a write before it that
 * waits. The bell's read takes both rings at once, so nobody comes again for the second.
 */
struct late_ring {
	struct fixture *f;
	int fd;
	unsigned waiting, delivered;
	bool served_first; /* before the write was delivered */
};

static void deliver_late(struct machine *m)
{
	struct late_ring *late = m->drain_arg;

	if (!late->waiting)
		return;
	late->served_first |= late->f->disk.blk.pci.queues[0].next_avail != 0;
	late->delivered += late->waiting;
	late->waiting = 0;
}

static void before_callbacks(void *arg)
{
	struct late_ring *late = arg;
	uint64_t one = 1;

	deliver_late(&late->f->m);
	if (late->delivered)
		return;
	late->waiting = 1;
	assert_int_equal(write(late->fd, &one, sizeof(one)), sizeof(one));
}

static void test_ring_overtakes_nothing(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	struct late_ring late = { .f = f };

	driver_start(disk, FLUSH, true);
	machine_run(&f->m, disk);
	late.fd = disk->blk.pci.bells[0].fd;
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_STATUS, 1, WRITE, 0);
	le32_put(f->m.host + disk->base + AT_HEADER, VIRTIO_BLK_T_FLUSH);
	make_available(disk, 0);
	f->m.drain = deliver_late;
	f->m.drain_arg = &late;
	loop_set_before(&f->m.loop, before_callbacks, &late);
	ring(disk);
	machine_run(&f->m, disk);
	loop_set_before(&f->m.loop, NULL, NULL);
	f->m.drain = NULL;
	assert_int_equal(used_idx(disk), 1);
	assert_int_equal(late.delivered, 1);
	assert_false(late.served_first);
}

/* More is available than one turn takes: the rest is taken all the same. */
static void test_full_queue(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_start(disk, FLUSH, true);
	for (unsigned round = 0; round < 3; round++) {
		for (uint16_t i = 0; i < disk->size; i += 2) {
			put_desc(disk, i, disk->base + AT_HEADER, 16, NEXT, i + 1);
			put_desc(disk, i + 1u, disk->base + AT_STATUS, 1, WRITE, 0);
		}
		le32_put(f->m.host + disk->base + AT_HEADER, VIRTIO_BLK_T_FLUSH);
		for (uint16_t i = 0; i < disk->size; i++)
			make_available(disk, i & (uint16_t)~1u);
		ring(disk);
		machine_run(&f->m, disk);
		assert_int_equal(used_idx(disk), disk->avail);
	}
}

/*
 * A guest that adds requests while a turn is on, and is not asked to ring for them: the answer to
 * its first request moves the index. A turn is four here, and there are five.
 */
static void test_added_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_find(disk);
	driver_msix(disk, true);
	assert_true(driver_features(disk, FLUSH | EVENT_IDX));
	driver_queue(disk, 4, 1);
	driver_ok(disk);
	machine_run(&f->m, disk);
	memset(disk->blk.serial, 0, sizeof(disk->blk.serial));
	disk->blk.serial[2] = 5;
	le32_put(f->m.host + disk->base + AT_HEADER, VIRTIO_BLK_T_GET_ID);
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_AVAIL, 4, WRITE | NEXT, 2);
	put_desc(disk, 2, disk->base + AT_STATUS, 1, WRITE, 0);
	make_available(disk, 0);
	virtio_blk_serve(&disk->blk);
	assert_int_equal(used_idx(disk), 4);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 5);
}

/*
 * Drivers that break the rules. Each fills descriptors and returns the head to make available; the
 * index of a descriptor that does not matter is 15.
 */
static uint16_t loop_of_two(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_DATA, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_DATA, 16, NEXT, 0);
	return 0;
}

static uint16_t loop_to_itself(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_DATA, 16, NEXT, 0);
	return 0;
}

static uint16_t next_too_large(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_DATA, 16, NEXT, 16);
	put_desc(disk, 16, disk->base + AT_STATUS, 1, WRITE, 0);
	return 0;
}

static uint16_t head_too_large(struct disk *disk)
{
	put_desc(disk, 16, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_STATUS, 1, WRITE, 0);
	return 16;
}

static uint16_t length_zero(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_DATA, 0, NEXT, 2);
	put_desc(disk, 2, disk->base + AT_STATUS, 1, WRITE, 0);
	return 0;
}

static uint16_t length_huge(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_DATA, UINT32_MAX, WRITE, 0);
	return 0;
}

static uint16_t address_wraps(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, UINT64_MAX - 10, 512, WRITE, 0);
	return 0;
}

static uint16_t address_nowhere(struct disk *disk)
{
	put_desc(disk, 0, UINT64_C(0x7000000000), 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_STATUS, 1, WRITE, 0);
	return 0;
}

static uint16_t address_past_ram(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, RAM_SIZE - 511, 512, WRITE, 0);
	return 0;
}

static uint16_t address_own_bar(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->common, 64, WRITE, 0);
	return 0;
}

static uint16_t readable_after_writable(struct disk *disk)
{
	put_desc(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_desc(disk, 1, disk->base + AT_STATUS, 1, WRITE | NEXT, 2);
	put_desc(disk, 2, disk->base + AT_DATA, 512, 0, 0);
	return 0;
}

static uint16_t indirect_to(struct disk *disk, uint32_t len, uint16_t flags)
{
	put_desc(disk, 15, disk->base + AT_INDIRECT, len, VRING_DESC_F_INDIRECT | flags, 0);
	return 15;
}

/* Writes a descriptor of the table elsewhere. */
static void put_indirect(struct disk *disk, unsigned index, uint64_t addr, uint32_t len,
			 uint16_t flags, uint16_t next)
{
	put_desc(disk, AT_INDIRECT / 16 + index, addr, len, flags, next);
}

static void good_indirect(struct disk *disk)
{
	put_indirect(disk, 0, disk->base + AT_HEADER, 16, NEXT, 1);
	put_indirect(disk, 1, disk->base + AT_STATUS, 1, WRITE, 0);
}

static uint16_t indirect_nested(struct disk *disk)
{
	good_indirect(disk);
	put_indirect(disk, 1, disk->base + AT_INDIRECT, 32, VRING_DESC_F_INDIRECT, 0);
	return indirect_to(disk, 32, 0);
}

static uint16_t indirect_and_next(struct disk *disk)
{
	good_indirect(disk);
	return indirect_to(disk, 32, NEXT);
}

static uint16_t indirect_odd_length(struct disk *disk)
{
	good_indirect(disk);
	return indirect_to(disk, 33, 0);
}

static uint16_t indirect_empty(struct disk *disk)
{
	good_indirect(disk);
	return indirect_to(disk, 0, 0);
}

static uint16_t indirect_huge(struct disk *disk)
{
	good_indirect(disk);
	return indirect_to(disk, 16 * 257, 0);
}

static uint16_t indirect_loop(struct disk *disk)
{
	put_indirect(disk, 0, disk->base + AT_DATA, 16, NEXT, 1);
	put_indirect(disk, 1, disk->base + AT_DATA, 16, NEXT, 0);
	return indirect_to(disk, 32, 0);
}

static uint16_t indirect_next_too_large(struct disk *disk)
{
	good_indirect(disk);
	put_indirect(disk, 0, disk->base + AT_HEADER, 16, NEXT, 2);
	put_indirect(disk, 2, disk->base + AT_STATUS, 1, WRITE, 0);
	return indirect_to(disk, 32, 0);
}

static uint16_t indirect_nowhere(struct disk *disk)
{
	put_desc(disk, 15, RAM_SIZE - 16, 32, VRING_DESC_F_INDIRECT, 0);
	return 15;
}

static const struct {
	const char *name;
	uint16_t (*make)(struct disk *disk);
} hostile[] = {
	{ "loop of two", loop_of_two },
	{ "loop to itself", loop_to_itself },
	{ "next too large", next_too_large },
	{ "head too large", head_too_large },
	{ "length 0", length_zero },
	{ "huge length", length_huge },
	{ "address wraps", address_wraps },
	{ "address leads nowhere", address_nowhere },
	{ "buffer ends past RAM", address_past_ram },
	{ "buffer in a BAR", address_own_bar },
	{ "readable after writable", readable_after_writable },
	{ "nested indirect", indirect_nested },
	{ "indirect with next", indirect_and_next },
	{ "indirect of odd length", indirect_odd_length },
	{ "indirect of no length", indirect_empty },
	{ "indirect too large", indirect_huge },
	{ "indirect loop", indirect_loop },
	{ "indirect next too large", indirect_next_too_large },
	{ "indirect past RAM", indirect_nowhere },
};

static void expect_broken(struct disk *disk, const char *name)
{
	struct machine *m = disk->m;

	machine_run(m, disk);
	if (driver_status(disk) != (0xf | NEEDS_RESET))
		fail_msg("%s: status %#x", name, driver_status(disk));
	assert_int_equal(m->msi_n, 1);
	assert_int_equal(m->msi[0].data, 0x40); /* the configuration's vector */
	assert_int_equal(guest_read(m, disk->isr, 1), 2);
	assert_int_equal(used_idx(disk), disk->seen);
	/* It does nothing more, whatever is asked. */
	assert_false(request(disk, VIRTIO_BLK_T_IN, 0, 512).answered);
	assert_int_equal(m->host[disk->base + AT_STATUS], 0xff);
	assert_int_equal(m->msi_n, 1);
}

static void test_hostile_chains(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		driver_start(disk, FLUSH | INDIRECT, true);
		expect_works(disk);
		f->m.msi_n = 0;
		make_available(disk, hostile[i].make(disk));
		ring(disk);
		expect_broken(disk, hostile[i].name);
		/* A reset, and all is well. */
		driver_start(disk, FLUSH | INDIRECT, true);
		expect_works(disk);
	}
}

static void test_indirect_not_negotiated(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	for (unsigned i = 0; i < 2; i++) {
		driver_start(disk, FLUSH | (i ? INDIRECT : 0), true);
		good_indirect(disk);
		le32_put(f->m.host + disk->base + AT_HEADER, VIRTIO_BLK_T_FLUSH);
		make_available(disk, indirect_to(disk, 32, 0));
		f->m.msi_n = 0;
		ring(disk);
		if (i == 0)
			expect_broken(disk, "not negotiated");
		machine_run(&f->m, disk);
		assert_int_equal(used_idx(disk), i);
	}
}

static void test_hostile_indices(void **state)
{
	static const int jumps[] = { 17, 256, 0x7fff, -1 };
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		driver_start(disk, FLUSH, true);
		expect_works(disk);
		f->m.msi_n = 0;
		le16_put(f->m.host + disk->base + AT_AVAIL + 2, (uint16_t)(disk->avail + jumps[i]));
		ring(disk);
		expect_broken(disk, "available index");
	}
}

static void test_hostile_places(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t low, high;
	} places[] = {
		{ VIRTIO_PCI_COMMON_Q_DESCLO, 0x10008, 0 }, /* misaligned */
		{ VIRTIO_PCI_COMMON_Q_AVAILLO, 0x10001, 0 },
		{ VIRTIO_PCI_COMMON_Q_USEDLO, 0x10002, 0 },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, RAM_SIZE - 16 * 15, 0 }, /* over the end of RAM */
		{ VIRTIO_PCI_COMMON_Q_AVAILLO, RAM_SIZE - 36, 0 },
		{ VIRTIO_PCI_COMMON_Q_USEDLO, RAM_SIZE - 132, 0 },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, 0, 1 }, /* nothing there */
		{ VIRTIO_PCI_COMMON_Q_AVAILLO, 0xfffffff0, 0xffffffff }, /* wraps */
		{ VIRTIO_PCI_COMMON_Q_USEDLO, 0xe0300000, 0 }, /* a BAR */
	};
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		driver_find(disk);
		driver_msix(disk, true);
		assert_true(driver_features(disk, FLUSH));
		common_set(disk, places[i].reg, places[i].low, 4);
		common_set(disk, places[i].reg + 4, places[i].high, 4);
		/* What driver_queue() would set is set by hand, but for this one. */
		common_set(disk, VIRTIO_PCI_COMMON_Q_SIZE, 16, 2);
		for (unsigned reg = VIRTIO_PCI_COMMON_Q_DESCLO; reg < 0x38; reg += 8) {
			if (reg != places[i].reg)
				common_set(disk, reg, (uint32_t)disk->base + reg * 0x100, 4);
		}
		common_set(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
		driver_ok(disk);
		ring(disk);
		machine_run(&f->m, disk);
		assert_int_equal(driver_status(disk), 0xf | NEEDS_RESET);
	}
	driver_start(disk, FLUSH, true);
	expect_works(disk);
}

/* A broken device is nobody else's trouble. */
static void test_others_live_on(void **state)
{
	struct fixture *f = *state;

	disk_init(&f->other, &f->m, 4, (struct block_options){ .readonly = true });
	driver_start(&f->disk, FLUSH, true);
	driver_start(&f->other, FLUSH, true);
	make_available(&f->disk, loop_of_two(&f->disk));
	ring(&f->disk);
	machine_run(&f->m, &f->disk);
	assert_true(driver_status(&f->disk) & NEEDS_RESET);
	expect_works(&f->other);
	disk_destroy(&f->other);
}

/* Ringing before the driver is ready, or after it gave up, does nothing. */
static void test_not_running(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	driver_find(disk);
	driver_msix(disk, true);
	assert_true(driver_features(disk, FLUSH));
	driver_queue(disk, 16, 1);
	assert_false(request(disk, VIRTIO_BLK_T_IN, 0, 512).answered);
	/* DRIVER_OK looks at what has been there before. */
	driver_ok(disk);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 1);
	disk->seen++;
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0x8f, 1);
	assert_false(request(disk, VIRTIO_BLK_T_IN, 0, 512).answered);
}

/* What a save carries is enough to go on. */
static void test_state(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	struct virtio_pci *pci = &disk->blk.pci;
	const struct {
		const struct state_table *table;
		void *state;
	} parts[] = {
		{ &pci_function_state, &pci->function },
		{ &virtio_pci_state, pci },
		{ &virtio_msix_state, &pci->msix },
		{ &virtio_queue_state, &pci->queues[0] },
	};
	uint8_t saved[4][1024];

	driver_start(disk, FLUSH | EVENT_IDX, true);
	expect_works(disk);
	expect_works(disk);
	virtio_blk_quiesce(&disk->blk);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(state_size(parts[i].table) <= sizeof(saved[i]));
		state_save(parts[i].table, parts[i].state, saved[i]);
	}
	pci_all_reset(&f->m.bus);
	virtio_blk_reset(&disk->blk);
	assert_int_equal(mem_map_settle(&f->m.map), 0);
	for (unsigned i = 0; i < 4; i++)
		state_restore(parts[i].table, parts[i].state, saved[i]);
	pci_all_refresh(&f->m.bus);
	assert_int_equal(mem_map_settle(&f->m.map), 0);
	virtio_blk_resume(&disk->blk);
	le16_put(f->m.host + disk->base + AT_AVAIL + 4 + 2 * disk->size, disk->seen);
	f->m.msi_n = 0;
	expect_works(disk);
	assert_int_equal(f->m.msi_n, 1);
	assert_int_equal(driver_status(disk), 0xf);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_identity),
		T(test_negotiation),
		T(test_registers),
		T(test_frozen),
		T(test_window),
		T(test_intx),
		T(test_msix),
		T(test_not_master),
		T(test_no_interrupt),
		T(test_event_idx),
		T(test_doorbell),
		T(test_ring_overtakes_nothing),
		T(test_full_queue),
		T(test_added_meanwhile),
		T(test_hostile_chains),
		T(test_indirect_not_negotiated),
		T(test_hostile_indices),
		T(test_hostile_places),
		T(test_others_live_on),
		T(test_not_running),
		T(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
