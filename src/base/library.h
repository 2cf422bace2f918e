// SPDX-License-Identifier: MIT
/*
 * Libraries that are loaded when somebody first needs them: they bring others with them, which would
 * make every start of the program slower. What is called of one is a struct of function pointers,
 * made and filled by the same list of names:
 *
 *	#define NBD_CALLS(call) call(nbd_create) call(nbd_close)
 *	#define NBD_SYMBOL(name) LIBRARY_SYMBOL(struct nbd_calls, name)
 *	struct nbd_calls { NBD_CALLS(LIBRARY_MEMBER) };
 *	static const struct library_symbol symbols[] = { NBD_CALLS(NBD_SYMBOL) };
 *
 * Any thread; no state of its own.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* A pointer to a function that a header declares, by its name. */
#define LIBRARY_MEMBER(name)       __typeof__(name) *(name);
#define LIBRARY_SYMBOL(type, name) { #name, offsetof(type, name) },

struct library_symbol {
	const char *name;
	size_t at; /* of its pointer, in the struct that is filled */
};

struct library {
	const char *file; /* "libnbd.so.0" */
	const char *package; /* Debian's, that it comes in */
	const struct library_symbol *symbols;
	size_t symbols_n;
};

/*
 * Loads the library, for library_unload() to give back, and fills calls. 0, or -ENOPKG with one line:
 * it is not there, or lacks a function.
 */
int library_load(const struct library *library, void **handle, void *calls, struct error *err)
	__attribute__((warn_unused_result));
/* Nothing of it is used any more. */
void library_unload(void *handle);
