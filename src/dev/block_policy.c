// SPDX-License-Identifier: MIT
/* What becomes of requests that the host fails at, and who hears of it. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dev/block_engine.h"

#define TELL_EVERY NS_PER_SEC

const char *const block_read_actions[] = { "auto", "report", "ignore", "stop", NULL };
const char *const block_write_actions[] = { "auto", "report", "ignore", "stop", "enospc", NULL };

static const char *const op_names[BLOCK_OPS] = { "read", "write", "flush", "discard", "zero" };

void block_set_error(struct block *block, void (*error)(void *arg, const struct block_error *error),
		     void *arg)
{
	block->error = error;
	block->error_arg = arg;
}

void block_set_policy(struct block *block, struct block_policy policy)
{
	if (policy.read == BLOCK_ACTION_AUTO)
		policy.read = BLOCK_ACTION_REPORT;
	if (policy.write == BLOCK_ACTION_AUTO)
		policy.write = BLOCK_ACTION_ENOSPC;
	block->policy = policy;
}

enum block_status block_status(const struct block *block)
{
	return block->status;
}

static enum block_action action_for(const struct block *block, enum block_op op, int result)
{
	enum block_action action = op == BLOCK_READ ? block->policy.read : block->policy.write;

	if (action == BLOCK_ACTION_ENOSPC)
		action = result == -ENOSPC ? BLOCK_ACTION_STOP : BLOCK_ACTION_REPORT;
	return action;
}

static void block_tell(struct block *block, enum block_op op, int result, enum block_action action)
{
	static const char *const what[] = {
		[BLOCK_ACTION_REPORT] = "the guest sees an I/O error; said once",
		[BLOCK_ACTION_IGNORE] = "the guest is told that all is well; said once",
		[BLOCK_ACTION_STOP] = "the machine stops, cont tries again; said once",
	};
	const struct block_error error = {
		.id = block->id,
		.number = block->number,
		.op = op,
		.error = -result,
		.action = action,
	};
	bool first = action == BLOCK_ACTION_STOP && block->status == BLOCK_OK;
	int64_t now = clock_monotonic();

	if (!(block->logged & 1u << op)) {
		block->logged |= 1u << op;
		log_warn("%s: %s: %s (%s)", block->file.name, op_names[op], strerror(-result),
			 what[action]);
	}
	if (action == BLOCK_ACTION_STOP)
		block->status = result == -ENOSPC ? BLOCK_NO_SPACE : BLOCK_FAILED;
	if (!block->error || (!first && block->told[op] && now - block->told[op] < TELL_EVERY))
		return;
	block->told[op] = now;
	block->error(block->error_arg, &error);
}

bool block_failed(struct block *block, struct block_request *request, int *result)
{
	enum block_action action = action_for(block, request->op, *result);

	block_tell(block, request->op, *result, action);
	if (action == BLOCK_ACTION_STOP && request->round == block->round) {
		STAILQ_INSERT_TAIL(&block->kept, request, link);
		return true;
	}
	if (action == BLOCK_ACTION_IGNORE)
		*result = 0;
	return false;
}

void block_begin_again(struct block *block)
{
	struct block_request *request;
	struct block_list pieces, flushes;

	STAILQ_INIT(&pieces);
	STAILQ_INIT(&flushes);
	while ((request = block_list_take(&block->kept))) {
		request->tries = 0;
		request->by_thread = false;
		if (request->op == BLOCK_FLUSH)
			STAILQ_INSERT_TAIL(&flushes, request, link);
		else
			STAILQ_INSERT_TAIL(&pieces, request, link);
	}
	STAILQ_CONCAT(&pieces, &block->waiting);
	STAILQ_CONCAT(&block->waiting, &pieces);
	STAILQ_CONCAT(&flushes, &block->flushes);
	STAILQ_CONCAT(&block->flushes, &flushes);
}
