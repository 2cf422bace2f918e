// SPDX-License-Identifier: MIT
#include "ctl/input.h"

#include <assert.h>
#include <string.h>

static void input_take(struct ctl_input *input)
{
	struct loop *loop = input->machine->loop;

	while (input->at < input->n && !ctl_out_waits(input->out)) {
		size_t taken;

		if (input->machine->ended)
			return;
		taken = input->user.take(input->user.arg, input->bytes + input->at,
					 input->n - input->at);
		assert(taken <= input->n - input->at);
		input->at += taken;
		if (loop_has_tasks(loop)) {
			loop_post(loop, &input->task);
			return;
		}
	}
	if (input->at == input->n)
		input->at = input->n = 0;
}

static void input_go_on(void *arg)
{
	struct ctl_input *input = arg;

	input_take(input);
	if (input->n)
		return;
	if (input->user.emptied)
		input->user.emptied(input->user.arg);
	else
		chardev_accept_input(input->chardev);
}

void ctl_input_init(struct ctl_input *input, struct machine *machine, struct chardev *chardev,
		    struct ctl_out *out, const struct ctl_input_user *user)
{
	*input = (struct ctl_input){
		.machine = machine, .chardev = chardev, .out = out, .user = *user
	};
	input->task = (struct loop_task){ .run = input_go_on, .arg = input };
}

void ctl_input_destroy(struct ctl_input *input)
{
	loop_unpost(input->machine->loop, &input->task);
}

size_t ctl_input_room(const struct ctl_input *input)
{
	return input->n ? 0 : sizeof(input->bytes);
}

void ctl_input_receive(struct ctl_input *input, const uint8_t *bytes, size_t len)
{
	memcpy(input->bytes, bytes, len);
	input->n = len;
	input_take(input);
}

void ctl_input_drained(struct ctl_input *input)
{
	if (!ctl_out_waits(input->out) && input->n)
		ctl_input_go_on(input);
}

void ctl_input_forget(struct ctl_input *input)
{
	input->at = input->n = 0;
}

void ctl_input_go_on(struct ctl_input *input)
{
	loop_post(input->machine->loop, &input->task);
}
