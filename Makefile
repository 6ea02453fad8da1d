# For people: a few words over meson, which is the build. `make help` lists them.
# BUILD=dir moves the build folder; T=name picks tests or fuzz targets.
BUILD ?= build
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local
export BUILD T

C_FILES = $(shell git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'fuzz/*.[ch]')

.PHONY: all build-tests demo test check bench image install fuzz sanitize tsan lint format setup clean help
.DEFAULT_GOAL := all

all: $(BUILD)/build.ninja ## build kiln (build/kiln)
	@tools/setup build
	@ninja -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	@tools/setup build
	@meson setup $(BUILD) --prefix $(PREFIX) $(MESON_ARGS) >/dev/null

demo: all ## build an example from its Dockerfile without root or registry, and run it
	@tools/setup demo
	@tools/demo

check: build-tests ## the quick tests: unit and command line (T=name for some of them)
	@tests/run unit tools cli

test: build-tests ## every test; this is what CI runs
	@tests/run

# The test libraries come first: a folder that was configured without them has no unit tests.
build-tests:
	@tools/setup build test
	@if [ ! -e $(BUILD)/build.ninja ]; then meson setup $(BUILD) --prefix $(PREFIX) $(MESON_ARGS) >/dev/null; \
	elif ! grep -q 'test_base_' $(BUILD)/build.ninja; then meson setup --reconfigure $(BUILD) >/dev/null; fi
	@ninja -C $(BUILD) -j $(JOBS)

bench: all ## measure kiln beside its peers; writes docs/benchmarks.md
	@tools/setup bench
	@KILN=$(abspath $(BUILD))/kiln bench/run

image: all ## build kiln's own images from image/Dockerfile into build/image (T=target, PLATFORM=linux/arm64)
	@tools/setup image demo test
	@tools/image $(T)

install: all ## install kiln, its manual and completions (PREFIX=/usr/local, DESTDIR=)
	@meson install -C $(BUILD) --no-rebuild --strip

fuzz: ## fuzz each target for FUZZ_SECONDS (T=name for one)
	@tools/setup build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

sanitize: ## unit and command-line tests under address and undefined sanitizers
	@tools/setup build test
	@tools/sanitize address,undefined build-asan unit cli

tsan: ## the threaded folders' unit tests under the thread sanitizer
	@tools/setup build test
	@tools/sanitize thread build-tsan unit

lint: ## formatting, floors, clang-tidy, shellcheck
	@tools/setup build lint
	@tools/lint

format: ## format the C sources in place
	@tools/setup lint
	@clang-format -i $(C_FILES)

setup: ## install every Debian package that any target here needs
	@tools/setup build demo test lint fuzz bench

clean: ## remove the build folders
	rm -rf $(BUILD) build-asan build-tsan build-fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile
