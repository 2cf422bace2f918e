// SPDX-License-Identifier: MIT
/*
 * A guest in KVM that hammers the ports of the RTC, and a machine that is stopped and continued all
 * the while: no write is lost, none comes twice, and while the machine is stopped nothing moves.
 *
 *	test_hammer ROM [PAIRS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board/accel_kvm.h"
#include "board/pc.h"

#define PAIRS     10000
#define RUN_EVERY 16 /* pairs after which the guest is given some time */
#define RUN_NS    (300 * NS_PER_US)

/* Places in the guest's memory; its source has the list. */
#define STOP         0x9000
#define ROUNDS       0x9004
#define INDEX_WRITES 0x9008
#define DATA_WRITES  0x900c
#define DATA_READS   0x9010
#define SHADOW       0x9020
#define CELL_FIRST   0x40
#define CELLS        32

struct hammer {
	struct loop loop;
	struct accel_kvm kvm;
	struct pc pc;
	struct loop_task task;
	struct timer timer;
	unsigned long pairs, left;
	unsigned moved; /* stops during which the guest went on */
};

static uint32_t guest_word(struct hammer *hammer, uint32_t at)
{
	return __atomic_load_n((uint32_t *)(void *)(hammer->pc.ram_host + at), __ATOMIC_ACQUIRE);
}

static void stop_and_go_on(void *arg)
{
	struct hammer *hammer = arg;
	struct machine *machine = &hammer->pc.machine;
	uint32_t before;

	if (!hammer->left) {
		__atomic_store_n(hammer->pc.ram_host + STOP, 1, __ATOMIC_RELEASE);
		return;
	}
	machine_stop(machine);
	before = guest_word(hammer, INDEX_WRITES);
	machine_drain(machine);
	if (hammer->left % 64 == 0)
		usleep(100);
	hammer->moved += guest_word(hammer, INDEX_WRITES) != before;
	machine_continue(machine);
	if (--hammer->left % RUN_EVERY == 0)
		timer_arm(&hammer->timer, clock_now(&machine->monotonic) + RUN_NS);
	else
		loop_post(&hammer->loop, &hammer->task);
}

/* Trips and coalesced writes of one port and direction in all meters. */
static uint64_t metered(struct hammer *hammer, uint64_t port, bool write)
{
	const struct meter *meters[] = { hv_vcpu_meter(&hammer->kvm.vm, 0),
					 hammer->kvm.vm.ring_meter };
	uint64_t key = 1 | (uint64_t)write << 1 | 1 << 3 | port << 6, sum = 0;

	for (size_t i = 0; i < 2; i++) {
		for (size_t row = 0; row < METER_ROWS; row++) {
			if (meters[i]->rows[row].key == key)
				sum += meters[i]->rows[row].exits + meters[i]->rows[row].coalesced;
		}
	}
	return sum;
}

static unsigned check(const char *what, uint64_t is, uint64_t should)
{
	if (is == should)
		return 0;
	fprintf(stderr, "%s: %" PRIu64 ", but it should be %" PRIu64 "\n", what, is, should);
	return 1;
}

static unsigned check_all(struct hammer *hammer, int status)
{
	unsigned bad = 0;
	char what[32];

	bad += check("status", (uint64_t)status, 1); /* what isa-debug-exit makes of 0 */
	bad += check("pairs left", hammer->left, 0);
	bad += check("stops without effect", hammer->moved, 0);
	bad += check("index writes", metered(hammer, 0x70, true), guest_word(hammer, INDEX_WRITES));
	bad += check("data writes", metered(hammer, 0x71, true), guest_word(hammer, DATA_WRITES));
	bad += check("data reads", metered(hammer, 0x71, false), guest_word(hammer, DATA_READS));
	for (unsigned i = 0; i < CELLS; i++) {
		snprintf(what, sizeof(what), "cell 0x%x", CELL_FIRST + i);
		bad += check(what, rtc_cmos(hammer->pc.rtc, CELL_FIRST + i),
			     hammer->pc.ram_host[SHADOW + i]);
	}
	return bad;
}

static unsigned run(const char *rom, unsigned long pairs, bool coalesce)
{
	static struct hammer hammer;
	const struct pc_options options = {
		.machine = { .loop = &hammer.loop, .accel = &hammer.kvm.accel, .no_reboot = true },
		.ram = PC_RAM_MIN,
		.bios = rom,
		.devices = &(struct device_spec){ "isa-debug-exit", "iobase=0xf4,iosize=1" },
		.devices_n = 1,
	};
	struct error err;
	unsigned bad;

	hammer = (struct hammer){ .pairs = pairs, .left = pairs };
	accel_kvm_init(
		&hammer.kvm,
		&(struct accel_kvm_options){
			.hv = { .coalesce = coalesce, .irqchip = true, .pit = true, .vcpus = 1 } });
	if (loop_init(&hammer.loop)) {
		perror("event loop");
		return 1;
	}
	if (pc_create(&hammer.pc, &options, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	hammer.task = (struct loop_task){ .run = stop_and_go_on, .arg = &hammer };
	timer_init(&hammer.timer, &hammer.pc.machine.monotonic, stop_and_go_on, &hammer);
	machine_continue(&hammer.pc.machine);
	/* Not before the guest has put its memory in order. */
	timer_arm(&hammer.timer, clock_now(&hammer.pc.machine.monotonic) + 20 * NS_PER_MS);
	bad = check_all(&hammer, machine_run(&hammer.pc.machine));
	printf("coalescing %s: %lu stops, %" PRIu32 " rounds, %" PRIu32 " index writes\n",
	       coalesce ? "on" : "off", pairs, guest_word(&hammer, ROUNDS),
	       guest_word(&hammer, INDEX_WRITES));
	timer_disarm(&hammer.timer);
	pc_destroy(&hammer.pc);
	loop_destroy(&hammer.loop);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned long pairs = argc > 2 ? strtoul(argv[2], NULL, 0) : PAIRS;
	unsigned bad;

	if (argc < 2)
		return 2;
	if (access("/dev/kvm", R_OK | W_OK)) {
		puts("SKIP: /dev/kvm cannot be used");
		return 77;
	}
	bad = run(argv[1], pairs, true);
	bad += run(argv[1], pairs / 10, false);
	return bad != 0;
}
