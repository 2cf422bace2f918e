// SPDX-License-Identifier: MIT
/*
 * Memory slots that change under running processors. Four vCPUs execute from and write to main memory.
 * Each also opens a window of RAM of its own beside it, as firmware does by PAM, calls what is in
 * there and closes it again. A thread beside them opens and closes more windows and puts a chip on top
 * of main memory, as a BAR may land there.
 *
 *	0                0x90000      0xa0000                 0xe0000
 *	[ main memory    [ chip ]     ][ window of each vCPU ][ more windows ]
 *
 * A slot that is missing for a moment shows when a processor fetches an instruction from it: KVM gives
 * up. A window that is not there when its OUT has ended shows in the same way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define VCPUS   4u
#define ROUNDS  400u
#define WINDOW  0x4000u
#define WINDOWS 0xa0000u
#define MORE    0xe0000u
#define MORE_N  4u
#define CHIP    0x90000u

#define COUNTERS 0x600u /* written by each vCPU in each round */
#define CALLS    0x680u /* counted in the windows */
#define POINTERS 0x700u /* to the windows, for far calls */

/* esi: rounds, left at 0x500. bx and di: which vCPU this is. */
GUEST(guest, "	movl 0x500, %esi\n"
	     "	mov %bx, %di\n"
	     "	shl $2, %di\n"
	     "	xor %ecx, %ecx\n"
	     "1:	lea 0x1000(%bx), %dx\n"
	     "	mov $1, %al\n"
	     "	outb %al, %dx\n" /* the window opens ... */
	     "	lcall *0x700(%di)\n" /* ... and is called */
	     "	mov $0, %al\n"
	     "	outb %al, %dx\n"
	     "	mov $200, %bp\n"
	     "2:	inc %ecx\n"
	     "	movl %ecx, 0x600(%di)\n"
	     "	cmpl %ecx, 0x600(%di)\n"
	     "	jne 3f\n"
	     "	dec %bp\n"
	     "	jnz 2b\n"
	     "	dec %esi\n"
	     "	jnz 1b\n"
	     "	hlt\n"
	     "3:	mov $0x1100, %dx\n"
	     "	outb %al, %dx\n"
	     "	hlt\n");

GUEST(called, "	incl 0x680(%di)\n"
	      "	lret\n");

struct window {
	struct machine *machine;
	struct mem_region alias, port;
	struct mem_request request;
};

struct scene {
	struct machine machine;
	struct window windows[VCPUS];
	struct mem_region more[MORE_N], chip, verdict;
	_Atomic uint64_t wrong;
};

static void window_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct window *window = chip;

	window->request.enabled = value & 1;
	mem_map_request(&window->machine->map, &window->request);
}

static void verdict_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct scene *)chip)->wrong++;
}

static const struct mem_port window_ports[] = { { .at = 0, .len = 1, .write = window_write } };
static const struct mem_port verdict_ports[] = { { .at = 0, .len = 1, .write = verdict_write } };

static void add_window(struct scene *scene, struct mem_region *alias, uint64_t at)
{
	mem_region_init_alias(alias, "window", &scene->machine.ram, at, WINDOW - 1);
	mem_region_set_enabled(alias, false);
	mem_region_add(&scene->machine.map.root[MEM_SPACE_MEMORY], alias, at, 2);
}

static void add_all(struct scene *scene)
{
	struct machine *machine = &scene->machine;
	struct mem_region *ports = &machine->map.root[MEM_SPACE_PORT];

	for (unsigned i = 0; i < VCPUS; i++) {
		struct window *window = &scene->windows[i];

		window->machine = machine;
		add_window(scene, &window->alias, WINDOWS + i * WINDOW);
		window->request = (struct mem_request){
			.region = &window->alias,
			.offset = WINDOWS + i * WINDOW,
		};
		mem_region_init_io(&window->port, "port", 0, window_ports, 1, window, NULL);
		mem_region_add(ports, &window->port, 0x1000 + i, 0);
	}
	for (unsigned i = 0; i < MORE_N; i++)
		add_window(scene, &scene->more[i], MORE + i * WINDOW);
	mem_region_init_io(&scene->verdict, "verdict", 0, verdict_ports, 1, scene, NULL);
	mem_region_add(ports, &scene->verdict, 0x1100, 0);
	mem_region_init_io(&scene->chip, "chip", 0xfff, NULL, 0, NULL, NULL);
	mem_region_set_enabled(&scene->chip, false);
	mem_region_add(&machine->map.root[MEM_SPACE_MEMORY], &scene->chip, CHIP, 2);
}

static void put_word(struct machine *machine, uint32_t at, uint32_t value)
{
	memcpy(machine->memory + at, &value, sizeof(value));
}

/* One change of the fifth thread's. */
static void move_something(struct scene *scene, unsigned i)
{
	struct mem_region *region = i % 3 ? &scene->more[i / 3 % MORE_N] : &scene->chip;

	mem_map_begin(&scene->machine.map);
	mem_region_set_enabled(region, !region->enabled);
	if (region == &scene->chip)
		mem_region_set_offset(region, CHIP + i % 8 * 0x1000);
	assert_int_equal(mem_map_commit(&scene->machine.map), 0);
}

static void slots_change_under_four_vcpus(void **state)
{
	static const struct hv_options options = { .coalesce = true, .vcpus = VCPUS };
	static struct scene scene;
	struct machine *machine = &scene.machine;
	int halted = 0;

	machine_init(machine);
	mem_map_begin(&machine->map);
	add_all(&scene);
	assert_int_equal(mem_map_commit(&machine->map), 0);
	put_word(machine, 0x500, ROUNDS);
	for (unsigned i = 0; i < VCPUS; i++) {
		uint32_t at = WINDOWS + i * WINDOW;

		put_word(machine, POINTERS + 4 * i, at << 12); /* segment : 0 */
		memcpy(machine->memory + at, called_start, (size_t)(called_end - called_start));
	}
	machine_create(machine, &options);
	machine_start(machine, guest_start, guest_end);
	for (unsigned i = 0; halted < (int)VCPUS && !machine->failed; i++) {
		move_something(&scene, i);
		usleep(200);
		sem_getvalue(&machine->halted, &halted);
	}
	hv_vcpus_stop(&machine->vm);
	if (machine->failed)
		fail_msg("%s", machine->failure.text);
	assert_int_equal(scene.wrong, 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		uint32_t counter, calls;

		memcpy(&counter, machine->memory + COUNTERS + 4 * i, sizeof(counter));
		memcpy(&calls, machine->memory + CALLS + 4 * i, sizeof(calls));
		assert_int_equal(counter, 200 * ROUNDS);
		assert_int_equal(calls, ROUNDS);
	}
	machine_destroy(machine);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_change_under_four_vcpus),
	};

	if (!machine_possible())
		return SKIP_STATUS;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
