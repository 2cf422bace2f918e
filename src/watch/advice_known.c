// SPDX-License-Identifier: MIT
/*
 * What is known of a PC's registers, as far as exits are concerned. Each row names where it is from.
 * A latch is only what has no effect of its own: whatever raises or lowers a line, starts work, or
 * changes the map is an effect, and stays.
 */
#include "watch/advice.h"

#define R false
#define W true
#define P WATCH_SPACE_PORT
#define M WATCH_SPACE_MEMORY

#define LATCH  WATCH_KNOWN_LATCH
#define SEEN   WATCH_KNOWN_SEEN
#define POLL   WATCH_KNOWN_POLL
#define CLOCK  WATCH_KNOWN_CLOCK
#define DATA   WATCH_KNOWN_DATA
#define EFFECT WATCH_KNOWN_EFFECT

#define RTC   "Motorola MC146818A data sheet, \"Address map\""
#define PIIX4 "Intel 82371AB (PIIX4) data sheet"
#define I8237 "Intel 8237A data sheet, \"Register description\""
#define I8254 "Intel 8254 data sheet, \"Read operations\""
#define I8259 "Intel 8259A data sheet, \"Operation command words\""
#define UART  "National PC16550D data sheet, \"Registers\""
#define ATA   "ATA/ATAPI-4, \"Interface register definitions and descriptions\""
#define VGA   "IBM VGA Technical Reference, \"Video subsystem programming considerations\""
#define PS2                                                                                        \
	"IBM PS/2 Hardware Interface Technical Reference, \"Keyboard and auxiliary device controller\""
#define NE2000 "National DP8390D data sheet, \"Register address assignments\""
#define FDC    "Intel 82078 data sheet"
#define ACPI   "ACPI 6.5, 4.8.3.3 \"Power management timer\""
#define HPET   "IA-PC HPET 1.0a, 2.3.7 \"Main counter value register\""
#define PCI    "PCI Local Bus 3.0, 3.2.2.3.2 \"Software generation of configuration transactions\""
#define FW_CFG "QEMU docs/specs/fw_cfg.rst"
#define DEBUG  "QEMU, -device isa-debugcon; SeaBIOS, \"Debugging\""
#define DELAY  "Linux arch/x86/kernel/io_delay.c"

#define CLOCK_REMEDY                                                                                  \
	"the guest has no better clock: kvmclock, or the Hyper-V reference time for a Windows guest " \
	"(QEMU's -cpu hv-time), is read without an exit (Linux Documentation/virt/kvm/x86/timekeeping.rst)"
#define DISK_REMEDY                                                                                \
	"virtio-blk moves a whole request with one exit or none (VIRTIO 1.2, 5.2); else let the "  \
	"guest's driver use bus-master DMA and interrupts"
#define SERIAL_REMEDY                                                                               \
	"a driver with interrupts instead of earlyprintk or a polling console; or virtio-console, " \
	"which moves whole lines (VIRTIO 1.2, 5.3)"
#define NET_REMEDY "virtio-net moves packets by queues in memory (VIRTIO 1.2, 5.1)"
#define SCREEN_REMEDY                                                                              \
	"a linear framebuffer or a serial console draws without these (Linux Documentation/fb/vesafb.rst)"
#define KEYBOARD_REMEDY "a driver that waits for interrupts 1 and 12 need not ask"

#define SERIAL_PORT(base)                                                                          \
	{ P,                                                                                       \
	  (base) + 5,                                                                              \
	  (base) + 5,                                                                              \
	  R,                                                                                       \
	  POLL,                                                                                    \
	  "says whether there is room to send or something to take, and the guest keeps asking",   \
	  SERIAL_REMEDY,                                                                           \
	  UART },                                                                                  \
		{ P, base, base, W, DATA, "is a character that is sent", SERIAL_REMEDY, UART },    \
		{ P, base, base, R, DATA, "is a character that came", SERIAL_REMEDY, UART },       \
		{ P,    (base) + 1, (base) + 4,                                                    \
		  W,    EFFECT,     "raises or lowers the interrupt, or changes the line",         \
		  NULL, UART },                                                                    \
		{ P, (base) + 2, (base) + 2, R, EFFECT, "takes back an interrupt", NULL, UART },   \
	{                                                                                          \
		P, (base) + 7, (base) + 7, W, LATCH, "keeps a byte for the guest", NULL, UART      \
	}

#define IDE_PORTS(base, control)                                                                     \
	{ P,                                                                                         \
	  (base) + 2,                                                                                \
	  (base) + 6,                                                                                \
	  W,                                                                                         \
	  LATCH,                                                                                     \
	  "only keeps what the next command will need, which is written to the port after it",       \
	  NULL,                                                                                      \
	  ATA },                                                                                     \
		{ P,    (base) + 1, (base) + 1,                                                      \
		  W,    LATCH,      "only keeps what the next command will need",                    \
		  NULL, ATA },                                                                       \
		{ P,           (base) + 7,                                                           \
		  (base) + 7,  R,                                                                    \
		  POLL,        "says whether the disk is busy, and the guest keeps asking",          \
		  DISK_REMEDY, ATA },                                                                \
		{ P,           control, control,                                                     \
		  R,           POLL,    "says whether the disk is busy, and the guest keeps asking", \
		  DISK_REMEDY, ATA },                                                                \
		{ P, base, base, R, DATA, "is the disk's data, word by word", DISK_REMEDY, ATA },    \
		{ P, base, base, W, DATA, "is the disk's data, word by word", DISK_REMEDY, ATA },    \
		{ P, (base) + 7, (base) + 7, W, EFFECT, "starts a command", DISK_REMEDY, ATA },      \
	{                                                                                            \
		P, control, control, W, EFFECT, "resets the disks, or forbids their interrupt",      \
			NULL, ATA                                                                    \
	}

#define NE2000_PORTS(base)                                                                             \
	{ P,    (base) + 1, (base) + 6, W, LATCH, "sets up a transfer that the command starts",        \
	  NULL, NE2000 },                                                                              \
		{ P,    (base) + 8, (base) + 0xb,                                                      \
		  W,    LATCH,      "sets up the remote DMA that the command starts",                  \
		  NULL, NE2000 },                                                                      \
		{ P,          (base) + 0, (base) + 0, W, EFFECT, "starts and stops the chip",          \
		  NET_REMEDY, NE2000 },                                                                \
		{ P, (base) + 7, (base) + 7, W, EFFECT, "takes back interrupts", NET_REMEDY, NE2000 }, \
		{ P, (base) + 0xf, (base) + 0xf, W, EFFECT, "allows interrupts", NET_REMEDY, NE2000 }, \
		{ P,          (base) + 0x10, (base) + 0x17, R, DATA, "is a packet, word by word",      \
		  NET_REMEDY, NE2000 },                                                                \
	{                                                                                              \
		P, (base) + 0x10, (base) + 0x17, W, DATA, "is a packet, word by word", NET_REMEDY,     \
			NE2000                                                                         \
	}

static const struct watch_known known[] = {
	/* Latches. */
	{ P, 0x70, 0x70, W, LATCH, "selects a register of the clock for the next access to 0x71",
	  NULL, RTC },
	{ P, 0x72, 0x72, W, LATCH, "selects a byte of the second bank for the next access to 0x73",
	  NULL, PIIX4 ", \"Real time clock registers\"" },
	{ P, 0xcf8, 0xcf8, W, LATCH,
	  "selects a configuration register for the next access to 0xcfc", NULL, PCI },
	{ P, 0x510, 0x510, W, LATCH, "selects an item for the next reads of 0x511", NULL, FW_CFG },
	{ P, 0x3c4, 0x3c4, W, LATCH, "selects a sequencer register for 0x3c5", NULL, VGA },
	{ P, 0x3ce, 0x3ce, W, LATCH, "selects a graphics register for 0x3cf", NULL, VGA },
	{ P, 0x3d4, 0x3d4, W, LATCH, "selects a CRT controller register for 0x3d5", NULL, VGA },
	{ P, 0x3b4, 0x3b4, W, LATCH, "selects a CRT controller register for 0x3b5", NULL, VGA },
	{ P, 0x3c7, 0x3c8, W, LATCH, "selects a palette entry for 0x3c9", NULL, VGA },
	{ P, 0x1ce, 0x1ce, W, LATCH, "selects a register for 0x1cf", NULL,
	  "QEMU docs/specs/standard-vga.rst" },
	{ P, 0x00, 0x07, W, LATCH, "sets up a transfer that a request starts later", NULL, I8237 },
	{ P, 0xc0, 0xcf, W, LATCH, "sets up a transfer that a request starts later", NULL, I8237 },
	{ P, 0x0c, 0x0c, W, LATCH, "selects the low byte for the next access", NULL, I8237 },
	{ P, 0xd8, 0xd8, W, LATCH, "selects the low byte for the next access", NULL, I8237 },
	{ P, 0x81, 0x8f, W, LATCH, "keeps the upper address bits of a transfer to come", NULL,
	  PIIX4 ", \"DMA page registers\"" },
	IDE_PORTS(0x1f0, 0x3f6),
	IDE_PORTS(0x170, 0x376),
	NE2000_PORTS(0x300),

	/* What only somebody outside sees. */
	{ P, 0x80, 0x80, W, SEEN, "is a POST code, or only takes time", NULL, DELAY },
	{ P, 0xed, 0xed, W, SEEN, "only takes time", NULL, DELAY },
	{ P, 0x402, 0x402, W, SEEN, "is a character of the firmware's debug log", NULL, DEBUG },
	{ P, 0xe9, 0xe9, W, SEEN, "is a character of the debug console", NULL, DEBUG },

	/* Clocks. */
	{ P, 0x608, 0x60b, R, CLOCK, "is the PM timer", CLOCK_REMEDY, ACPI },
	{ P, 0xb008, 0xb00b, R, CLOCK, "is the PM timer", CLOCK_REMEDY, ACPI },
	{ M, 0xfed000f0, 0xfed000f7, R, CLOCK, "is the HPET's counter",
	  CLOCK_REMEDY "; QEMU's -no-hpet lets the guest choose another one", HPET },
	{ P, 0x40, 0x42, R, CLOCK, "is a counter of the timer chip", CLOCK_REMEDY, I8254 },
	{ P, 0x71, 0x71, R, CLOCK,
	  "is a register of the real-time clock: the time, whether it has ticked, or a byte of its "
	  "memory",
	  "if it is the time that is read, " CLOCK_REMEDY, RTC },

	/* Polls. */
	SERIAL_PORT(0x3f8),
	SERIAL_PORT(0x2f8),
	SERIAL_PORT(0x3e8),
	SERIAL_PORT(0x2e8),
	{ P, 0x64, 0x64, R, POLL, "says whether a key waits, and the guest keeps asking",
	  KEYBOARD_REMEDY, PS2 },
	{ P, 0x61, 0x61, R, POLL, "says how a counter of the timer chip stands",
	  "a guest that is told the rate of its time-stamp counter (kvmclock, or an invariant TSC) "
	  "need not measure it",
	  PIIX4 ", \"NMI registers\"" },
	{ P, 0x3da, 0x3da, R, POLL, "says whether the screen is being drawn", SCREEN_REMEDY, VGA },
	{ P, 0x3ba, 0x3ba, R, POLL, "says whether the screen is being drawn", SCREEN_REMEDY, VGA },
	{ P, 0x3f4, 0x3f4, R, POLL, "says whether the floppy drive is ready",
	  "virtio-blk instead of a floppy drive", FDC },

	/* Data. */
	{ P, 0x511, 0x511, R, DATA, "is configuration, byte by byte",
	  "firmware that uses fw_cfg's DMA needs one exit an item", FW_CFG },
	{ P, 0xcfc, 0xcff, R, DATA, "reads a device's configuration",
	  "memory-mapped configuration (q35's ECAM) needs one exit where this needs two", PCI },
	{ P, 0x60, 0x60, R, DATA, "is a key", NULL, PS2 },
	{ P, 0x60, 0x60, W, EFFECT, "is a command to the keyboard", NULL, PS2 },
	{ P, 0x73, 0x73, R, DATA, "reads a byte of the clock's memory", NULL, RTC },
	{ P, 0x3c9, 0x3c9, W, DATA, "changes a color", SCREEN_REMEDY, VGA },
	{ P, 0x3c5, 0x3c5, W, EFFECT, "changes how the screen is drawn", SCREEN_REMEDY, VGA },
	{ P, 0x3cf, 0x3cf, W, EFFECT, "changes how the screen is drawn", SCREEN_REMEDY, VGA },
	{ P, 0x3d5, 0x3d5, W, EFFECT, "changes what is shown, the cursor for one", SCREEN_REMEDY,
	  VGA },
	{ P, 0x3f5, 0x3f5, R, DATA, "is the floppy drive's answer", NULL, FDC },
	{ P, 0x3f5, 0x3f5, W, EFFECT, "is a command to the floppy drive", NULL, FDC },
	{ P, 0x378, 0x378, W, DATA, "is a character that is printed", NULL, "IEEE 1284" },
	{ M, 0xa0000, 0xbffff, R, DATA, "reads the screen back, at a scroll for one", SCREEN_REMEDY,
	  VGA },
	{ M, 0xa0000, 0xbffff, W, DATA, "draws on the screen", SCREEN_REMEDY, VGA },

	/* What happens at once, and has to. */
	{ P, 0x71, 0x71, W, EFFECT, "sets the clock, or what it interrupts for", NULL, RTC },
	{ P, 0x73, 0x73, W, EFFECT, "changes the clock's memory", NULL, RTC },
	{ P, 0xcfc, 0xcff, W, EFFECT, "configures a device, which may move it", NULL, PCI },
	{ P, 0xcf9, 0xcf9, W, EFFECT, "resets the machine", NULL, PIIX4 ", \"Reset control\"" },
	{ P, 0x08, 0x0f, W, EFFECT, "starts or stops transfers", NULL, I8237 },
	{ P, 0xd0, 0xdf, W, EFFECT, "starts or stops transfers", NULL, I8237 },
	{ P, 0x20, 0x21, W, EFFECT, "ends or masks interrupts",
	  "the local APIC, or the PIC inside the kernel (QEMU's kernel-irqchip=on)", I8259 },
	{ P, 0xa0, 0xa1, W, EFFECT, "ends or masks interrupts",
	  "the local APIC, or the PIC inside the kernel (QEMU's kernel-irqchip=on)", I8259 },
	{ P, 0x40, 0x43, W, EFFECT, "sets up a timer, or latches its counter", NULL, I8254 },
	{ P, 0x61, 0x61, W, EFFECT, "gates a timer, or sounds the speaker", NULL,
	  PIIX4 ", \"NMI registers\"" },
	{ P, 0x64, 0x64, W, EFFECT, "is a command to the keyboard controller, which resets, too",
	  NULL, PS2 },
	{ P, 0x92, 0x92, W, EFFECT, "switches A20, and resets", NULL, PS2 },
	{ P, 0xb2, 0xb2, W, EFFECT, "raises a system management interrupt", NULL,
	  PIIX4 ", \"Advanced power management registers\"" },
	{ P, 0xf4, 0xf4, W, EFFECT, "ends the program", NULL, "QEMU, -device isa-debug-exit" },
	{ P, 0x505, 0x505, W, EFFECT, "tells of a panic", NULL, "QEMU docs/specs/pvpanic.rst" },
	{ P, 0x514, 0x51b, W, EFFECT, "starts a transfer of configuration", NULL, FW_CFG },
	{ P, 0x600, 0x607, W, EFFECT, "takes back a power event, or sleeps", NULL, ACPI },
	{ P, 0x3f2, 0x3f2, W, EFFECT, "starts the floppy drive's motor, or resets it", NULL, FDC },
};

const struct watch_known *watch_known_table(size_t *n)
{
	*n = sizeof(known) / sizeof(known[0]);
	return known;
}

const struct watch_known *watch_known_find(enum watch_space space, uint64_t addr, bool write)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct watch_known *row = &known[i];

		if (row->space == space && row->write == write && addr >= row->first &&
		    addr <= row->last)
			return row;
	}
	return NULL;
}
