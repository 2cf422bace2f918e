// SPDX-License-Identifier: MIT
/*
 * A guest made of the input drives two disks and a CD-ROM: registers, strings of data, tables of the
 * bus master and packets, on disks in memory whose requests are done at once. The input is a list of
 * steps, each a byte that chooses and the bytes that the choice takes; where it ends, zeroes follow.
 */
#define IDE_RIG_SECTORS 200u
#include "../unit/dev/ide_rig.h"

#define STEPS_MAX 4096
#define TABLE     0x1000u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

struct machine {
	struct ide_rig rig;
	const uint8_t *at, *end; /* of the input */
	uint8_t string[0x1000];
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

static void string(struct machine *m, uint32_t base, bool write)
{
	unsigned width = next(m, 1) & 1 ? 2 : 4;
	size_t n = 1 + next(m, 2) % (sizeof(m->string) / width);

	if (write)
		ide_rig_out_string(&m->rig, base, width, m->string, n);
	else
		ide_rig_in_string(&m->rig, base, width, m->string, n);
}

/* As a driver does: select, parameters, command. */
static void command(struct machine *m, uint32_t base)
{
	static const uint8_t ports[] = { 6, 1, 2, 3, 4, 5 };

	for (unsigned i = 0; i < sizeof(ports); i++)
		ide_rig_out(&m->rig, base + ports[i], next(m, 1), 1);
	ide_rig_out(&m->rig, base + 7, next(m, 1), 1);
}

static void packet(struct machine *m, uint32_t base)
{
	uint8_t bytes[12];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)next(m, 1);
	ide_rig_out(&m->rig, base + 1, next(m, 1), 1);
	ide_rig_out(&m->rig, base + 4, next(m, 1), 1);
	ide_rig_out(&m->rig, base + 5, next(m, 1), 1);
	ide_rig_out(&m->rig, base + 7, 0xa0, 1);
	ide_rig_out_string(&m->rig, base, 2, bytes, 6);
}

static void table(struct machine *m, uint32_t master)
{
	unsigned n = 1 + next(m, 1) % 8;

	for (unsigned i = 0; i < n; i++) {
		le32_put(m->rig.ram + TABLE + 8 * i, next(m, 3));
		le32_put(m->rig.ram + TABLE + 8 * i + 4, next(m, 2) | (i + 1 == n ? 1u << 31 : 0));
	}
	ide_rig_out(&m->rig, master + 4, TABLE, 4);
	ide_rig_out(&m->rig, master, 0, 1);
	ide_rig_out(&m->rig, master, 9, 1);
}

static void step(struct machine *m)
{
	uint32_t what = next(m, 1), base = what & 0x80 ? 0x170 : 0x1f0;
	uint32_t master = IDE_RIG_MASTER + (what & 0x80 ? 8 : 0);
	unsigned width = 1u << (what >> 5 & 3) % 3;

	switch (what & 0x0f) {
	case 0:
		ide_rig_out(&m->rig, base + next(m, 1) % 8, next(m, width), width);
		break;
	case 1:
		(void)ide_rig_in(&m->rig, base + next(m, 1) % 8, width);
		break;
	case 2:
	case 3:
		command(m, base);
		break;
	case 4:
	case 5:
		packet(m, base);
		break;
	case 6:
	case 7:
		string(m, base, what & 1);
		break;
	case 8:
		ide_rig_out(&m->rig, base + 0x206, next(m, 1), 1);
		break;
	case 9:
		ide_rig_out(&m->rig, master + next(m, 1) % 8, next(m, width), width);
		break;
	case 10:
		(void)ide_rig_in(&m->rig, master + next(m, 1) % 8, width);
		break;
	case 11:
		table(m, master);
		break;
	case 12:
		m->rig.ram[next(m, 2)] = (uint8_t)next(m, 1);
		break;
	case 13:
		ide_rig_config(&m->rig, next(m, 1) & 0x7c, next(m, 4), 4);
		break;
	case 14:
		m->rig.disks[what >> 7].error = next(m, 1) & 1 ? -EIO : 0;
		break;
	default:
		ide_reset(&m->rig.ide);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct machine machine;
	struct machine *m = &machine;

	memset(m, 0, sizeof(*m));
	m->rig.blank = true;
	ide_rig_init(&m->rig);
	m->at = input;
	m->end = input + size;
	for (unsigned i = 0; i < STEPS_MAX && m->at < m->end; i++)
		step(m);
	ide_rig_destroy(&m->rig);
	return 0;
}
