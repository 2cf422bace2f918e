// SPDX-License-Identifier: MIT
/* The server as its viewers know it: the picture, keys and the mouse, and those who behave badly. */
#include "viewer.h"

/*
 * The library reads a number in a browser's request from memory that has no end: it stops at the end of
 * the line, but AddressSanitizer wants an end that is there whatever the number is.
 */
const char *__asan_default_suppressions(void);
const char *__asan_default_suppressions(void)
{
	return "interceptor_via_lib:libvncserver";
}

static int setup(void **state)
{
	*state = stage_make((struct ui_vnc_options){ .path = NULL });
	return 0;
}

static int setup_password(void **state)
{
	*state = stage_make((struct ui_vnc_options){ .password = true });
	return 0;
}

static int teardown(void **state)
{
	stage_end(*state);
	return 0;
}

static void key(struct viewer *viewer, uint32_t sym, bool down)
{
	const uint8_t message[] = { 4,
				    down,
				    0,
				    0,
				    (uint8_t)(sym >> 24),
				    (uint8_t)(sym >> 16),
				    (uint8_t)(sym >> 8),
				    (uint8_t)sym };

	viewer_say(viewer, message, sizeof(message));
}

static void key_number(struct viewer *viewer, uint8_t number, bool down)
{
	const uint8_t message[] = { 255, 0, 0, down, 0, 0, 0, 0, 0, 0, 0, number };

	viewer_say(viewer, message, sizeof(message));
}

static void point(struct viewer *viewer, uint8_t buttons, uint16_t x, uint16_t y)
{
	const uint8_t message[] = { 5,          buttons,           (uint8_t)(x >> 8),
				    (uint8_t)x, (uint8_t)(y >> 8), (uint8_t)y };

	viewer_say(viewer, message, sizeof(message));
}

/* The picture */

static void picture(void **state)
{
	struct viewer viewer;

	viewer_make(&viewer, *state);
	assert_int_equal(viewer.width, 320);
	assert_int_equal(viewer.height, 200);
	viewer_see(&viewer);
	viewer_leave(&viewer);
}

/* Of what changes, only that is sent, and only to who asks. */
static void changes(void **state)
{
	const struct screen_rect rect = { .x = 7, .y = 100, .width = 20, .height = 70 };
	struct stage *stage = *state;
	struct viewer viewer, other;

	viewer_make(&viewer, stage);
	viewer_make(&other, stage);
	viewer_see(&other);
	viewer_ask(&viewer, false);
	assert_int_equal(viewer_update(&viewer), 320 * 200);
	for (uint32_t colour = 1; colour < 20; colour++) {
		stage_paint(stage, rect, colour << 16);
		viewer_ask(&viewer, true);
		assert_int_equal(viewer_update(&viewer), 20 * 70);
		assert_true(viewer_has(&viewer, &stage->rig.pc.machine.screen));
	}
	viewer_see(&other);
	viewer_leave(&other);
	viewer_leave(&viewer);
}

/* Who asks for all of it gets what there is now, however often and whatever it got before. */
static void all_anew(void **state)
{
	static const struct screen_rect rect = { .x = 0, .y = 0, .width = 320, .height = 200 };
	struct stage *stage = *state;
	struct viewer viewer;

	viewer_make(&viewer, stage);
	viewer_ask(&viewer, false);
	viewer_update(&viewer);
	for (uint32_t colour = 1; colour < 20; colour++) {
		stage_paint(stage, rect, colour << 16);
		viewer_ask(&viewer, false);
		viewer_update(&viewer);
		assert_true(viewer_has(&viewer, &stage->rig.pc.machine.screen));
		assert_false(stage->paint);
	}
	viewer_leave(&viewer);
}

/* Nobody looks while nobody waits. */
static void at_rest(void **state)
{
	struct stage *stage = *state;
	struct viewer viewer;
	size_t draws;

	viewer_make(&viewer, stage);
	viewer_ask(&viewer, false);
	viewer_update(&viewer);
	/* One look may be under way. */
	for (int i = 0; i < 50; i++)
		stage_rest(stage);
	draws = stage->draws;
	for (int i = 0; i < 100; i++)
		stage_rest(stage);
	assert_int_equal(stage->draws, draws);
	/* And with one who waits, time and again. */
	viewer_ask(&viewer, true);
	while (stage->draws < draws + 5)
		stage_rest(stage);
	viewer_leave(&viewer);
}

static void resize(void **state)
{
	static const uint32_t sizes[][2] = {
		{ 640, 480 }, { 720, 400 }, { 320, 200 }, { 1, 1 }, { 2560, 1600 }
	};
	struct stage *stage = *state;
	struct viewer viewer;

	viewer_make(&viewer, stage);
	viewer_can(&viewer, DESKTOP_SIZE);
	viewer_see(&viewer);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stage_show(stage, sizes[i][0], sizes[i][1], 0x10203 * (uint32_t)(i + 1));
		viewer.resized = false;
		viewer_ask(&viewer, true);
		while (!viewer.resized)
			viewer_update(&viewer);
		assert_int_equal(viewer.width, sizes[i][0]);
		assert_int_equal(viewer.height, sizes[i][1]);
		viewer_see(&viewer);
	}
	viewer_leave(&viewer);
}

/* A viewer that cannot follow sees what fits, and black around it. */
static void resize_ignored(void **state)
{
	struct stage *stage = *state;
	struct viewer viewer;

	viewer_make(&viewer, stage);
	viewer_see(&viewer);
	stage_show(stage, 640, 480, 0x445566);
	viewer_see(&viewer);
	stage_show(stage, 100, 50, 0x778899);
	viewer_see(&viewer);
	stage_show(stage, 2560, 20, 0x778899);
	viewer_see(&viewer);
	assert_false(viewer.resized);
	viewer_leave(&viewer);
}

/* The library scales the picture for those who ask, which must not survive a smaller one. */
static void resize_scaled(void **state)
{
	struct stage *stage = *state;
	struct viewer viewer;
	uint8_t answer[6];

	viewer_make(&viewer, stage);
	viewer_say(&viewer, "\10\2\0\0", 4);
	assert_true(viewer_read(&viewer, answer, sizeof(answer)));
	assert_int_equal(answer[0], 4);
	viewer_can(&viewer, DESKTOP_SIZE);
	for (uint32_t i = 1; i < 6; i++) {
		stage_show(stage, 320 / i, 200 / i, 0x112233);
		viewer_ask(&viewer, true);
		for (int n = 0; n < 40; n++)
			stage_rest(stage);
	}
	viewer_leave(&viewer);
}

static void no_chip(void **state)
{
	struct stage *stage = *state;
	struct viewer viewer;

	stage->rig.pc.machine.screen.draw = NULL;
	viewer_make(&viewer, stage);
	assert_int_equal(viewer.width, 640);
	assert_int_equal(viewer.height, 480);
	viewer_ask(&viewer, false);
	assert_int_equal(viewer_update(&viewer), 640 * 480);
	viewer_leave(&viewer);
}

/* Keys and the mouse */

static void keys(void **state)
{
	struct stage *stage = *state;
	struct viewer viewer;

	viewer_make(&viewer, stage);
	key(&viewer, 'A', true);
	key(&viewer, 0x12345678, true); /* nobody's */
	key(&viewer, 'a', false);
	viewer_can(&viewer, EXTENDED_KEYS);
	while (!viewer.extended_keys)
		viewer_update(&viewer);
	key_number(&viewer, 0xd2, true);
	key_number(&viewer, 0x52, true);
	stage_await(stage, &stage->keys_n, 4);
	/* What was down is released when it leaves. */
	viewer_leave(&viewer);
	stage_await(stage, &stage->keys_n, 6);
	assert_int_equal(stage->keys[0].key, PS2_KEY_A);
	assert_true(stage->keys[0].down);
	assert_int_equal(stage->keys[1].key, PS2_KEY_A);
	assert_false(stage->keys[1].down);
	assert_int_equal(stage->keys[2].key, PS2_KEY_INSERT);
	assert_int_equal(stage->keys[3].key, PS2_KEY_KP_0);
	assert_int_equal(stage->keys[4].key, PS2_KEY_KP_0);
	assert_int_equal(stage->keys[5].key, PS2_KEY_INSERT);
	assert_false(stage->keys[4].down || stage->keys[5].down);
}

static void mouse(void **state)
{
	static const struct input_motion expected[] = {
		{ .right = 10, .down = -5 },
		{ .buttons = INPUT_LEFT },
		{ .right = -110, .down = 95, .buttons = INPUT_LEFT | INPUT_RIGHT },
		{ .wheel = -1 },
		{ .wheel = 0 },
		{ .wheel = 1, .buttons = INPUT_MIDDLE },
		{ .buttons = 0 },
	};
	struct stage *stage = *state;
	struct viewer viewer;

	viewer_make(&viewer, stage);
	point(&viewer, 0, 100, 10);
	point(&viewer, 0, 110, 5);
	point(&viewer, 0, 110, 5);
	point(&viewer, 0x01, 110, 5);
	point(&viewer, 0x05, 0, 100);
	point(&viewer, 0x08, 0, 100);
	point(&viewer, 0, 0, 100);
	point(&viewer, 0x12, 0, 100);
	stage_await(stage, &stage->motions_n, 6);
	viewer_leave(&viewer);
	stage_await(stage, &stage->motions_n, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(stage->motions[i].right, expected[i].right);
		assert_int_equal(stage->motions[i].down, expected[i].down);
		assert_int_equal(stage->motions[i].wheel, expected[i].wheel);
		assert_int_equal(stage->motions[i].buttons, expected[i].buttons);
	}
}

/* Who gets in */

static void password(void **state)
{
	struct stage *stage = *state;
	struct viewer viewer;
	uint8_t challenge[16], answer[4];

	/* None is set; the empty one is one. */
	for (int i = 0; i < 2; i++) {
		viewer_knock(&viewer, stage);
		assert_int_equal(viewer_greet(&viewer), 2);
		assert_true(viewer_read(&viewer, challenge, sizeof(challenge)));
		viewer_say(&viewer, challenge, sizeof(challenge));
		assert_true(viewer_read(&viewer, answer, sizeof(answer)));
		assert_memory_equal(answer, "\0\0\0\1", sizeof(answer));
		viewer_leave(&viewer);
		assert_int_equal(ui_vnc_set_password(stage->vnc, "longer than eight"), 0);
	}
	assert_string_equal(ui_vnc_auth(stage->vnc), "vnc");
}

static void count_events(void *arg, enum ui_vnc_event event, const struct ui_vnc_end *server,
			 const struct ui_vnc_end *viewer)
{
	size_t *counts = arg;

	counts[event]++;
	assert_string_equal(server->family, "unix");
	assert_string_equal(viewer->family, "unix");
}

static void too_many(void **state)
{
	struct stage *stage = *state;
	struct viewer viewers[UI_VNC_VIEWERS], late;
	size_t counts[3] = { 0 };
	struct ui_vnc_observer observer = { .event = count_events, .arg = counts };
	unsigned at = 0, n = 0;
	char byte;

	ui_vnc_observe(stage->vnc, &observer);
	assert_int_equal(ui_vnc_set_password(stage->vnc, "x"), -ENOTSUP);
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++)
		viewer_knock(&viewers[i], stage);
	stage_await(stage, &counts[UI_VNC_CONNECTED], UI_VNC_VIEWERS);
	viewer_knock(&late, stage);
	assert_false(viewer_read(&late, &byte, 1));
	viewer_leave(&late);
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++) {
		assert_int_equal(viewer_greet(&viewers[i]), 1);
		viewer_begin(&viewers[i]);
	}
	stage_await(stage, &counts[UI_VNC_INITIALIZED], UI_VNC_VIEWERS);
	while (ui_vnc_next_viewer(stage->vnc, &at))
		n++;
	assert_int_equal(n, UI_VNC_VIEWERS);
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++)
		viewer_leave(&viewers[i]);
	stage_await(stage, &counts[UI_VNC_DISCONNECTED], UI_VNC_VIEWERS);
	viewer_make(&late, stage);
	viewer_see(&late);
	viewer_leave(&late);
	ui_vnc_unobserve(&observer);
}

/* Those who behave badly */

/* Its thread waits, and nobody else: neither another viewer nor the end. */
static void never_reads(void **state)
{
	struct stage *stage = *state;
	struct viewer deaf, viewer;
	int waiting = 0, before = -1;

	stage_show(stage, 2560, 1600, 0x112233);
	viewer_make(&deaf, stage);
	/* Until nothing more fits. */
	while (waiting != before) {
		before = waiting;
		viewer_ask(&deaf, false);
		for (int i = 0; i < 50; i++)
			stage_rest(stage);
		assert_int_equal(ioctl(deaf.fd, FIONREAD, &waiting), 0);
	}
	viewer_make(&viewer, stage);
	viewer_see(&viewer);
	viewer_leave(&viewer);
	ui_vnc_close(stage->vnc);
	stage->vnc = NULL;
	viewer_leave(&deaf);
}

/* Half a message, text of 4 GiB, sizes of nothing, what is no message at all. */
static void nonsense(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} said[] = {
		{ "\6\0\0\0\xff\xff\xff\xffhello", 13 },
		{ "\6\0\0\0\x7f\xff\xff\xff", 8 },
		{ "\0\0\0\0\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7", 20 },
		{ "\10\0\0\0", 4 },
		{ "\17\377\0\0", 4 },
		{ "\2\0\377\377\0\0", 6 },
		{ "\3\0\377\377\377\377\377\377\377\377", 10 },
		{ "\373\0\377\377\377\377\377\0", 8 },
		{ "\377\1\0\0", 4 },
		{ "\7\1\2\3\4\5\6\7\10\11\12\13", 12 },
		{ "\13\0\0\0\377\377\377\0", 8 },
		{ "\254garbage", 8 },
	};
	struct stage *stage = *state;
	struct viewer viewer, good;

	viewer_make(&good, stage);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		viewer_make(&viewer, stage);
		viewer_can(&viewer, EXTENDED_KEYS);
		viewer_say(&viewer, said[i].bytes, said[i].len);
		viewer_see(&good);
		viewer_leave(&viewer);
	}
	for (size_t i = 0; i < 20; i++) {
		viewer_knock(&viewer, stage);
		viewer_say(&viewer, "RFB 003.008\n\1\1\3\1\0\0\0\0", i);
		viewer_see(&good);
		viewer_leave(&viewer);
	}
	viewer_leave(&good);
}

/* A browser's connection where nobody asked for one. */
static void browser(void **state)
{
	static const char request[] =
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
		"Sec-WebSocket-Version: 13\r\nOrigin: http://x\r\n"
		"Sec-WebSocket-Protocol: binary\r\n\r\n";
	struct viewer viewer;
	char text[4096];
	size_t n = 0;

	viewer_knock(&viewer, *state);
	viewer_say(&viewer, request, sizeof(request) - 1);
	while (n < sizeof(text) && viewer_read(&viewer, text + n, 1))
		n++;
	/* It hangs up, and what it may have said first is a greeting at most. */
	assert_true(n < 300);
	viewer_leave(&viewer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(picture),
		TEST(changes),
		TEST(all_anew),
		TEST(at_rest),
		TEST(resize),
		TEST(resize_ignored),
		TEST(resize_scaled),
		TEST(no_chip),
		TEST(keys),
		TEST(mouse),
		cmocka_unit_test_setup_teardown(password, setup_password, teardown),
		TEST(too_many),
		TEST(never_reads),
		TEST(nonsense),
		TEST(browser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
