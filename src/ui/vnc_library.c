// SPDX-License-Identifier: MIT
#include "ui/vnc_library.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VNC_SYMBOL(name) LIBRARY_SYMBOL(struct vnc_library, name)

static const struct library_symbol symbols[] = { VNC_CALLS(VNC_SYMBOL) };

static const struct library rfb = {
	.file = "libvncserver.so.1",
	.package = "libvncserver1",
	.symbols = symbols,
	.symbols_n = sizeof(symbols) / sizeof(symbols[0]),
};

void vnc_library_format(rfbPixelFormat *format)
{
	format->redShift = 16;
	format->greenShift = 8;
	format->blueShift = 0;
}

int vnc_library_load(struct vnc_library *library, rfbProtocolExtension *extension,
		     struct error *err)
{
	int ret = library_load(&rfb, &library->handle, library, err);

	if (ret)
		return ret;
	library->rfbLogEnable(FALSE);
	/* Any size: the viewer's own counts. */
	library->screen = library->rfbGetScreen(NULL, NULL, 640, 480, 8, 3, 4);
	if (!library->screen) {
		library_unload(library->handle);
		return error_set(err, -ENOMEM, "-vnc: out of memory");
	}
	vnc_library_format(&library->screen->serverFormat);
	/* The guest draws its own cursor into the picture. */
	library->screen->cursor = NULL;
	library->screen->alwaysShared = TRUE;
	library->screen->deferUpdateTime = 0;
	library->screen->fdQuota = 1;
	library->extension = extension;
	library->rfbRegisterProtocolExtension(extension);
	return 0;
}

void vnc_library_unload(struct vnc_library *library)
{
	library->rfbUnregisterProtocolExtension(library->extension);
	library->rfbScreenCleanup(library->screen);
	library_unload(library->handle);
}

rfbScreenInfo *vnc_library_screen(const struct vnc_library *library)
{
	rfbScreenInfo *screen = malloc(sizeof(*screen));

	if (!screen)
		return NULL;
	memcpy(screen, library->screen, sizeof(*screen));
	pthread_mutex_init(&screen->cursorMutex, NULL);
	return screen;
}
