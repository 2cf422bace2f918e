// SPDX-License-Identifier: MIT
/*
 * What the kernel's tracepoints say about a guest's exits, and how it is read: the formats of the
 * tracepoints, given by the kernel as text and parsed by libtraceevent, and the records of perf.
 * No offset in a tracepoint is known here, only names of fields.
 *
 * The formats own libtraceevent's handle. Reading does not change them: any thread may.
 *
 * Sources: include/trace/events/kvm.h and arch/x86/kvm/trace.h (the tracepoints),
 * include/uapi/linux/perf_event.h (PERF_RECORD_SAMPLE, PERF_RECORD_LOST).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "watch/vcpu.h"

struct tep_handle;

/* The name in events/kvm/ of tracefs. */
extern const char *const watch_kind_names[WATCH_KINDS];

struct watch_format {
	bool there;
	uint32_t id; /* for perf_event_open() */
	struct watch_field fields[WATCH_FIELDS];
};

struct watch_formats {
	struct tep_handle *tep;
	struct watch_field type; /* the same in every tracepoint: its id */
	struct watch_format of[WATCH_KINDS];
};

/* 0 or -ENOMEM. watch_formats_destroy() afterwards. */
int watch_formats_init(struct watch_formats *formats) __attribute__((warn_unused_result));
void watch_formats_destroy(struct watch_formats *formats);

/*
 * Takes in the text of a tracepoint's file "format". 0, or -EINVAL with err set if it lacks what is
 * needed.
 */
int watch_formats_add(struct watch_formats *formats, enum watch_kind kind, const char *text,
		      size_t size, struct error *err) __attribute__((warn_unused_result));

/* The id of any other tracepoint of KVM's, or 0 if its format cannot be read. */
uint32_t watch_formats_id(struct watch_formats *formats, const char *name, const char *text,
			  size_t size);

enum watch_record {
	WATCH_RECORD_EVENT,
	WATCH_RECORD_LOST, /* the ring was full */
	WATCH_RECORD_IGNORED, /* of a kind that we have no use for */
	WATCH_RECORD_BAD, /* too short for what it says it is */
};

/* What perf_event_attr.sample_type has to be, with sample_id_all, for the two functions below. */
#define WATCH_SAMPLE_TYPE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW)

/*
 * Reads a record of a perf ring: size bytes from its header on, 8-aligned. Fills event, or lost with
 * the number of records that are missing.
 */
enum watch_record watch_record_read(const struct watch_formats *formats, const void *record,
				    size_t size, struct watch_event *event, uint64_t *lost);

/* When the record was made; 0 if it does not say: then it comes before all others. */
uint64_t watch_record_time(const void *record, size_t size);
