// SPDX-License-Identifier: MIT
/*
 * Perf records made by hand, with the tracepoints' formats as a kernel's text gives them. Two kernels
 * are made up: their fields lie at different places, so that nothing can know them by heart.
 */
#pragma once

#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "watch/event.h"

#define RECORDS_COMMON                                                                             \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"                     \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"                     \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"             \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

enum {
	RECORDS_PIO = 110,
	RECORDS_MMIO = 38,
	RECORDS_LEFT = 42,
	RECORDS_ENTER = 300,
	RECORDS_LINE = 40,
	RECORDS_MSI = 105
};

static const char *const records_formats[WATCH_KINDS] = {
	[WATCH_PORT] = "name: kvm_pio\nID: 110\nformat:\n" RECORDS_COMMON
		       "\tfield:unsigned int rw;\toffset:8;\tsize:4;\tsigned:0;\n"
		       "\tfield:unsigned int port;\toffset:12;\tsize:4;\tsigned:0;\n"
		       "\tfield:unsigned int size;\toffset:16;\tsize:4;\tsigned:0;\n"
		       "\tfield:unsigned int count;\toffset:20;\tsize:4;\tsigned:0;\n"
		       "\tfield:unsigned int val;\toffset:24;\tsize:4;\tsigned:0;\n\n"
		       "print fmt: \"pio_%s at 0x%x\", REC->rw ? \"write\" : \"read\", REC->port\n",
	[WATCH_MEMORY] = "name: kvm_mmio\nID: 38\nformat:\n" RECORDS_COMMON
			 "\tfield:u32 type;\toffset:8;\tsize:4;\tsigned:0;\n"
			 "\tfield:u32 len;\toffset:12;\tsize:4;\tsigned:0;\n"
			 "\tfield:u64 gpa;\toffset:16;\tsize:8;\tsigned:0;\n"
			 "\tfield:u64 val;\toffset:24;\tsize:8;\tsigned:0;\n\n"
			 "print fmt: \"what %s no library knows\", no_such_function(REC->gpa)\n",
	[WATCH_LEFT] = "name: kvm_userspace_exit\nID: 42\nformat:\n" RECORDS_COMMON
		       "\tfield:__u32 reason;\toffset:8;\tsize:4;\tsigned:0;\n"
		       "\tfield:int errno;\toffset:12;\tsize:4;\tsigned:1;\n\n"
		       "print fmt: \"reason %d\", REC->reason\n",
	[WATCH_ENTER] = "name: kvm_entry\nID: 300\nformat:\n" RECORDS_COMMON
			"\tfield:unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;\n\n"
			"print fmt: \"vcpu %u\", REC->vcpu_id\n",
	[WATCH_LINE] = "name: kvm_set_irq\nID: 40\nformat:\n" RECORDS_COMMON
		       "\tfield:unsigned int gsi;\toffset:8;\tsize:4;\tsigned:0;\n"
		       "\tfield:int level;\toffset:12;\tsize:4;\tsigned:1;\n\n"
		       "print fmt: \"gsi %u\", REC->gsi\n",
	[WATCH_MSI] = "name: kvm_msi_set_irq\nID: 105\nformat:\n" RECORDS_COMMON
		      "\tfield:__u64 address;\toffset:8;\tsize:8;\tsigned:0;\n\n"
		      "print fmt: \"%llx\", REC->address\n",
};

/* Of a kernel that orders fields in another way, with other widths. */
static const char records_other_pio[] = "name: kvm_pio\nID: 7\nformat:\n" RECORDS_COMMON
					"\tfield:u64 port;\toffset:8;\tsize:8;\tsigned:0;\n"
					"\tfield:u8 size;\toffset:16;\tsize:1;\tsigned:0;\n"
					"\tfield:u8 rw;\toffset:17;\tsize:1;\tsigned:0;\n\n"
					"print fmt: \"%u\", REC->size\n";

/* Aborts if they do not parse. */
static inline void records_formats_make(struct watch_formats *formats)
{
	struct error err;

	if (watch_formats_init(formats))
		abort();
	for (int kind = 0; kind < WATCH_KINDS; kind++)
		if (watch_formats_add(formats, (enum watch_kind)kind, records_formats[kind],
				      strlen(records_formats[kind]), &err))
			abort();
}

/* A record with room for the longest that is made here. */
struct record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t size;
	uint8_t raw[60];
};

static inline struct record record_sample(uint32_t tid, uint64_t time, const void *raw,
					  uint32_t raw_size)
{
	struct record record = {
		.header = { .type = PERF_RECORD_SAMPLE },
		.pid = tid / 100,
		.tid = tid,
		.time = time,
		.size = raw_size,
	};

	memcpy(record.raw, raw, raw_size);
	/* 4 bytes of size and what follows it are a multiple of 8. */
	record.header.size = (uint16_t)(24 + (4 + raw_size + 7) / 8 * 8);
	return record;
}

static inline struct record record_port(uint32_t tid, uint64_t time, uint32_t port, uint32_t width,
					bool write)
{
	uint32_t raw[7] = { RECORDS_PIO, tid, write, port, width, 1, 0x55 };

	return record_sample(tid, time, raw, sizeof(raw));
}

static inline struct record record_left(uint32_t tid, uint64_t time, uint32_t reason, int32_t error)
{
	uint32_t raw[4] = { RECORDS_LEFT, tid, reason, (uint32_t)error };

	return record_sample(tid, time, raw, sizeof(raw));
}
