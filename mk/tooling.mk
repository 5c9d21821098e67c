# SPDX-License-Identifier: GPL-2.0-or-later
# What surrounds the build: packages, checks, measurements, installation.

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
$(BUILD)/tests/bench/rr: $(BUILD)/tests/bench/rr.o
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^
$(BUILD)/tests/bench/rootat: $(BUILD)/tests/bench/rootat.o $(ARCHIVES_storage)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(LINK_storage)
# The client of redis that the tests have.
$(BUILD)/tests/bench/client: tests/integration/work/client.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -static -Wall -Wextra -O1 -D_GNU_SOURCE -o $@ $<
bench-programs: $(addprefix $(BUILD)/tests/bench/,bench floor rr rootat client)

# tools/lint has the list of checks, .clang-tidy the rules. FILES='a.c b.h' looks at some files only.
LINT_FLAGS = $(patsubst -I%,-I$(CURDIR)/%,$(filter-out -D_FORTIFY_SOURCE=2,$(CPPFLAGS)) -Itests/unit) -DCORPUS='"tests/fuzz/corpus"' -std=gnu17
$(BUILD)/compile_flags.txt: Makefile mk/tooling.mk
	@mkdir -p $(@D)
	@printf '%s\n' $(LINT_FLAGS) > $@
lint: deps-lint $(BUILD)/compile_flags.txt $(BUILD)/gen/seccomp_filter.h
	@tools/lint $(BUILD) $(FILES)
.PHONY: lint bench-programs

bench: all bench-programs deps-bench
	@tests/bench/run $(BUILD) $(RUNS)
# What the network of a guest costs.
bench-network: all bench-programs deps-bench
	@tests/bench/network $(BUILD) $(RUNS)

# The manual page and the completion are made by the program, from its own tables.
$(BUILD)/ctctl.8: $(BUILD)/ctctl
	$(call say,GEN,$@)$< __man > $@.new && mv $@.new $@
$(BUILD)/ctctl.completion: $(BUILD)/ctctl
	$(call say,GEN,$@)$< __completion > $@.new && mv $@.new $@
$(BUILD)/%.service: mk/%.service.in
	$(call say,GEN,$@)sed 's|@SBINDIR@|$(SBINDIR)|' $< > $@.new && mv $@.new $@

RECIPES := $(wildcard templates/recipes/*.recipe)
UNITS := ctctl.service ctctl-traffic.service ctctl-traffic.timer
INSTALLED = $(SBINDIR)/ctctl $(LIBEXECDIR)/ctctl-monitor $(LIBEXECDIR)/ctctl-unpack $(MANDIR)/man8/ctctl.8 $(COMPDIR)/ctctl \
	    $(addprefix $(UNITDIR)/,$(UNITS)) $(patsubst templates/%,$(DATADIR)/%,$(RECIPES))

# A program is replaced by a new file, never overwritten: monitors of running guests go on with the old one.
install: all $(BUILD)/ctctl.8 $(BUILD)/ctctl.completion $(BUILD)/ctctl.service $(BUILD)/ctctl-traffic.service
	install -D -m 755 $(BUILD)/ctctl $(DESTDIR)$(SBINDIR)/ctctl
	install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR) $(BUILD)/ctctl-monitor $(BUILD)/ctctl-unpack
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/recipes $(RECIPES)
	install -D -m 644 $(BUILD)/ctctl.8 $(DESTDIR)$(MANDIR)/man8/ctctl.8
	install -D -m 644 $(BUILD)/ctctl.completion $(DESTDIR)$(COMPDIR)/ctctl
	install -D -m 644 -t $(DESTDIR)$(UNITDIR) $(BUILD)/ctctl.service $(BUILD)/ctctl-traffic.service mk/ctctl-traffic.timer
	@[ -n '$(DESTDIR)' ] || echo 'installed; to start guests with the host and count their traffic: systemctl enable --now ctctl'

# Guests, templates and settings stay, and so does CRIU, which `make deps` brought.
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	@rmdir $(DESTDIR)$(DATADIR)/recipes $(DESTDIR)$(DATADIR) $(DESTDIR)$(LIBEXECDIR) 2>/dev/null || :

# What a suspend followed by a resume costs.
bench-suspend: all bench-programs deps-bench
	@tests/bench/suspend $(BUILD) $(RUNS)
.PHONY: bench bench-network bench-suspend install uninstall

# All tests on this machine, as root: packages, build, unit tests, integration tests. HOSTS=all: and on the test hosts (mk/hosts.mk).
HOSTS ?=
check:
	+@MAKE='$(MAKE)' HOSTS='$(HOSTS)' tests/run-all
.PHONY: check
