// SPDX-License-Identifier: MIT
/*
 * The least that a program can do with KVM, to measure others against: one vCPU, memory, the
 * kernel's interrupt controllers and timer, zones for 0x70 and 0xcf8, and a loop around KVM_RUN that
 * empties the ring and nothing more. Reads give ones, writes go nowhere, except that what the guest
 * says on COM1 goes to standard output and a write to port 0xf4 ends it.
 *
 *	floor [-off] [-json] COUNT	a guest with COUNT index+data pairs (0x70, 0x71) and nothing else
 *	floor [-off] [-json] -bios FILE	the guest in a ROM image, as under any monitor's -bios
 *
 * -off registers no zones. With COUNT 0 the first guest instruction is also the last.
 *
 * Stands alone on purpose: it shares no code with what it is compared with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RAM_SIZE     (16u << 20)
#define ROM_MAX      (256u << 10)
#define PORT_EXIT    0xf4
#define PORT_COM1    0x3f8
#define SKIP_STATUS  77
#define BUILTIN_SIZE 0x10000u

/* The loop of pairs, at the start of the segment 0xf000; ecx counts. */
__asm__(".pushsection .rodata\n"
	".code16\n"
	"pairs_start:\n"
	"	movl %cs:pairs_count - pairs_start, %ecx\n"
	"	testl %ecx, %ecx\n"
	"	jz 2f\n"
	"1:	movb $0x50, %al\n"
	"	outb %al, $0x70\n"
	"	inb $0x71, %al\n"
	"	decl %ecx\n"
	"	jnz 1b\n"
	"2:	outb %al, $0xf4\n"
	"3:	hlt\n"
	"	jmp 3b\n"
	"	.balign 4\n"
	"pairs_count:\n"
	"	.long 0\n"
	"pairs_end:\n"
	".code64\n"
	".popsection\n");
extern const uint8_t pairs_start[], pairs_count[], pairs_end[];

struct floor {
	int kvm, vm, vcpu;
	bool zones;
	struct kvm_run *run;
	struct kvm_coalesced_mmio_ring *ring;
	uint8_t *ram, *rom;
	size_t rom_size;
	uint64_t exits, coalesced;
	double first_exit_cpu;
};

static void fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int call(int fd, unsigned long request, void *arg, const char *what)
{
	int value = ioctl(fd, request, arg);

	if (value < 0)
		fail(what);
	return value;
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *map(size_t size, int fd)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	return at;
}

static void load_builtin(struct floor *floor, uint32_t count)
{
	static const uint8_t jump[] = { 0xea, 0x00, 0x00, 0x00, 0xf0 }; /* ljmp $0xf000, $0 */

	floor->rom_size = BUILTIN_SIZE;
	floor->rom = map(floor->rom_size, -1);
	memcpy(floor->rom, pairs_start, (size_t)(pairs_end - pairs_start));
	memcpy(floor->rom + (pairs_count - pairs_start), &count, sizeof(count));
	memcpy(floor->rom + floor->rom_size - 16, jump, sizeof(jump));
}

static void load_rom(struct floor *floor, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(path);
	floor->rom_size = (size_t)st.st_size;
	if (floor->rom_size < 0x10000 || floor->rom_size > ROM_MAX || floor->rom_size & 0xfff) {
		errno = EINVAL;
		fail(path);
	}
	floor->rom = map(floor->rom_size, -1);
	if (read(fd, floor->rom, floor->rom_size) != st.st_size)
		fail(path);
	close(fd);
}

static void add_slot(struct floor *floor, uint32_t slot, uint64_t at, const uint8_t *host,
		     size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = size,
		.userspace_addr = (uint64_t)(uintptr_t)host,
	};

	call(floor->vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
}

static void add_zone(struct floor *floor, uint64_t port, uint32_t size)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = port, .size = size, .pio = 1 };

	call(floor->vm, KVM_REGISTER_COALESCED_MMIO, &zone, "KVM_REGISTER_COALESCED_MMIO");
}

static void make_vm(struct floor *floor)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int page;

	floor->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (floor->kvm < 0) {
		printf("SKIP: /dev/kvm: %s\n", strerror(errno));
		exit(SKIP_STATUS);
	}
	floor->vm = call(floor->kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	if (ioctl(floor->vm, KVM_SET_TSS_ADDR, 0xfeffd000ul) < 0)
		fail("KVM_SET_TSS_ADDR");
	call(floor->vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	call(floor->vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
	floor->ram = map(RAM_SIZE, -1);
	add_slot(floor, 0, 0, floor->ram, 0xa0000);
	add_slot(floor, 1, 0x100000, floor->ram + 0x100000, RAM_SIZE - 0x100000);
	add_slot(floor, 2, 0xf0000, floor->rom + floor->rom_size - 0x10000, 0x10000);
	add_slot(floor, 3, 0x100000000u - floor->rom_size, floor->rom, floor->rom_size);
	floor->vcpu = call(floor->vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	floor->run = map(
		(size_t)call(floor->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE"),
		floor->vcpu);
	page = ioctl(floor->kvm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	if (page <= 0 || ioctl(floor->kvm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) <= 0) {
		printf("SKIP: this KVM does not coalesce port writes\n");
		exit(SKIP_STATUS);
	}
	floor->ring = (void *)((uint8_t *)floor->run + page * sysconf(_SC_PAGESIZE));
	if (floor->zones) {
		add_zone(floor, 0x70, 1);
		add_zone(floor, 0xcf8, 4);
	}
}

static inline void empty_ring(struct floor *floor)
{
	struct kvm_coalesced_mmio_ring *ring = floor->ring;
	const uint32_t max = (uint32_t)((4096 - sizeof(*ring)) / sizeof(ring->coalesced_mmio[0]));
	uint32_t last = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE), first = ring->first;

	while (first != last) {
		first = (first + 1) % max;
		floor->coalesced++;
	}
	__atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
}

/* False if the guest is done. */
static bool handle(struct floor *floor)
{
	struct kvm_run *run = floor->run;

	if (run->exit_reason == KVM_EXIT_IO) {
		uint8_t *data = (uint8_t *)run + run->io.data_offset;
		size_t size = (size_t)run->io.size * run->io.count;

		if (run->io.direction == KVM_EXIT_IO_IN)
			memset(data, 0xff, size);
		else if (run->io.port == PORT_COM1)
			(void)fwrite(data, 1, size, stdout);
		else if (run->io.port == PORT_EXIT)
			return false;
		return true;
	}
	if (run->exit_reason == KVM_EXIT_MMIO) {
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return true;
	}
	fprintf(stderr, "floor: KVM exit %u\n", run->exit_reason);
	exit(1);
}

static void run(struct floor *floor)
{
	bool more = true;

	while (more) {
		if (ioctl(floor->vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				continue;
			fail("KVM_RUN");
		}
		if (floor->exits++ == 0)
			floor->first_exit_cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
		empty_ring(floor);
		more = handle(floor);
	}
}

static double user_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static int usage(void)
{
	fprintf(stderr, "usage: floor [-off] [-json] COUNT | -bios FILE\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct floor floor = { .zones = true };
	double wall, user;
	bool json = false;
	int i = 1;

	for (; i < argc - 1; i++) {
		if (strcmp(argv[i], "-off") == 0)
			floor.zones = false;
		else if (strcmp(argv[i], "-json") == 0)
			json = true;
		else
			break;
	}
	if (i + 1 == argc && argv[i][0] != '-')
		load_builtin(&floor, (uint32_t)strtoul(argv[i], NULL, 0));
	else if (i + 2 == argc && strcmp(argv[i], "-bios") == 0)
		load_rom(&floor, argv[i + 1]);
	else
		return usage();
	make_vm(&floor);
	user = user_seconds();
	wall = seconds(CLOCK_MONOTONIC);
	run(&floor);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	user = user_seconds() - user;
	printf(json ? "{\"exits\": %llu, \"coalesced\": %llu, \"wall_us\": %.1f, \"user_us\": %.1f, "
		      "\"user_us_per_exit\": %.4f, \"cpu_to_first_exit_us\": %.0f}\n"
		    : "exits %llu, coalesced %llu, wall %.1f us, user %.1f us (%.4f us an exit), "
		      "CPU time to the first exit %.0f us\n",
	       (unsigned long long)floor.exits, (unsigned long long)floor.coalesced, wall * 1e6,
	       user * 1e6, user * 1e6 / (double)floor.exits, floor.first_exit_cpu * 1e6);
	return 0;
}
