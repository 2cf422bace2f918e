// SPDX-License-Identifier: MIT
/* The devices that there are. A new one is a row here, and one in pc.c if every PC has it. */
#include "board/pc.h"
#include "dev/debugcon.h"
#include "dev/debugexit.h"
#include "dev/floppy/fdc.h"
#include "dev/i440fx.h"
#include "dev/i8237.h"
#include "dev/ide/ide_drive.h"
#include "dev/parallel_isa.h"
#include "dev/pci.h"
#include "dev/piix3.h"
#include "dev/port92.h"
#include "dev/post.h"
#include "dev/ps2/i8042.h"
#include "dev/pvpanic.h"
#include "dev/serial_isa.h"
#include "dev/vga/vga.h"
#include "dev/virtio_blk_pci.h"

const struct device_type *const board_device_types[] = {
	&irq_router_type,     &pci_bus_type,      &i440fx_type,     &piix3_type,
	&piix4_pm_type,       &piix3_ide_type,    &ide_hd_type,     &ide_cd_type,
	&virtio_blk_pci_type, &i8042_type,        &serial_isa_type, &fw_cfg_type,
	&debugcon_type,       &debugexit_type,    &rtc_type,        &port92_type,
	&post_type,           &pvpanic_type,      &i8237_type,      &fdc_type,
	&floppy_type,         &parallel_isa_type, &vga_type,        NULL,
};
