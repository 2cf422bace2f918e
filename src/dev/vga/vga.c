// SPDX-License-Identifier: MIT
#include "dev/vga/vga.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"

#define DEFAULT_ROM  "vgabios-stdvga.bin"
#define ROM_SIZE_MAX (256u << 10)
#define ROM_SIZE_MIN 4096u /* a page, so that the guest can run it from the BAR */
#define PATH_SIZE    4096

static const struct pci_id vga_id = {
	.vendor = 0x1234, /* what drivers know it by, with the Bochs extensions */
	.device = 0x1111,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.revision = 0x02,
	.subclass = 0x00,
	.class_code = 0x03,
};

/* Option ROMs begin so (PCI 6.3.1.1). */
static bool is_rom(const uint8_t *bytes, size_t len)
{
	return len >= 3 && bytes[0] == 0x55 && bytes[1] == 0xaa;
}

static int map_memory(uint8_t **out, size_t size, struct error *err)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return error_set(err, -errno, "VGA: %zu bytes of memory: %s", size,
				 strerror(errno));
	*out = at;
	return 0;
}

static int keep_rom(struct vga *vga, const uint8_t *bytes, size_t len, struct error *err)
{
	int ret;

	vga->rom_size = ROM_SIZE_MIN;
	while (vga->rom_size < len)
		vga->rom_size *= 2;
	ret = map_memory(&vga->rom_host, vga->rom_size, err);
	if (!ret)
		memcpy(vga->rom_host, bytes, len);
	return ret;
}

static int load_rom(struct vga *vga, const struct place *place, struct error *err)
{
	const char *name = vga->romfile ? vga->romfile : DEFAULT_ROM;
	char path[PATH_SIZE];
	uint8_t *bytes;
	size_t len;
	int ret;

	if (!*name || !place->find_file)
		return 0;
	(void)place->find_file(place->arg, name, path, sizeof(path));
	ret = file_read_whole(path, ROM_SIZE_MAX, &bytes, &len);
	if (ret == -EINVAL)
		return error_set(err, ret, "VGA: %s: not a regular file", path);
	if (ret == -EFBIG)
		return error_set(err, ret, "VGA: %s: too large for a video BIOS (at most %u KiB)",
				 path, ROM_SIZE_MAX >> 10);
	if (ret == -ENOENT)
		return error_set(err, ret,
				 "VGA: %s: no such video BIOS (install the package seabios, give "
				 "romfile=FILE, or romfile= for none)",
				 path);
	if (ret)
		return error_set(err, ret, "VGA: %s: %s", path, strerror(-ret));
	if (is_rom(bytes, len))
		ret = keep_rom(vga, bytes, len, err);
	else
		ret = error_set(err, -EINVAL, "VGA: %s: not an option ROM", path);
	free(bytes);
	return ret;
}

static int vga_check(const struct device *device, struct error *err)
{
	const struct vga *vga = (const struct vga *)device;

	if (vga->vgamem_mb & (vga->vgamem_mb - 1))
		return error_set(err, -EINVAL, "vgamem_mb=%u: not a power of two", vga->vgamem_mb);
	if (vga->xres % EDID_WIDTH_STEP)
		return error_set(err, -EINVAL, "xres=%u: not a multiple of %u", vga->xres,
				 EDID_WIDTH_STEP);
	return 0;
}

static void add_regions(struct vga *vga, struct place *place)
{
	struct pci_function *function = &vga->function;

	vga_ports_init(vga);
	vga_vbe_init(vga);
	mem_region_add(place->ports, &vga->ports, VGA_PORTS, 0);
	mem_region_add(place->ports, &vga->vbe, VGA_VBE_PORTS, 0);
	pci_bar_init(function, 0, PCI_BAR_MEM32, vga->memory_size, &vga->framebuffer);
	pci_config_init(function, PCI_BAR(0), 4, PCI_BAR_PREFETCH, ~(vga->memory_size - 1));
	pci_bar_init(function, 2, PCI_BAR_MEM32, VGA_MMIO_SIZE, &vga->mmio);
	if (vga->rom_host) {
		mem_region_init_rom(&vga->rom, "VGA ROM", vga->rom_host, vga->rom_size - 1);
		pci_bar_init(function, PCI_ROM, PCI_BAR_ROM, vga->rom_size, &vga->rom);
	}
}

static void vga_unmake(struct vga *vga)
{
	if (vga->memory)
		munmap(vga->memory, vga->memory_size);
	if (vga->rom_host)
		munmap(vga->rom_host, vga->rom_size);
	lock_destroy(&vga->lock);
}

static int vga_create(struct device *device, struct place *place, struct error *err)
{
	struct vga *vga = (struct vga *)device;
	uint8_t devfn = 0;
	int ret;

	if (place->screen && place->screen->draw)
		return error_set(err, -EBUSY, "VGA: the machine has a graphics adapter already");
	ret = pci_bus_choose(place->pci, &vga->slot, "VGA", &devfn, err);
	if (ret)
		return ret;
	lock_init(&vga->lock, LOCK_DEVICE, "vga");
	vga->map = place->map;
	vga->clock = place->clock;
	vga->memory_size = vga->vgamem_mb << 20;
	edid_make(vga->edid, vga->xres, vga->yres);
	ret = map_memory(&vga->memory, vga->memory_size, err);
	if (!ret)
		ret = load_rom(vga, place, err);
	if (ret)
		goto failed;
	pci_function_init(&vga->function, place->pci, devfn, "VGA", &vga_id, vga);
	vga->function.device_id = device->id;
	mem_region_init_ram(&vga->ram, "VGA memory", vga->memory, vga->memory_size - 1);
	mem_region_init_alias(&vga->framebuffer, "VGA framebuffer", &vga->ram, 0,
			      vga->memory_size - 1);
	ret = vga_window_init(vga, place->pci_memory);
	if (ret) {
		error_set(err, ret, "VGA: %s", strerror(-ret));
		goto failed;
	}
	add_regions(vga, place);
	if (vga->slot.multifunction)
		pci_config_init(&vga->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION, 0);
	pci_function_add(&vga->function);
	state_reset(&vga_state, &vga->regs);
	vga_vbe_reset(vga);
	vga_draw_init(vga, place->screen);
	return 0;

failed:
	vga_unmake(vga);
	return ret;
}

static void vga_reset(struct device *device)
{
	struct vga *vga = (struct vga *)device;

	pci_function_reset(&vga->function);
	lock_take(&vga->lock);
	state_reset(&vga_state, &vga->regs);
	vga_vbe_reset(vga);
	vga_window_follow(vga);
	lock_drop(&vga->lock);
}

static void vga_restored(struct device *device)
{
	struct vga *vga = (struct vga *)device;

	pci_function_refresh(&vga->function);
	lock_take(&vga->lock);
	vga_vbe_restored(vga);
	vga_window_follow(vga);
	lock_drop(&vga->lock);
}

static void vga_destroy(struct device *device)
{
	struct vga *vga = (struct vga *)device;

	vga_draw_destroy(vga);
	vga_window_destroy(vga);
	vga_unmake(vga);
}

static const struct prop vga_props[] = {
	{ "vgamem_mb", PROP_NUMBER, PROP_AT(struct vga, vgamem_mb), .min = 1, .max = VGA_MEMORY_MAX,
	  .value = 16, .form = "vgamem_mb=N",
	  .help = "display memory in MiB, a power of two (default 16)" },
	{ "romfile", PROP_ANY_TEXT, PROP_AT(struct vga, romfile), .form = "romfile=FILE",
	  .help = "the video BIOS (default " DEFAULT_ROM "); empty: none" },
	{ "edid", PROP_BOOL, PROP_AT(struct vga, has_edid), .value = true, .form = "edid=on|off",
	  .help = "whether the monitor says what it is (default on)" },
	{ "xres", PROP_NUMBER, PROP_AT(struct vga, xres), .min = EDID_WIDTH_MIN,
	  .max = EDID_WIDTH_MAX, .value = 1280, .form = "xres=N",
	  .help = "width that the monitor likes best, a multiple of 8 (default 1280)" },
	{ "yres", PROP_NUMBER, PROP_AT(struct vga, yres), .min = EDID_HEIGHT_MIN,
	  .max = EDID_HEIGHT_MAX, .value = 800, .form = "yres=N",
	  .help = "height that the monitor likes best (default 800)" },
	PCI_PROPS(struct vga, slot),
	{ 0 },
};

const struct device_type vga_type = {
	.name = "VGA",
	.about = "a graphics adapter: VGA with the Bochs VBE extensions",
	.bus = DEVICE_BUS_PCI,
	.group = DEVICE_DISPLAY,
	.user = true,
	.size = sizeof(struct vga),
	.props = vga_props,
	.check = vga_check,
	.create = vga_create,
	.reset = vga_reset,
	.state =
		(const struct device_part[]){ DEVICE_PART(pci_function_state, struct vga, function),
					      DEVICE_PART(vga_state, struct vga, regs),
					      { 0 } },
	.restored = vga_restored,
	.destroy = vga_destroy,
};
