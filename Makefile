# Bulkhead. `make help` lists the targets.
#
# One non-recursive makefile; everything built lands in build/<variant>/, generated code included.
# Variants: SANITIZE=address,undefined  COVERAGE=1  FUZZ=1. Yours: CC, CFLAGS, LDFLAGS, WERROR=1, PREFIX, DESTDIR.

VERSION := 0.1.0
PREFIX ?= /usr/local
CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif

VARIANT := $(if $(FUZZ),fuzz,$(if $(SANITIZE),sanitize,$(if $(COVERAGE),coverage,release)))
B := build/$(VARIANT)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# --- what the system must have --------------------------------------------------------------------------------------
# demo/install-packages says what is missing, installs it with the system's package manager, and is silent when nothing is.
DEPENDENCIES := demo/install-packages

# --- flags ----------------------------------------------------------------------------------------------------------
PKGS_COMMON := libprotobuf-c
PKGS_BROKER := libpng libseccomp libdw jansson
PKGS_RENDERER := libseccomp
pkg = $(shell pkg-config $(1) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion -Wno-sign-conversion \
	-Wno-missing-field-initializers $(if $(WERROR),-Werror)
CPPFLAGS_ALL := -D_GNU_SOURCE -DBULKHEAD_VERSION='"$(VERSION)"' -DBULKHEAD_LIBEXEC='"$(PREFIX)/libexec/bulkhead"' \
	-I. -I$(B)/proto $(call pkg,--cflags $(PKGS_COMMON) $(PKGS_BROKER))
# Frame pointers keep the crash handler's frame walk honest; -z now leaves nothing for the dynamic linker to open later.
CFLAGS_ALL := -std=gnu11 -O2 -g -fno-omit-frame-pointer -fstack-protector-strong -fPIE -pthread $(WARNINGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now -pthread
ifneq ($(SANITIZE),)
CFLAGS_ALL += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -DBULKHEAD_SANITIZED=1
LDFLAGS_ALL += -fsanitize=$(SANITIZE)
else ifeq ($(FUZZ),)
CPPFLAGS_ALL += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
ifneq ($(COVERAGE),)
CFLAGS_ALL += --coverage
LDFLAGS_ALL += --coverage
endif
ifneq ($(FUZZ),)
CFLAGS_ALL += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DBULKHEAD_SANITIZED=1
LDFLAGS_ALL += -fsanitize=address,undefined
endif

LIBS_COMMON := $(call pkg,--libs $(PKGS_COMMON))
LIBS_BROKER := $(call pkg,--libs $(PKGS_BROKER)) -lm
# Debian 12's mupdf.pc omits harfbuzz; later ones ship a shared library that needs none of it.
LIBS_MUPDF = $(if $(wildcard /usr/lib/libmupdf.a /usr/lib/*/libmupdf.a),-Wl$(comma)--wrap=fz_open_directory $(call pkg,--static --libs mupdf) -lharfbuzz,$(call pkg,--libs mupdf)) -lm
LIBS_RENDERER = $(call pkg,--libs $(PKGS_RENDERER)) $(LIBS_MUPDF)
comma := ,

# --- sources --------------------------------------------------------------------------------------------------------
PROTO := $(wildcard proto/*.proto)
PROTO_C := $(PROTO:proto/%.proto=$(B)/proto/%.pb-c.c)
PROTO_H := $(PROTO_C:.c=.h)
COMMON_C := $(wildcard common/*.c)
BROKER_C := $(filter-out broker/main.c,$(wildcard broker/*.c))
RENDERER_C := $(filter-out renderer/main.c,$(wildcard renderer/*.c))
DEMO_C := $(wildcard demo/*.c)
SUPPORT_C := $(wildcard tests/support/*.c)
UNIT_C := $(wildcard tests/unit/*.c)
INTEGRATION_C := $(wildcard tests/integration/*.c)
FUZZ_C := $(wildcard tests/fuzz/*.c)
BENCH_C := $(wildcard tests/bench/*.c)

objects = $(patsubst %.c,$(B)/%.o,$(1))
LIB_PROTO := $(B)/libproto.a
LIB_COMMON := $(B)/libcommon.a
LIB_BROKER := $(B)/libbroker.a
LIB_RENDERER := $(B)/librenderer.a
LIB_SUPPORT := $(B)/libsupport.a

BULKHEAD := $(B)/bulkhead
RENDERER := $(B)/bulkhead-renderer
DEMO := $(if $(DEMO_C),$(B)/bulkhead-demo)
UNIT := $(UNIT_C:tests/%.c=$(B)/tests/%)
INTEGRATION := $(INTEGRATION_C:tests/%.c=$(B)/tests/%)
BENCH := $(BENCH_C:tests/%.c=$(B)/tests/%)
FUZZERS := $(FUZZ_C:tests/%.c=$(B)/tests/%)

.PHONY: all
all: $(BULKHEAD) $(RENDERER) $(DEMO) ## build the programs

# --- rules ----------------------------------------------------------------------------------------------------------
$(B)/proto/%.pb-c.c $(B)/proto/%.pb-c.h &: proto/%.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=proto --c_out=$(B)/proto $<

# protobuf-c's code is not ours to warn about.
$(B)/proto/%.pb-c.o: $(B)/proto/%.pb-c.c
	$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) -w $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: %.c | $(PROTO_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_PROTO): $(PROTO_C:.c=.o)
$(LIB_COMMON): $(call objects,$(COMMON_C))
$(LIB_BROKER): $(call objects,$(BROKER_C))
$(LIB_RENDERER): $(call objects,$(RENDERER_C))
$(LIB_SUPPORT): $(call objects,$(SUPPORT_C))
$(B)/lib%.a:
	@rm -f $@
	$(AR) rcs $@ $^

link = $(CC) $(LDFLAGS_ALL) -o $@ $(1) $(LDFLAGS)

$(BULKHEAD): $(B)/broker/main.o $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_BROKER) $(LIBS_COMMON))

$(RENDERER): $(B)/renderer/main.o $(LIB_RENDERER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_RENDERER) $(LIBS_COMMON))

$(B)/bulkhead-demo: $(call objects,$(DEMO_C)) $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_BROKER) $(LIBS_COMMON))

# A unit test may reach into one side; the archives hand over only what it names.
$(UNIT) $(INTEGRATION) $(BENCH): $(B)/tests/%: $(B)/tests/%.o $(LIB_SUPPORT) $(LIB_BROKER) $(LIB_RENDERER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ -lcmocka $(LIBS_BROKER) $(LIBS_RENDERER) $(LIBS_COMMON))

-include $(shell find $(B) -name '*.d' 2>/dev/null)
