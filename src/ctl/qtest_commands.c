// SPDX-License-Identifier: MIT
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base64.h"
#include "ctl/qtest_impl.h"

#define WORDS_MAX 6 /* what follows more spaces is not looked at */

struct command {
	const char *name;
	unsigned args; /* at least */
	void (*run)(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail);
	unsigned detail;
};

static void ok(struct ctl_qtest *qtest)
{
	ctl_qtest_sendf(qtest, "OK\n");
}

/* Numbers: as strtoull() reads them with base 0, the whole word. False was answered with FAIL. */

static bool bad_number(struct ctl_qtest *qtest, const char *word)
{
	ctl_qtest_sendf(qtest, "FAIL Invalid number '%.40s'\n", word);
	return false;
}

static bool number(struct ctl_qtest *qtest, const char *word, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(word, &end, 0);
	return (!errno && end != word && !*end) || bad_number(qtest, word);
}

static bool signed_number(struct ctl_qtest *qtest, const char *word, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(word, &end, 0);
	return (!errno && end != word && !*end) || bad_number(qtest, word);
}

static bool port_number(struct ctl_qtest *qtest, const char *word, uint64_t *out)
{
	if (!number(qtest, word, out))
		return false;
	if (*out > UINT16_MAX) {
		ctl_qtest_sendf(qtest, "FAIL No such port '%.40s'\n", word);
		return false;
	}
	return true;
}

static bool data_size(struct ctl_qtest *qtest, const char *word, uint64_t *out)
{
	if (!number(qtest, word, out))
		return false;
	if (*out > CTL_QTEST_DATA_MAX) {
		ctl_qtest_sendf(qtest, "FAIL Size too large '%.40s'\n", word);
		return false;
	}
	return true;
}

/* Memory for the data of one command, and for a reply; at least one byte. NULL was answered. */
static void *buffer(struct ctl_qtest *qtest, size_t size)
{
	void *bytes = calloc(size ? size : 1, 1);

	if (!bytes)
		ctl_qtest_sendf(qtest, "FAIL Out of memory\n");
	return bytes;
}

/* Ports and memory, one access */

static void out(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned width)
{
	uint64_t port, value;

	if (!port_number(qtest, words[1], &port) || !number(qtest, words[2], &value))
		return;
	soft_cpu_write(qtest->cpu, MEM_SPACE_PORT, port, value, width);
	ok(qtest);
}

static void in(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned width)
{
	uint64_t port, value;

	if (!port_number(qtest, words[1], &port))
		return;
	value = soft_cpu_read(qtest->cpu, MEM_SPACE_PORT, port, width);
	ctl_qtest_sendf(qtest, "OK 0x%04" PRIx64 "\n", value);
}

static void write_memory(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned width)
{
	uint64_t addr, value;

	if (!number(qtest, words[1], &addr) || !number(qtest, words[2], &value))
		return;
	soft_cpu_write(qtest->cpu, MEM_SPACE_MEMORY, addr, value, width);
	ok(qtest);
}

static void read_memory(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned width)
{
	uint64_t addr, value;

	if (!number(qtest, words[1], &addr))
		return;
	value = soft_cpu_read(qtest->cpu, MEM_SPACE_MEMORY, addr, width);
	ctl_qtest_sendf(qtest, "OK 0x%016" PRIx64 "\n", value);
}

/* Blocks of memory */

static void read_block(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t addr, len;
	uint8_t *bytes;
	char *text, *at;

	if (!number(qtest, words[1], &addr) || !data_size(qtest, words[2], &len))
		return;
	if (!len) {
		ctl_qtest_sendf(qtest, "FAIL Nothing to read\n");
		return;
	}
	/* The bytes stand in the rear half of what becomes the text. */
	text = buffer(qtest, sizeof("OK 0x\n") + 2 * len);
	if (!text)
		return;
	bytes = (uint8_t *)text + sizeof("OK 0x\n") + len;
	soft_cpu_read_bytes(qtest->cpu, addr, bytes, len);
	memcpy(text, "OK 0x", 5);
	at = text + 5;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];

		*at++ = digits[byte >> 4];
		*at++ = digits[byte & 15];
	}
	*at++ = '\n';
	ctl_qtest_send(qtest, text, (size_t)(at - text));
	free(text);
}

static void read_base64(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	uint64_t addr, len;
	uint8_t *bytes;
	char *text;

	if (!number(qtest, words[1], &addr) || !data_size(qtest, words[2], &len))
		return;
	text = buffer(qtest, sizeof("OK \n") + base64_size(len) + len);
	if (!text)
		return;
	bytes = (uint8_t *)text + sizeof("OK \n") + base64_size(len);
	soft_cpu_read_bytes(qtest->cpu, addr, bytes, len);
	memcpy(text, "OK ", 3);
	base64_encode(text + 3, bytes, len);
	text[3 + base64_size(len)] = '\n';
	ctl_qtest_send(qtest, text, 4 + base64_size(len));
	free(text);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whole bytes behind "0x", as many as there are but at most len. False: no hexadecimal number. */
static bool from_hex(uint8_t *bytes, const char *word, size_t len)
{
	size_t there = strlen(word) / 2 - 1;

	if (len > there)
		len = there;
	for (size_t i = 0; i < len; i++) {
		int high = nibble(word[2 * i + 2]), low = nibble(word[2 * i + 3]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool too_short(struct ctl_qtest *qtest, const char *word)
{
	if (strlen(word) >= 3)
		return false;
	ctl_qtest_sendf(qtest, "ERR invalid argument size\n");
	return true;
}

static void write_block(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	uint64_t addr, len;
	uint8_t *bytes;

	if (!number(qtest, words[1], &addr) || !data_size(qtest, words[2], &len) ||
	    too_short(qtest, words[3]))
		return;
	bytes = buffer(qtest, len);
	if (!bytes)
		return;
	if (from_hex(bytes, words[3], len)) {
		soft_cpu_write_bytes(qtest->cpu, addr, bytes, len);
		ok(qtest);
	} else {
		ctl_qtest_sendf(qtest, "FAIL Invalid data\n");
	}
	free(bytes);
}

static void write_base64(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	uint8_t *bytes = (uint8_t *)words[3];
	uint64_t addr, len;
	size_t there;

	if (!number(qtest, words[1], &addr) || !data_size(qtest, words[2], &len) ||
	    too_short(qtest, words[3]))
		return;
	there = base64_decode(bytes, words[3], strlen(words[3]));
	if (there != len)
		ctl_qtest_note(qtest,
			       "b64write: data length mismatch (told %" PRIu64 ", found %zu)\n",
			       len, there);
	soft_cpu_write_bytes(qtest->cpu, addr, bytes, there < len ? there : len);
	ok(qtest);
}

static void set_block(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	uint64_t addr, len, value;
	uint8_t *bytes;

	if (!number(qtest, words[1], &addr) || !data_size(qtest, words[2], &len) ||
	    !number(qtest, words[3], &value))
		return;
	bytes = buffer(qtest, len);
	if (!bytes)
		return;
	memset(bytes, (int)(value & 0xff), len);
	soft_cpu_write_bytes(qtest->cpu, addr, bytes, len);
	free(bytes);
	ok(qtest);
}

/* Time */

static void answer_time(struct ctl_qtest *qtest, int64_t before)
{
	int64_t now = clock_now(&qtest->machine->vm);

	if (now > before)
		ctl_qtest_sendf(qtest, "OK %" PRId64 "\n", now);
	else
		ctl_qtest_sendf(qtest, "FAIL could not advance time\n");
}

static void step_to_next(struct ctl_qtest *qtest)
{
	struct machine *machine = qtest->machine;
	int64_t now = clock_now(&machine->vm), due;

	machine_drain(machine);
	due = clock_next_due(&machine->vm);
	if (due == CLOCK_NEVER || !machine_step_clock(machine, due > now ? due - now : 0)) {
		ctl_qtest_sendf(qtest, "FAIL cannot advance clock to the next deadline because "
				       "there is no pending deadline\n");
		return;
	}
	answer_time(qtest, now);
}

static void clock_step_command(struct ctl_qtest *qtest, char *const words[WORDS_MAX],
			       unsigned detail)
{
	int64_t now = clock_now(&qtest->machine->vm), ns;

	if (!words[1]) {
		step_to_next(qtest);
		return;
	}
	if (!signed_number(qtest, words[1], &ns))
		return;
	if (ns > 0)
		machine_step_clock(qtest->machine, ns);
	answer_time(qtest, now);
}

static void clock_set_command(struct ctl_qtest *qtest, char *const words[WORDS_MAX],
			      unsigned detail)
{
	struct machine *machine = qtest->machine;
	int64_t now = clock_now(&machine->vm), to;

	if (!signed_number(qtest, words[1], &to))
		return;
	if (to > now)
		machine_step_clock(machine, to - now);
	now = clock_now(&machine->vm);
	ctl_qtest_sendf(qtest, "%s %" PRId64 "\n", now == to ? "OK" : "FAIL", now);
}

/* Interrupts. The lines of the interrupt controller are the one thing that has a path. */

static bool known_device(struct ctl_qtest *qtest, const char *path)
{
	const char *name = strrchr(path, '/');

	if (!strcmp(name ? name + 1 : path, "ioapic"))
		return true;
	ctl_qtest_sendf(qtest, "FAIL Unknown device\n");
	return false;
}

static void intercept(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned outputs)
{
	if (!known_device(qtest, words[1]))
		return;
	if (words[2] && !outputs) {
		ctl_qtest_sendf(qtest, "FAIL Interception of named in-GPIOs not yet supported\n");
		return;
	}
	if (words[2] && !qtest->intercepts) {
		ctl_qtest_sendf(qtest, "FAIL No intercepts installed\n");
		return;
	}
	if (!qtest->intercepts)
		qtest->intercepts_out = outputs;
	qtest->intercepts = true;
	ok(qtest);
}

static void set_irq_in(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	int64_t line, level;

	if (!known_device(qtest, words[1]))
		return;
	if (strcmp(words[2], "unnamed-gpio-in")) {
		ctl_qtest_sendf(qtest, "FAIL Unknown interrupt lines '%.40s'\n", words[2]);
		return;
	}
	if (!signed_number(qtest, words[3], &line) || !signed_number(qtest, words[4], &level))
		return;
	if (line < 0 || line >= IRQ_LINES) {
		ctl_qtest_sendf(qtest, "FAIL Unknown interrupt line '%.40s'\n", words[3]);
		return;
	}
	machine_drain(qtest->machine);
	irq_set(&qtest->irqs[line], level);
	ok(qtest);
}

/* The rest */

static void endianness(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	ctl_qtest_sendf(qtest, "OK little\n");
}

/* Every chip is part of the program: whatever is asked for is there, or will be missed later. */
static void module_load(struct ctl_qtest *qtest, char *const words[WORDS_MAX], unsigned detail)
{
	ok(qtest);
}

static const struct command commands[] = {
	{ "outb", 2, out, 1 },
	{ "outw", 2, out, 2 },
	{ "outl", 2, out, 4 },
	{ "inb", 1, in, 1 },
	{ "inw", 1, in, 2 },
	{ "inl", 1, in, 4 },
	{ "writeb", 2, write_memory, 1 },
	{ "writew", 2, write_memory, 2 },
	{ "writel", 2, write_memory, 4 },
	{ "writeq", 2, write_memory, 8 },
	{ "readb", 1, read_memory, 1 },
	{ "readw", 1, read_memory, 2 },
	{ "readl", 1, read_memory, 4 },
	{ "readq", 1, read_memory, 8 },
	{ "read", 2, read_block, 0 },
	{ "b64read", 2, read_base64, 0 },
	{ "write", 3, write_block, 0 },
	{ "b64write", 3, write_base64, 0 },
	{ "memset", 3, set_block, 0 },
	{ "endianness", 0, endianness, 0 },
	{ "clock_step", 0, clock_step_command, 0 },
	{ "clock_set", 1, clock_set_command, 0 },
	{ "irq_intercept_in", 1, intercept, false },
	{ "irq_intercept_out", 1, intercept, true },
	{ "set_irq_in", 4, set_irq_in, 0 },
	{ "module_load", 2, module_load, 0 },
};

/* Cuts the line at each single space, the last word at most to its end. */
static unsigned split(char *line, char *words[WORDS_MAX])
{
	unsigned n = 0;

	while (line && n < WORDS_MAX) {
		words[n++] = line;
		line = strchr(line, ' ');
		if (line)
			*line++ = '\0';
	}
	return n;
}

void ctl_qtest_execute(struct ctl_qtest *qtest, char *line)
{
	char *words[WORDS_MAX] = { NULL };
	unsigned n = split(line, words);

	assert(n > 0); /* an empty line is one empty word */
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, words[0]))
			continue;
		if (n <= commands[i].args)
			ctl_qtest_sendf(qtest, "FAIL Missing argument\n");
		else
			commands[i].run(qtest, words, commands[i].detail);
		return;
	}
	ctl_qtest_sendf(qtest, "FAIL Unknown command '%.100s'\n", words[0]);
}
