# SPDX-License-Identifier: MIT
# A thin door over meson: every target first sees to the packages it needs.
#
#   make            build the program: build/coalport
#   make run        build, boot SeaBIOS and GRUB from a disk made here, show what coalescing saved
#   make demo       a machine in a browser: SeaBIOS, or the floppy disk DOS=FILE
#   make test       every check there is, in all configurations; ends with a line of counts
#   make bench      measure; with the floppy disk DOS=FILE, FreeDOS too
#   make fuzz       run each fuzz target FUZZ_SECONDS long (60), or FUZZ_RUNS times
#   make soak       repeat the seeded tests with new seeds until interrupted
#   make install    install under PREFIX (/usr/local), below DESTDIR
#   make format     bring the sources into the house style
#   make lint       the checks that only read the source
#   make clean      remove everything that was built

BUILD    = build
PREFIX   = /usr/local
PACKAGES = sh scripts/install-packages.sh

# Packages come first: nothing may run beside them.
.NOTPARALLEL:
.PHONY: all run demo test bench fuzz soak install format lint clean

all:
	@$(PACKAGES) run
	@scripts/build.sh $(BUILD) release

run: all
	@scripts/run.sh $(BUILD)

demo:
	@$(PACKAGES) demo
	@scripts/build.sh $(BUILD) release
	@scripts/demo.sh $(BUILD) $(DOS)

test:
	@$(PACKAGES) test
	@scripts/test.sh

bench: all
	@[ -z "$(DOS)" ] || sh scripts/make-legacy-disks.sh $(BUILD)/bench/suite "$(DOS)"
	@meson test -C $(BUILD) --benchmark --verbose --num-processes 1 -t 0

fuzz:
	@$(PACKAGES) test
	@scripts/fuzz.sh

soak:
	@$(PACKAGES) test
	@scripts/soak.sh

install: all
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@meson install -C $(BUILD)

format:
	@$(PACKAGES) test
	@scripts/lint.sh fix .

lint:
	@$(PACKAGES) test
	@scripts/build.sh build-clang clang
	@meson test -C build-clang --suite lint --print-errorlogs

clean:
	rm -rf build build-*
