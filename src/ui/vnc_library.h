// SPDX-License-Identifier: MIT
/*
 * What is called of LibVNCServer, which is loaded when a VNC server is opened.
 *
 * The library has state of its own for the whole process: the list of its extensions, and locks that
 * rfbGetScreen() makes anew each time it is called. So that is called once, before the first thread, and
 * each viewer gets a copy of what it made. One server at a time.
 */
#pragma once

#include <rfb/rfb.h>
#include <rfb/rfbregion.h>

#include "base/library.h"

#define VNC_CALLS(call)                                                                            \
	call(rfbGetScreen) call(rfbScreenCleanup) call(rfbNewClient) call(rfbProcessClientMessage) \
		call(rfbUpdateClient) call(rfbCloseClient) call(rfbClientConnectionGone)           \
			call(rfbNewFramebuffer) call(rfbMarkRectAsModified) call(rfbReadExact)     \
				call(rfbWriteExact) call(rfbEncryptBytes) call(rfbLogEnable)       \
					call(rfbRegisterProtocolExtension)                         \
						call(rfbUnregisterProtocolExtension)               \
							call(sraRgnEmpty)                          \
								call(webSocketsHasDataInBuffer)

struct vnc_library {
	void *handle;
	rfbScreenInfo *screen; /* what rfbGetScreen() made: without picture and viewers */
	rfbProtocolExtension *extension;
	VNC_CALLS(LIBRARY_MEMBER)
};

/* With an extension for every viewer, which stays the caller's. 0, or -errno with one line. */
int vnc_library_load(struct vnc_library *library, rfbProtocolExtension *extension,
		     struct error *err) __attribute__((warn_unused_result));
/* When every viewer is gone. */
void vnc_library_unload(struct vnc_library *library);
/* A screen for one viewer, for rfbScreenCleanup(); NULL: no memory. Any thread. */
rfbScreenInfo *vnc_library_screen(const struct vnc_library *library);
/* The format of struct screen's pixels. */
void vnc_library_format(rfbPixelFormat *format);
