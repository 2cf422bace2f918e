// SPDX-License-Identifier: MIT
/*
 * Input of a session of ctl: what a client sent and nobody has taken yet. It is taken as long as the
 * client reads the answers and a command leaves nothing to do for others: the next command must see a
 * machine that was reset, if that is what this one asked for. Belongs to the loop's thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "board/machine.h"
#include "ctl/out.h"

#define CTL_INPUT_MAX 4096

struct ctl_input_user {
	/* Takes at most one command from the n > 0 bytes that there are; how many of them it took. */
	size_t (*take)(void *arg, const uint8_t *bytes, size_t n);
	/* What had to wait is taken. NULL: more may come. */
	void (*emptied)(void *arg);
	void *arg;
};

struct ctl_input {
	struct machine *machine; /* these are borrowed */
	struct chardev *chardev;
	struct ctl_out *out; /* where the answers go */
	struct ctl_input_user user;
	uint8_t bytes[CTL_INPUT_MAX]; /* [at, n) */
	size_t at, n;
	struct loop_task task; /* goes on with it */
};

void ctl_input_init(struct ctl_input *input, struct machine *machine, struct chardev *chardev,
		    struct ctl_out *out, const struct ctl_input_user *user);
void ctl_input_destroy(struct ctl_input *input);

/* These stand in the back-end's struct chardev_user. */
size_t ctl_input_room(const struct ctl_input *input);
void ctl_input_receive(struct ctl_input *input, const uint8_t *bytes, size_t len);
/* The client has read what waited. */
void ctl_input_drained(struct ctl_input *input);

/* Another client is there: what the last one said is void. */
void ctl_input_forget(struct ctl_input *input);
/* Takes what there is, and tells emptied(), a little later. */
void ctl_input_go_on(struct ctl_input *input);
