# SPDX-License-Identifier: GPL-2.0-or-later
#
#   make             build
#   make deps        install what building and testing need, from Debian (as root)
#   make check       all tests on this machine (as root); make check-unit needs no root
#   make check-hosts the same suite on whole Debian hosts under QEMU (as root)
#   make demo        from nothing to a running Debian guest (as root)
#   make lint bench install

VERSION    := 0.1.0
PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/ctctl
DATADIR    ?= $(PREFIX)/share/ctctl
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= /lib/systemd/system
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions

# CRIU as `make deps` provides it: a link to Debian's, or one built here.
CRIU_DIR   ?= $(LIBEXECDIR)/criu

CC         ?= gcc
BUILD      ?= build
OPT        ?= -O2 -g
WARN       := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wconversion \
	      -Wno-sign-conversion -Wswitch-enum -Werror
HARDEN     := -fstack-protector-strong -fPIE
FORTIFY    ?= -D_FORTIFY_SOURCE=2
CPPFLAGS   += -I. -I$(BUILD)/gen -isystem /usr/include/libnl3 -D_GNU_SOURCE -DCTCTL_VERSION='"$(VERSION)"' -DCTCTL_LIBEXECDIR='"$(LIBEXECDIR)"' \
	      -DCTCTL_SBINDIR='"$(SBINDIR)"' \
	      -DCTCTL_DATADIR='"$(DATADIR)"' -DCTCTL_CRIU='"$(CRIU_DIR)/criu"' $(FORTIFY)
CFLAGS     += -std=gnu17 $(OPT) $(WARN) $(HARDEN) -fno-common $(SANITIZE)
LDFLAGS    += -pie -Wl,-z,relro,-z,now,--as-needed $(SANITIZE)

# Small libraries that every command would load are linked in where their archives are installed (they are with Debian's -dev packages): 0.3 ms of each `exec` and `start`
# otherwise (docs/BENCHMARKS.md). DYNAMIC=1 links them as usual, for a distribution's package.
archive_of = $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a))
small      = $(foreach l,$(1),$(if $(DYNAMIC),-l$(l),$(or $(call archive_of,$(l)),-l$(l))))

# What each folder may use: itself and what is below it. The order is the link order; a call that goes up does not link.
LIBS_base      := $(call small,inih json-c)
LIBS_netns     := $(call small,nl-route-3 nl-3)
LIBS_storage   :=
LIBS_templates := $(call small,md)
# Since version 3 (Debian 13) a static libcgroup would want a static libsystemd, which Debian does not have.
LIBS_runtime   := $(if $(wildcard /usr/lib/*/libcgroup.so.3),-lcgroup,$(call small,cgroup)) $(call small,cap)
LIBS_cmd       := -lsmartcols
LIBS_unpack    := -larchive -lseccomp -lcap

SRC_base      := $(wildcard base/*.c)
SRC_netns     := $(wildcard netns/*.c)
SRC_storage   := $(wildcard storage/*.c)
SRC_templates := $(wildcard templates/*.c)
SRC_unpack    := $(wildcard templates/unpack/*.c)
SRC_runtime   := $(wildcard runtime/*.c runtime/container/*.c runtime/checkpoint/*.c)
SRC_monitor   := $(wildcard runtime/monitor/*.c)
SRC_cmd       := $(filter-out cmd/main.c,$(wildcard cmd/*.c))

FOLDERS := base netns storage templates runtime cmd unpack monitor
obj      = $(patsubst %.c,$(BUILD)/%.o,$(SRC_$(1)))
lib      = $(BUILD)/lib$(1).a

ARCHIVES_base      := $(call lib,base)
ARCHIVES_netns     := $(call lib,netns) $(ARCHIVES_base)
ARCHIVES_storage   := $(call lib,storage) $(ARCHIVES_base)
ARCHIVES_templates := $(call lib,templates) $(ARCHIVES_base)
ARCHIVES_unpack    := $(call lib,unpack) $(ARCHIVES_base)
ARCHIVES_runtime   := $(call lib,runtime) $(call lib,netns) $(call lib,storage) $(call lib,templates) $(ARCHIVES_base)
ARCHIVES_cmd       := $(call lib,cmd) $(ARCHIVES_runtime)

LINK_base      := $(LIBS_base)
LINK_netns     := $(LIBS_netns) $(LIBS_base)
LINK_storage   := $(LIBS_storage) $(LIBS_base)
LINK_templates := $(LIBS_templates) $(LIBS_base)
LINK_unpack    := $(LIBS_unpack) $(LIBS_base)
LINK_runtime   := $(LIBS_runtime) $(LIBS_netns) $(LIBS_storage) $(LIBS_templates) $(LIBS_base)
LINK_cmd       := $(LIBS_cmd) $(LINK_runtime)

PROGRAMS := $(BUILD)/ctctl $(BUILD)/ctctl-monitor $(BUILD)/ctctl-unpack

.DEFAULT_GOAL := all
.SECONDARY:
all: $(PROGRAMS)

# Command lines are shown by what they do; V=1 shows them whole.
ifeq ($(V),1)
  say =
else
  say = @printf '  %-5s %s\n' $(1) '$(2)';
endif

define folder_rules
$(call lib,$(1)): $(call obj,$(1))
	$$(call say,AR,$$@)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/ctctl: $(BUILD)/cmd/main.o $(ARCHIVES_cmd)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $< $(ARCHIVES_cmd) $(LINK_cmd)

$(BUILD)/ctctl-unpack: $(ARCHIVES_unpack)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ -Wl,--whole-archive $(call lib,unpack) -Wl,--no-whole-archive $(ARCHIVES_base) $(LINK_unpack)

# One stays resident per guest: static, so that its private memory is its own stack and data and nothing of a dynamic loader.
$(BUILD)/ctctl-monitor: $(call lib,monitor)
	$(call say,LD,$@)$(CC) -static-pie -Wl,-z,relro,-z,now -o $@ -Wl,--whole-archive $< -Wl,--no-whole-archive

# The system call filter is compiled once, here, from its table.
$(BUILD)/gen/seccomp_filter.h: $(BUILD)/seccomp_compile
	@mkdir -p $(@D)
	$(call say,GEN,$@)$< > $@.new && mv $@.new $@
$(BUILD)/seccomp_compile: runtime/container/seccomp/compile.c $(wildcard runtime/container/seccomp/*.def runtime/container/seccomp/*.h)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -lseccomp
$(BUILD)/runtime/container/seccomp.o: $(BUILD)/gen/seccomp_filter.h

# Unit tests: tests/unit/FOLDER/test_X.c links FOLDER and what is below it, under the address and undefined behaviour sanitizers.
ASAN_BUILD := $(BUILD)/asan
UNIT_SRC   := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN   := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))
unit_folder = $(word 1,$(subst /, ,$*))

.SECONDEXPANSION:
$(BUILD)/tests/unit/%: tests/unit/%.c tests/unit/unit.h $$(ARCHIVES_$$(unit_folder))
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(ARCHIVES_$(unit_folder)) -lcmocka $(LINK_$(unit_folder))

# The tests of templates/ run the unpacker itself.
unit-programs: $(UNIT_BIN) $(BUILD)/ctctl-unpack
check-unit:
	$(MAKE) BUILD=$(ASAN_BUILD) FORTIFY= OPT='-O1 -g' SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' unit-programs
	@tests/run-unit $(ASAN_BUILD)/tests/unit

include mk/tooling.mk
include mk/fuzz.mk
include mk/hosts.mk

# The README's first command: what is needed from Debian, the build, a Debian template, a guest, and what to type next.
demo:
	$(MAKE) deps
	$(MAKE) all
	tools/demo $(BUILD)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all clean demo check-unit unit-programs
