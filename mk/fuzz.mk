# SPDX-License-Identifier: GPL-2.0-or-later
# make fuzz FUZZ=unpack_extract [FUZZ_SECONDS=60]: tests/fuzz/fuzz_FOLDER_WHAT.c by libFuzzer (clang). What it finds, and the corpus, stays in
# the build folder; inputs worth keeping go to tests/fuzz/corpus/FOLDER_WHAT/.
FUZZ_BUILD   := $(BUILD)/fuzz
FUZZ_SECONDS ?= 60
fuzz_folder   = $(firstword $(subst _, ,$*))

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $$(ARCHIVES_$$(fuzz_folder))
	$(call say,LD,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(ARCHIVES_$(fuzz_folder)) $(LINK_$(fuzz_folder))

fuzz:
	$(MAKE) BUILD=$(FUZZ_BUILD) CC=clang FORTIFY= OPT='-O1 -g' WARN=-Wall \
		SANITIZE='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all' $(FUZZ_BUILD)/fuzz_$(FUZZ)
	@mkdir -p $(FUZZ_BUILD)/corpus/$(FUZZ) tests/fuzz/corpus/$(FUZZ)
	$(FUZZ_BUILD)/fuzz_$(FUZZ) -max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=$(FUZZ_BUILD)/ \
		$(FUZZ_BUILD)/corpus/$(FUZZ) tests/fuzz/corpus/$(FUZZ)

.PHONY: fuzz

# What every target said to its corpus once, it must say again: run by `make check-unit`.
REPLAY_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/unit/fuzz/test_%,$(wildcard tests/fuzz/fuzz_*.c))

$(BUILD)/tests/unit/fuzz/test_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c tests/fuzz/fuzz_place.h $$(ARCHIVES_$$(fuzz_folder))
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -DCORPUS='"$(CURDIR)/tests/fuzz/corpus/$*"' -o $@ $< tests/fuzz/replay.c \
		$(ARCHIVES_$(fuzz_folder)) $(LINK_$(fuzz_folder))
unit-programs: $(REPLAY_BIN)
