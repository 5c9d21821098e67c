# SPDX-License-Identifier: GPL-2.0-or-later
# What surrounds the build: packages, checks, measurements, installation.

JOBS ?= $(shell nproc)

# Packages from Debian, listed with their reasons in tools/debian-packages, and a CRIU that runs on this kernel. WITHOUT_CRIU=1 leaves the latter out:
# all works but suspending and live migration.
deps:
	@tools/deps build run test
ifneq ($(WITHOUT_CRIU),1)
	@tools/criu $(CRIU_DIR) || echo 'deps: going on without CRIU: guests cannot be suspended or migrated live'
endif
deps-criu:
	@tools/criu $(CRIU_DIR)
deps-lint:
	@tools/deps build lint
deps-bench:
	@tools/deps build run bench

.PHONY: deps deps-criu deps-lint deps-bench

# Side by side with other runtimes, in one run; Markdown on stdout.
BENCH_SRC := tests/bench/bench.c tests/bench/measure.c tests/bench/report.c
$(BUILD)/tests/bench/bench: $(patsubst %.c,$(BUILD)/%.o,$(BENCH_SRC))
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^
$(BUILD)/tests/bench/floor: $(BUILD)/tests/bench/floor.o
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^
bench-programs: $(BUILD)/tests/bench/bench $(BUILD)/tests/bench/floor

# tools/lint has the list of checks, .clang-tidy the rules. FILES='a.c b.h' looks at some files only.
LINT_FLAGS = $(patsubst -I%,-I$(CURDIR)/%,$(filter-out -D_FORTIFY_SOURCE=2,$(CPPFLAGS)) -Itests/unit) -std=gnu17
$(BUILD)/compile_flags.txt: Makefile mk/tooling.mk
	@mkdir -p $(@D)
	@printf '%s\n' $(LINT_FLAGS) > $@
lint: deps-lint $(BUILD)/compile_flags.txt $(BUILD)/gen/seccomp_filter.h
	@tools/lint $(BUILD) $(FILES)
.PHONY: lint bench-programs
