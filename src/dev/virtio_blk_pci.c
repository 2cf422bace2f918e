// SPDX-License-Identifier: MIT
#include "dev/virtio_blk_pci.h"

#include <errno.h>
#include <string.h>

static int virtio_blk_pci_check(const struct device *device, struct error *err)
{
	const struct virtio_blk_pci *disk = (const struct virtio_blk_pci *)device;

	if (disk->serial && strlen(disk->serial) > VIRTIO_BLK_ID_BYTES)
		return error_set(err, -EINVAL, "serial=%.60s: longer than %d characters",
				 disk->serial, VIRTIO_BLK_ID_BYTES);
	return 0;
}

/* As QEMU's path of it is. */
static const struct drive_type virtio_drive = { .part = "/virtio-backend", .has_status = true };

static int virtio_blk_pci_create(struct device *device, struct place *place, struct error *err)
{
	struct virtio_blk_pci *disk = (struct virtio_blk_pci *)device;
	struct virtio_blk_options options = {
		.bus = place->pci,
		.map = place->map,
		.loop = place->loop,
		.drain = place->drain,
		.drain_arg = place->drain_arg,
		.serial = disk->serial,
	};
	struct place_disk found;
	int ret;

	ret = drive_find_disk(place, "virtio-blk-pci", disk->drive, &found, err);
	if (ret)
		return ret;
	if (!found.block)
		return error_set(err, -EINVAL, "virtio-blk-pci: drive=%s: has no file",
				 disk->drive);
	options.block = found.block;
	ret = pci_bus_choose(place->pci, &disk->slot, "virtio-blk-pci", &options.devfn, err);
	if (ret)
		return ret;
	options.multifunction = disk->slot.multifunction;
	ret = virtio_blk_init(&disk->blk, &options);
	if (ret)
		return error_set(err, ret, "virtio-blk-pci: %s", strerror(-ret));
	disk->blk.pci.function.device_id = device->id;
	drive_add(&disk->shown, place, &virtio_drive, device, &found);
	return 0;
}

/* The disk first: nothing of its may reach memory while the bus takes the function back. */
static void virtio_blk_pci_reset(struct device *device)
{
	struct virtio_blk *blk = &((struct virtio_blk_pci *)device)->blk;

	virtio_blk_reset(blk);
	pci_function_reset(&blk->pci.function);
}

static void virtio_blk_pci_quiesce(struct device *device)
{
	virtio_blk_quiesce(&((struct virtio_blk_pci *)device)->blk);
}

static void virtio_blk_pci_resume(struct device *device)
{
	virtio_blk_resume(&((struct virtio_blk_pci *)device)->blk);
}

static void virtio_blk_pci_restored(struct device *device)
{
	pci_function_refresh(&((struct virtio_blk_pci *)device)->blk.pci.function);
}

static int32_t virtio_blk_pci_boot(const struct device *device, char *path, size_t size)
{
	const struct virtio_blk_pci *disk = (const struct virtio_blk_pci *)device;

	pci_boot_path(&disk->blk.pci.function, "scsi", path, size);
	strncat(path, "/disk@0,0", size - strlen(path) - 1);
	return disk->bootindex;
}

static void virtio_blk_pci_destroy(struct device *device)
{
	struct virtio_blk_pci *disk = (struct virtio_blk_pci *)device;

	virtio_blk_destroy(&disk->blk);
	drive_remove(&disk->shown);
}

static const struct prop virtio_blk_pci_props[] = {
	{ "drive", PROP_DRIVE, PROP_AT(struct virtio_blk_pci, drive), .required = true,
	  .form = "drive=ID", .help = "the -drive it shows" },
	{ "serial", PROP_TEXT, PROP_AT(struct virtio_blk_pci, serial), .form = "serial=TEXT",
	  .help = "the serial number the guest sees, at most 20 characters" },
	{ "bootindex", PROP_NUMBER, PROP_AT(struct virtio_blk_pci, bootindex), .max = INT32_MAX,
	  .value = -1, .form = "bootindex=N", .help = "place in the boot order, 0 is first" },
	DRIVE_POLICY_PROPS(struct virtio_blk_pci, shown),
	PCI_PROPS(struct virtio_blk_pci, slot),
	{ 0 },
};

static const struct device_part virtio_blk_pci_state[] = {
	DEVICE_PART(pci_function_state, struct virtio_blk_pci, blk.pci.function),
	DEVICE_PART(virtio_pci_state, struct virtio_blk_pci, blk.pci),
	DEVICE_PART(virtio_msix_state, struct virtio_blk_pci, blk.pci.msix),
	DEVICE_PART(virtio_queue_state, struct virtio_blk_pci, blk.pci.queues[0]),
	{ 0 },
};

const struct device_type virtio_blk_pci_type = {
	.name = "virtio-blk-pci",
	.about = "a disk by modern virtio",
	.bus = DEVICE_BUS_PCI,
	.group = DEVICE_STORAGE,
	.user = true,
	.size = sizeof(struct virtio_blk_pci),
	.props = virtio_blk_pci_props,
	.check = virtio_blk_pci_check,
	.create = virtio_blk_pci_create,
	.reset = virtio_blk_pci_reset,
	.quiesce = virtio_blk_pci_quiesce,
	.resume = virtio_blk_pci_resume,
	.state = virtio_blk_pci_state,
	.restored = virtio_blk_pci_restored,
	.boot = virtio_blk_pci_boot,
	.boot_kind = 'c',
	.destroy = virtio_blk_pci_destroy,
};
