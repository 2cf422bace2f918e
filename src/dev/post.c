// SPDX-License-Identifier: MIT
#include "dev/post.h"

#include "base/clock.h"

static const struct state_field post_fields[] = {
	{ STATE_AT(struct post_state, code), .on_reset = STATE_CLEAR },
};

const struct state_table post_state_table = {
	.name = "post",
	.version = 1,
	.fields = post_fields,
	.fields_n = sizeof(post_fields) / sizeof(post_fields[0]),
};

static uint64_t read_code(void *chip, uint64_t offset, unsigned width)
{
	struct post *post = chip;

	return post->state.code;
}

static void write_code(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct post *post = chip;

	post->state.code = (uint8_t)value;
	if (post->options.show)
		post->options.show(post->options.arg, post->state.code);
}

/* 20 ms: nobody sees a display change faster. */
static const struct mem_port ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = read_code,
	  .write = write_code,
	  .wait = MEM_DEADLINE(20 * NS_PER_MS),
	  .why = "POST code: only a person looks at it" },
};

void post_init(struct post *post, const struct post_options *options)
{
	*post = (struct post){ .options = *options };
	lock_init(&post->lock, LOCK_DEVICE, "post");
	mem_region_init_io(&post->region, "post", 0, ports, 1, post, &post->lock);
	state_reset(&post_state_table, &post->state);
}

void post_destroy(struct post *post)
{
	lock_destroy(&post->lock);
}

void post_reset(struct post *post)
{
	lock_take(&post->lock);
	state_reset(&post_state_table, &post->state);
	lock_drop(&post->lock);
}

uint8_t post_code(struct post *post)
{
	uint8_t code;

	lock_take(&post->lock);
	code = post->state.code;
	lock_drop(&post->lock);
	return code;
}
