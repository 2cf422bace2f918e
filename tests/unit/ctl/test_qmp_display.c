// SPDX-License-Identifier: MIT
/* Commands about the picture and those who see it. */
#include <png.h>

#include "ctl/qmp.h"
#include "rig.h"

#define EMPTY         "{\"return\":{}}\r\n"
#define GENERIC(desc) "{\"error\":{\"class\":\"GenericError\",\"desc\":\"" desc "\"}}\r\n"

struct fixture {
	struct rig rig;
	struct ui_vnc *vnc;
	struct ctl_qmp qmp;
	char file[64], request[256];
};

static void draw(void *arg)
{
	struct screen *screen = arg;
	const struct screen_rect all = { .width = 3, .height = 2 };
	static const uint32_t pixels[] = { 0xff0000, 0x00ff00, 0x0000ff, 0x010203, 0xffffff, 0 };

	assert_int_equal(screen_resize(screen, 3, 2), 0);
	memcpy(screen->pixels, pixels, sizeof(pixels));
	screen_changed(screen, &all);
}

static int make(void **state, bool vnc, bool password)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct machine *machine;
	struct error err;
	char path[64];

	assert_non_null(f);
	rig_make(&f->rig, (struct pc_options){ .ram = 0 });
	rig_serve(&f->rig);
	machine = &f->rig.pc.machine;
	machine->screen.draw = draw;
	machine->screen.arg = &machine->screen;
	snprintf(f->file, sizeof(f->file), "%s/picture", f->rig.dir);
	snprintf(path, sizeof(path), "%s/vnc", f->rig.dir);
	if (vnc &&
	    ui_vnc_open(&f->vnc, machine,
			&(struct ui_vnc_options){ .path = path, .password = password }, &err))
		fail_msg("%s", err.text);
	assert_int_equal(ctl_qmp_init(&f->qmp, machine, f->vnc, f->rig.chardev), 0);
	rig_connect(&f->rig);
	rig_hear(&f->rig);
	rig_expect(&f->rig, "{'execute':'qmp_capabilities'}", EMPTY);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return make(state, false, false);
}

static int setup_vnc(void **state)
{
	return make(state, true, true);
}

static int setup_open(void **state)
{
	return make(state, true, false);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ctl_qmp_destroy(&f->qmp);
	ui_vnc_close(f->vnc);
	unlink(f->file);
	rig_end(&f->rig);
	free(f);
	return 0;
}

static void dump(struct fixture *f, const char *format, const char *hear)
{
	snprintf(f->request, sizeof(f->request),
		 "{'execute':'screendump','arguments':{'filename':'%s'%s}}", f->file, format);
	rig_expect(&f->rig, f->request, hear);
}

static size_t content(struct fixture *f, void *to, size_t size)
{
	FILE *in = fopen(f->file, "r");
	size_t n;

	assert_non_null(in);
	n = fread(to, 1, size, in);
	fclose(in);
	return n;
}

static void ppm(void **state)
{
	static const char expected[] = "P6\n3 2\n255\n"
				       "\xff\0\0\0\xff\0\0\0\xff\1\2\3\xff\xff\xff\0\0\0";
	struct fixture *f = *state;
	char bytes[256];

	dump(f, "", EMPTY);
	assert_int_equal(content(f, bytes, sizeof(bytes)), sizeof(expected) - 1);
	assert_memory_equal(bytes, expected, sizeof(expected) - 1);
	/* In the place of what was there. */
	dump(f, ",'format':'ppm'", EMPTY);
	assert_int_equal(content(f, bytes, sizeof(bytes)), sizeof(expected) - 1);
}

static void png(void **state)
{
	static const uint8_t expected[] = { 0xff, 0, 0, 0,    0xff, 0,    0, 0, 0xff,
					    1,    2, 3, 0xff, 0xff, 0xff, 0, 0, 0 };
	png_image image = { .version = PNG_IMAGE_VERSION };
	struct fixture *f = *state;
	uint8_t pixels[sizeof(expected)];

	dump(f, ",'format':'png'", EMPTY);
	assert_true(png_image_begin_read_from_file(&image, f->file));
	assert_int_equal(image.width, 3);
	assert_int_equal(image.height, 2);
	image.format = PNG_FORMAT_RGB;
	assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
	assert_memory_equal(pixels, expected, sizeof(expected));
}

static void refused(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "{'execute':'screendump'}", GENERIC("Parameter 'filename' is missing"));
	rig_expect(&f->rig, "{'execute':'screendump','arguments':{'filename':1}}",
		   GENERIC("Invalid parameter type for 'filename', expected: string"));
	rig_expect(&f->rig, "{'execute':'screendump','arguments':{'filename':'/dev/null'}}",
		   GENERIC("/dev/null: not a regular file of its own"));
	rig_expect(&f->rig, "{'execute':'screendump','arguments':{'filename':'/no/such'}}",
		   GENERIC("/no/such: No such file or directory"));
	rig_expect(&f->rig, "{'execute':'screendump','arguments':{'filename':'/'}}",
		   GENERIC("/: is a directory"));
	dump(f, ",'format':'gif'", GENERIC("Parameter 'format' does not accept value 'gif'"));
	f->rig.pc.machine.screen.draw = NULL;
	dump(f, "", GENERIC("There is no console to take a screendump from"));
	assert_int_equal(access(f->file, F_OK), -1);
}

static void no_vnc(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "{'execute':'query-vnc'}", "{\"return\":{\"enabled\":false}}\r\n");
	rig_expect(&f->rig, "{'execute':'change-vnc-password','arguments':{'password':'x'}}",
		   GENERIC("Could not set password: there is no VNC server (-vnc)"));
}

static void vnc(void **state)
{
	struct fixture *f = *state;
	char expected[256];

	snprintf(expected, sizeof(expected),
		 "{\"return\":{\"enabled\":true,\"host\":\"\",\"service\":\"%s/vnc\","
		 "\"family\":\"unix\",\"auth\":\"vnc\",\"clients\":[]}}\r\n",
		 f->rig.dir);
	rig_expect(&f->rig, "{'execute':'query-vnc'}", expected);
	rig_expect(&f->rig, "{'execute':'change-vnc-password','arguments':{'password':'x'}}",
		   EMPTY);
	rig_expect(
		&f->rig,
		"{'execute':'set_password','arguments':{'protocol':'vnc','password':'x','connected':'keep'}}",
		EMPTY);
	rig_expect(
		&f->rig,
		"{'execute':'set_password','arguments':{'protocol':'vnc','password':'x','connected':'fail'}}",
		GENERIC("parameter 'connected' must be 'keep' when 'protocol' is 'vnc'"));
	rig_expect(&f->rig,
		   "{'execute':'set_password','arguments':{'protocol':'spice','password':'x'}}",
		   GENERIC("Parameter 'protocol' does not accept value 'spice'"));
}

static void open_vnc(void **state)
{
	struct fixture *f = *state;

	rig_expect(
		&f->rig, "{'execute':'change-vnc-password','arguments':{'password':'x'}}",
		GENERIC("Could not set password: the VNC server asks for none (-vnc ...,password=on)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ppm, setup, teardown),
		cmocka_unit_test_setup_teardown(png, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(no_vnc, setup, teardown),
		cmocka_unit_test_setup_teardown(vnc, setup_vnc, teardown),
		cmocka_unit_test_setup_teardown(open_vnc, setup_open, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
