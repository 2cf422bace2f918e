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
static const struct mem_port shown_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = read_code,
	  .write = write_code,
	  .wait = MEM_DEADLINE(20 * NS_PER_MS),
	  .why = "POST code: only a person looks at it",
	  .name = "code" },
};
static const struct mem_port hidden_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = read_code,
	  .write = write_code,
	  .wait = MEM_LATCH,
	  .why = "POST code: nobody looks at it",
	  .name = "code" },
};

void post_init(struct post *post, const struct post_options *options)
{
	*post = (struct post){ .device = post->device, .options = *options };
	lock_init(&post->lock, LOCK_DEVICE, "post");
	mem_region_init_io(&post->region, "post", 0, options->show ? shown_ports : hidden_ports, 1,
			   post, &post->lock);
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

static int post_create(struct device *device, struct place *place, struct error *err)
{
	struct post *post = (struct post *)device;

	post_init(post, &(struct post_options){ 0 });
	mem_region_add(place->ports, &post->region, POST_AT, 0);
	return 0;
}

static void post_pull(struct device *device)
{
	post_reset((struct post *)device);
}

static void post_end(struct device *device)
{
	post_destroy((struct post *)device);
}

const struct device_type post_type = {
	.name = "post",
	.about = "the POST code display at port 0x80",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.size = sizeof(struct post),
	.create = post_create,
	.reset = post_pull,
	.state = (const struct device_part[]){ DEVICE_PART(post_state_table, struct post, state),
					       { 0 } },
	.destroy = post_end,
};
