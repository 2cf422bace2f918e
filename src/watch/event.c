// SPDX-License-Identifier: MIT
#include "watch/event.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <traceevent/event-parse.h>

const char *const watch_kind_names[WATCH_KINDS] = {
	[WATCH_PORT] = "kvm_pio",
	[WATCH_MEMORY] = "kvm_mmio",
	[WATCH_LEFT] = "kvm_userspace_exit",
	[WATCH_ENTER] = "kvm_entry",
	[WATCH_LINE] = "kvm_set_irq",
	[WATCH_MSI] = "kvm_msi_set_irq",
};

static const char *const field_names[WATCH_KINDS][WATCH_FIELDS] = {
	[WATCH_PORT] = { [WATCH_FIELD_WAY] = "rw",
			 [WATCH_FIELD_ADDR] = "port",
			 [WATCH_FIELD_WIDTH] = "size" },
	[WATCH_MEMORY] = { [WATCH_FIELD_WAY] = "type",
			   [WATCH_FIELD_ADDR] = "gpa",
			   [WATCH_FIELD_WIDTH] = "len" },
	[WATCH_LEFT] = { [WATCH_FIELD_REASON] = "reason", [WATCH_FIELD_ERROR] = "errno" },
	[WATCH_LINE] = { [WATCH_FIELD_LEVEL] = "level" },
};

int watch_formats_init(struct watch_formats *formats)
{
	*formats = (struct watch_formats){ .tep = tep_alloc() };
	if (!formats->tep)
		return -ENOMEM;
	/* It speaks of what it does not know in formats that we do not print. */
	tep_set_loglevel(TEP_LOG_NONE);
	tep_set_local_bigendian(formats->tep, TEP_LITTLE_ENDIAN);
	tep_set_file_bigendian(formats->tep, TEP_LITTLE_ENDIAN);
	return 0;
}

void watch_formats_destroy(struct watch_formats *formats)
{
	tep_free(formats->tep);
	formats->tep = NULL;
}

/* A plain number that lies within a record. */
static bool field_usable(const struct tep_format_field *field)
{
	unsigned long odd = TEP_FIELD_IS_ARRAY | TEP_FIELD_IS_STRING | TEP_FIELD_IS_DYNAMIC;

	return field && !(field->flags & odd) && field->offset >= 0 && field->offset < 4096 &&
	       (field->size == 1 || field->size == 2 || field->size == 4 || field->size == 8);
}

static bool field_take(struct watch_field *to, const struct tep_format_field *from)
{
	if (!field_usable(from))
		return false;
	*to = (struct watch_field){ (uint16_t)from->offset, (uint16_t)from->size };
	return true;
}

static struct tep_event *format_parse(struct watch_formats *formats, const char *name,
				      const char *text, size_t size)
{
	struct tep_event *event;

	/* An error may only mean that its "print fmt" is beyond the library: fields count. */
	(void)tep_parse_event(formats->tep, text, size, "kvm");
	event = tep_find_event_by_name(formats->tep, "kvm", name);
	/* The id is 16 bits wide in a record. */
	return event && event->id > 0 && event->id <= UINT16_MAX ? event : NULL;
}

uint32_t watch_formats_id(struct watch_formats *formats, const char *name, const char *text,
			  size_t size)
{
	const struct tep_event *event = format_parse(formats, name, text, size);

	return event ? (uint32_t)event->id : 0;
}

int watch_formats_add(struct watch_formats *formats, enum watch_kind kind, const char *text,
		      size_t size, struct error *err)
{
	struct watch_format format = { .there = true };
	const char *name = watch_kind_names[kind];
	struct tep_event *event;

	event = format_parse(formats, name, text, size);
	if (!event)
		return error_set(err, -EINVAL, "%s: its format cannot be read", name);
	format.id = (uint32_t)event->id;
	if (!field_take(&formats->type, tep_find_common_field(event, "common_type")))
		return error_set(err, -EINVAL, "%s: no field common_type", name);
	for (int i = 0; i < WATCH_FIELDS; i++) {
		const char *field = field_names[kind][i];

		if (field && !field_take(&format.fields[i], tep_find_field(event, field)))
			return error_set(err, -EINVAL, "%s: no field %s", name, field);
	}
	formats->of[kind] = format;
	return 0;
}

/* False if the field is not within the size bytes of raw. */
static bool field_read(const struct watch_formats *formats, const struct watch_field *field,
		       const uint8_t *raw, size_t size, uint64_t *value)
{
	if (size < field->offset || size - field->offset < field->size)
		return false;
	*value = tep_read_number(formats->tep, raw + field->offset, field->size);
	return true;
}

static bool access_read(const struct watch_formats *formats, const struct watch_format *format,
			const uint8_t *raw, size_t size, struct watch_event *event)
{
	/* rw of kvm_pio and type of kvm_mmio, by their values. */
	static const enum watch_way port_ways[] = { WATCH_READ, WATCH_WRITE };
	static const enum watch_way memory_ways[] = { WATCH_ASKED, WATCH_READ, WATCH_WRITE };
	uint64_t way, width;

	if (!field_read(formats, &format->fields[WATCH_FIELD_WAY], raw, size, &way) ||
	    !field_read(formats, &format->fields[WATCH_FIELD_ADDR], raw, size, &event->addr) ||
	    !field_read(formats, &format->fields[WATCH_FIELD_WIDTH], raw, size, &width))
		return false;
	if (way > (event->kind == WATCH_PORT ? 1 : 2) || width > UINT32_MAX)
		return false;
	event->way = event->kind == WATCH_PORT ? port_ways[way] : memory_ways[way];
	event->width = (uint32_t)width;
	return true;
}

static bool left_read(const struct watch_formats *formats, const struct watch_format *format,
		      const uint8_t *raw, size_t size, struct watch_event *event)
{
	uint64_t reason, error;

	if (!field_read(formats, &format->fields[WATCH_FIELD_REASON], raw, size, &reason) ||
	    !field_read(formats, &format->fields[WATCH_FIELD_ERROR], raw, size, &error))
		return false;
	event->reason = (uint32_t)reason;
	event->error = (int32_t)(uint32_t)error;
	return true;
}

static bool line_read(const struct watch_formats *formats, const struct watch_format *format,
		      const uint8_t *raw, size_t size, struct watch_event *event)
{
	uint64_t level;

	if (!field_read(formats, &format->fields[WATCH_FIELD_LEVEL], raw, size, &level))
		return false;
	event->level = level != 0;
	return true;
}

static enum watch_record raw_read(const struct watch_formats *formats, const uint8_t *raw,
				  size_t size, struct watch_event *event)
{
	uint64_t type;
	bool good = true;
	int kind;

	if (!field_read(formats, &formats->type, raw, size, &type))
		return WATCH_RECORD_BAD;
	for (kind = 0; kind < WATCH_KINDS; kind++)
		if (formats->of[kind].there && formats->of[kind].id == type)
			break;
	if (kind == WATCH_KINDS)
		return WATCH_RECORD_IGNORED;
	event->kind = (enum watch_kind)kind;
	if (kind == WATCH_PORT || kind == WATCH_MEMORY)
		good = access_read(formats, &formats->of[kind], raw, size, event);
	else if (kind == WATCH_LEFT)
		good = left_read(formats, &formats->of[kind], raw, size, event);
	else if (kind == WATCH_LINE)
		good = line_read(formats, &formats->of[kind], raw, size, event);
	return good ? WATCH_RECORD_EVENT : WATCH_RECORD_BAD;
}

/* What WATCH_SAMPLE_TYPE makes of a record; the tracepoint's bytes follow a sample. */
struct sample {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t size;
};
#define SAMPLE_HEAD (offsetof(struct sample, size) + sizeof(uint32_t))

struct lost {
	struct perf_event_header header;
	uint64_t id, lost;
};

/* With sample_id_all, the end of every record that is no sample. */
struct sample_id {
	uint32_t pid, tid;
	uint64_t time;
};

enum watch_record watch_record_read(const struct watch_formats *formats, const void *record,
				    size_t size, struct watch_event *event, uint64_t *lost)
{
	const struct perf_event_header *header = record;
	const struct sample *sample = record;

	*event = (struct watch_event){ 0 };
	*lost = 0;
	if (size < sizeof(*header))
		return WATCH_RECORD_BAD;
	switch (header->type) {
	case PERF_RECORD_LOST:
		if (size < sizeof(struct lost))
			return WATCH_RECORD_BAD;
		*lost = ((const struct lost *)record)->lost;
		return WATCH_RECORD_LOST;
	case PERF_RECORD_SAMPLE:
		if (size < SAMPLE_HEAD || size - SAMPLE_HEAD < sample->size)
			return WATCH_RECORD_BAD;
		event->pid = sample->pid;
		event->tid = sample->tid;
		event->time = sample->time;
		return raw_read(formats, (const uint8_t *)record + SAMPLE_HEAD, sample->size,
				event);
	default:
		return WATCH_RECORD_IGNORED;
	}
}

uint64_t watch_record_time(const void *record, size_t size)
{
	const struct perf_event_header *header = record;
	uint64_t time = 0;

	if (size >= SAMPLE_HEAD && header->type == PERF_RECORD_SAMPLE)
		time = ((const struct sample *)record)->time;
	else if (size >= sizeof(*header) + sizeof(struct sample_id))
		memcpy(&time, (const uint8_t *)record + size - sizeof(time), sizeof(time));
	return time;
}
