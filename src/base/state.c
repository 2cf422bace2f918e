// SPDX-License-Identifier: MIT
#include "base/state.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"

static const void *element(const struct state_field *field, const void *state, size_t i)
{
	assert(field->size == 1 || field->size == 2 || field->size == 4 || field->size == 8);
	return (const char *)state + field->offset + i * field->size;
}

void state_reset(const struct state_table *table, void *state)
{
	for (size_t f = 0; f < table->fields_n; f++) {
		const struct state_field *field = &table->fields[f];

		if (field->on_reset != STATE_CLEAR)
			continue;
		for (size_t i = 0; i < field->count; i++)
			le_put((void *)element(field, state, i), field->value,
			       (unsigned)field->size);
	}
}

const struct state_field *state_differs(const struct state_table *table, const void *a,
					const void *b, size_t *index)
{
	for (size_t f = 0; f < table->fields_n; f++) {
		const struct state_field *field = &table->fields[f];

		for (size_t i = 0; i < field->count; i++) {
			if (!memcmp(element(field, a, i), element(field, b, i), field->size))
				continue;
			*index = i;
			return field;
		}
	}
	return NULL;
}

size_t state_size(const struct state_table *table)
{
	size_t size = 0;

	for (size_t f = 0; f < table->fields_n; f++)
		size += table->fields[f].size * table->fields[f].count;
	return size;
}

/* The host is little-endian (bytes.h), so the saved form of a field is its memory. */
void state_save(const struct state_table *table, const void *state, uint8_t *out)
{
	for (size_t f = 0; f < table->fields_n; f++) {
		const struct state_field *field = &table->fields[f];
		size_t len = field->size * field->count;

		memcpy(out, element(field, state, 0), len);
		out += len;
	}
}

void state_restore(const struct state_table *table, void *state, const uint8_t *in)
{
	for (size_t f = 0; f < table->fields_n; f++) {
		const struct state_field *field = &table->fields[f];
		size_t len = field->size * field->count;

		memcpy((void *)element(field, state, 0), in, len);
		in += len;
	}
}

void state_print(const struct state_table *table, const void *state, FILE *out)
{
	fprintf(out, "%s:", table->name);
	for (size_t f = 0; f < table->fields_n; f++) {
		const struct state_field *field = &table->fields[f];

		fprintf(out, " %s=", field->name);
		for (size_t i = 0; i < field->count; i++)
			fprintf(out, "%0*" PRIx64, (int)field->size * 2,
				le_get(element(field, state, i), (unsigned)field->size));
	}
	fputc('\n', out);
}
