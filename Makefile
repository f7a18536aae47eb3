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
MAKEFLAGS += --no-builtin-rules
# One short line a step; V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')
JOBS := $(shell nproc 2>/dev/null || echo 1)

# --- flags ----------------------------------------------------------------------------------------------------------
PKGS_COMMON := libprotobuf-c libseccomp
PKGS_BROKER := libpng libdw jansson nettle
PKGS_RENDERER := libseccomp
pkg = $(shell pkg-config $(1) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion -Wno-sign-conversion \
	-Wno-missing-field-initializers $(if $(WERROR),-Werror)
CPPFLAGS_ALL := -D_GNU_SOURCE -DBULKHEAD_VERSION='"$(VERSION)"' -I. -I$(B)/proto $(call pkg,--cflags $(PKGS_COMMON) $(PKGS_BROKER))
# Only the object that looks for the renderer knows where it is installed.
CPPFLAGS_LIBEXEC := -DBULKHEAD_LIBEXEC='"$(PREFIX)/libexec/bulkhead"'
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
MUPDF_IS_STATIC := $(wildcard /usr/lib/libmupdf.a /usr/lib/*/libmupdf.a)
MUPDF_WRAPPED := fz_open_directory fz_open_file fz_try_open_file fz_cleanname jpeg_std_error
LIBS_MUPDF = $(if $(MUPDF_IS_STATIC),$(MUPDF_WRAPPED:%=-Wl$(comma)--wrap=%) $(call pkg,--static --libs mupdf) -lharfbuzz,$(call pkg,--libs mupdf)) -lm
# Each shared library is five mappings that every fork copies. Those that no other library needs are linked in where
# there is an archive of them.
archive_of = $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a))
statically = $(foreach flag,$(1),$(if $(filter $(addprefix -l,$(2)),$(flag)),$(or $(call archive_of,$(flag:-l%=%)),$(flag)),$(flag)))
LIBS_RENDERER = $(call statically,$(call pkg,--libs $(PKGS_RENDERER) $(PKGS_COMMON)) $(LIBS_MUPDF),seccomp protobuf-c $(if $(MUPDF_IS_STATIC),mujs gumbo openjp2 jbig2dec jpeg))
comma := ,

# --- sources --------------------------------------------------------------------------------------------------------
PROTO := $(wildcard proto/*.proto)
PROTO_C := $(PROTO:proto/%.proto=$(B)/proto/%.pb-c.c)
PROTO_H := $(PROTO_C:.c=.h)
COMMON_C := $(wildcard common/*.c)
BROKER_C := $(filter-out broker/main.c,$(wildcard broker/*.c broker/*/*.c))
RENDERER_C := $(filter-out renderer/main.c,$(wildcard renderer/*.c renderer/cell/*.c renderer/engine/*.c))
ATTACK_C := $(wildcard renderer/attack/*.c)
DEMO_C := $(wildcard demo/*.c)
LAB_C := $(wildcard demo/lab/*.c demo/lab/mechanisms/*.c)
# Linked as objects: what has a main() of its own, and what no test has to ask for.
SUPPORT_C := $(filter-out %_main.c %/state_home.c,$(wildcard tests/support/*.c))
STATE_HOME := $(B)/tests/support/state_home.o
UNIT_C := $(wildcard tests/unit/*.c)
INTEGRATION_C := $(wildcard tests/integration/*.c)
FUZZ_C := $(wildcard tests/fuzz/*.c)
INBOUND_C := $(wildcard tests/fuzz/inbound/*.c)
BENCH_C := $(wildcard tests/bench/*.c)

objects = $(patsubst %.c,$(B)/%.o,$(1))
LIB_PROTO := $(B)/libproto.a
LIB_COMMON := $(B)/libcommon.a
LIB_BROKER := $(B)/libbroker.a
LIB_RENDERER := $(B)/librenderer.a
LIB_ATTACK := $(B)/libattack.a
LIB_SUPPORT := $(B)/libsupport.a

BULKHEAD := $(B)/bulkhead
RENDERER := $(B)/bulkhead-renderer
ATTACKER := $(B)/bulkhead-attacker
DEMO := $(if $(DEMO_C),$(B)/bulkhead-demo)
LAB := $(B)/bulkhead-lab
UNIT := $(UNIT_C:tests/%.c=$(B)/tests/%)
INTEGRATION := $(INTEGRATION_C:tests/%.c=$(B)/tests/%)
BENCH := $(BENCH_C:tests/%.c=$(B)/tests/%)
HOSTILE := $(B)/tests/hostile-renderer
ALONE := $(B)/tests/attack-alone
CONTAINER := $(B)/tests/in-container
FUZZERS := $(FUZZ_C:tests/%.c=$(B)/tests/%)
REPLAYS := $(FUZZ_C:tests/fuzz/fuzz_%.c=$(B)/tests/replay/%)
RECORDED := $(B)/tests/replay-recording

.PHONY: all
all: $(BULKHEAD) $(RENDERER) $(ATTACKER) $(DEMO) $(LAB) ## build the programs
.PHONY: FORCE
FORCE:

# --- for people -----------------------------------------------------------------------------------------------------
# demo and test begin on a bare machine: what they need is installed first, then a second make sees it.
.PHONY: demo test check bench install uninstall clean help packages
demo: ## install what is missing, build, and show what Bulkhead does (under 30 s; ARGS=--interactive to stay)
	@.ci/install-packages build
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(B)/bulkhead-demo --pages demo/pages --out $(B)/demo $(ARGS)

test: ## install what is missing, build, and run every test (as an ordinary user too, when you are root)
	@.ci/install-packages test
	@$(MAKE) --no-print-directory -j$(JOBS) all tests
	@$(MAKE) --no-print-directory check

.PHONY: tests
tests: $(UNIT) $(INTEGRATION) $(REPLAYS) $(RECORDED) $(HOSTILE) $(CONTAINER) ## build the tests

check: ## run the tests that are built; TESTS="test_codec ..." for some of them
	@tests/support/run-tests $(B) unit fuzz integration integration-as-nobody

.PHONY: benches
benches: all $(BENCH) $(ALONE) $(HOSTILE) ## build the benchmarks
bench: ## build and run the benchmarks: medians, and ratios against peers measured in the same run
	@.ci/install-packages test
	@$(MAKE) --no-print-directory -j$(JOBS) benches
	@for program in $(BENCH); do BULKHEAD_BUILD=$(CURDIR)/$(B) $$program || exit 1; done
	@$(LAB) bench

BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBEXECDIR := $(DESTDIR)$(PREFIX)/libexec/bulkhead
MANDIR := $(DESTDIR)$(PREFIX)/share/man
MAN1 := $(wildcard demo/man/*.1)
MAN5 := $(wildcard demo/man/*.5)
install: all ## install below PREFIX (/usr/local), DESTDIR honoured
	install -d $(BINDIR) $(LIBEXECDIR) $(MANDIR)/man1 $(MANDIR)/man5
	install -m 755 $(BULKHEAD) $(BINDIR)/bulkhead
	install -m 755 $(LAB) $(BINDIR)/bulkhead-lab
	install -m 755 $(RENDERER) $(LIBEXECDIR)/bulkhead-renderer
	install -m 755 $(ATTACKER) $(LIBEXECDIR)/bulkhead-attacker
	$(if $(MAN1),install -m 644 $(MAN1) $(MANDIR)/man1/)
	$(if $(MAN5),install -m 644 $(MAN5) $(MANDIR)/man5/)

uninstall: ## remove what install put there
	rm -f $(BINDIR)/bulkhead $(BINDIR)/bulkhead-lab $(LIBEXECDIR)/bulkhead-renderer $(LIBEXECDIR)/bulkhead-attacker \
		$(addprefix $(MANDIR)/man1/,$(notdir $(MAN1))) \
		$(addprefix $(MANDIR)/man5/,$(notdir $(MAN5)))
	-@rmdir $(LIBEXECDIR) 2>/dev/null || true

clean: ## remove everything that was built
	rm -rf build compile_commands.json

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- for developers -------------------------------------------------------------------------------------------------
.PHONY: check-layers check-format format check-static check-policy check-attack fuzzers fuzz-smoke
check-policy: all tests $(B)/tests/check-policy ## whether renderers may make the calls they need and no other (CORPUS=DIR)
	@tests/support/check-policy $(B) $(or $(CORPUS),../shared/corpus)
$(B)/tests/check-policy: $(B)/tests/support/check_policy_main.o $(LIB_SUPPORT) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_COMMON))
check-attack: all ## attacks without each layer in turn: half an hour (LAYERS="seccomp none")
	@tests/support/attack-matrix $(B) $(LAYERS)
# reaches UP,FILES,WHOSE: whether none of the files includes anything that begins with one of these names.
reaches = @! grep -nE '\#include "($(subst $() ,|,$(1)))' $(2) || { echo '$(3)'; exit 1; }
# What the broker's processes are, and what is made of them.
BROKER_MACHINE := $(filter-out broker/main.c,$(wildcard $(addprefix broker/,*.[ch] document/*.[ch] crash/*.[ch] limits/*.[ch] trace/*.[ch])))
BROKER_USES := broker/observe/ broker/attack/ broker/output/ broker/command/ broker/viewer/
check-layers: ## includes run proto <- common <- broker | renderer, and the last two never include each other
	$(call reaches,broker/ renderer/ demo/ tests/,common/*.[ch],common reaches upwards)
	$(call reaches,renderer/ demo/ tests/,$(wildcard broker/*.[ch] broker/*/*.[ch]),broker reaches sideways)
	$(call reaches,$(BROKER_USES),$(BROKER_MACHINE),the broker reaches for its users)
	$(call reaches,broker/ demo/ tests/,$(wildcard renderer/*.[ch] renderer/*/*.[ch]),renderer reaches sideways)
	$(call reaches,renderer/attack/,$(wildcard renderer/*.[ch] renderer/cell/*.[ch] renderer/engine/*.[ch]),the renderer reaches for the attacker)
	$(call reaches,renderer/engine/ renderer/session,$(wildcard renderer/cell/*.[ch]),the cell knows what runs in it)
	@! grep -nE 'mupdf/' $(filter common/% broker/% demo/%,$(SOURCES)) || { echo 'MuPDF outside the renderer'; exit 1; }
	@echo 'layers hold'

SOURCES := $(wildcard common/*.[ch] broker/*.[ch] broker/*/*.[ch] renderer/*.[ch] renderer/*/*.[ch] demo/*.[ch] demo/lab/*.[ch] demo/lab/*/*.[ch] tests/*/*.[ch] tests/fuzz/inbound/*.[ch])
check-format: ## whether clang-format would change anything
	clang-format --dry-run -Werror $(SOURCES)
format: ## let clang-format change it
	clang-format -i $(SOURCES)

LINTED := $(COMMON_C) $(BROKER_C) broker/main.c $(RENDERER_C) renderer/main.c $(ATTACK_C) $(DEMO_C) $(LAB_C)
check-static: compile_commands.json ## clang-tidy and cppcheck
	cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppressions-list=.cppcheck-suppressions -D_GNU_SOURCE \
		-D__$(shell uname -m)__=1 -I. -I$(B)/proto common broker renderer demo
	@printf '%s\n' $(LINTED) | xargs -P $(JOBS) -n 4 clang-tidy --quiet -p . 2>/dev/null

# $(call quoted,TEXT): one word for the shell. $(call remember,TEXT): writes it to the target unless it is there already.
quoted = '$(subst ','\'',$(1))'
remember = @mkdir -p $(@D); printf '%s\n' $(call quoted,$(1)) | cmp -s - $@ || printf '%s\n' $(call quoted,$(1)) >$@
COMPILE := $(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(CFLAGS)

compile_commands.json: $(PROTO_H) FORCE ## for clangd and clang-tidy
	@command=$$(printf %s $(call quoted,$(COMPILE) $(CPPFLAGS_LIBEXEC)) | sed 's/\\/\\\\/g; s/"/\\"/g'); \
	{ sep='['; for file in $(LINTED) $(UNIT_C) $(INTEGRATION_C) $(BENCH_C) $(FUZZ_C) $(INBOUND_C) $(wildcard tests/support/*.c); do \
		printf '%s{"directory":"%s","file":"%s","command":"%s -c %s"}\n' "$$sep" $(call quoted,$(CURDIR)) "$$file" \
		"$$command" "$$file"; sep=,; done; echo ']'; } >$@

fuzzers: $(FUZZERS) ## with FUZZ=1 CC=clang: the libFuzzer programs
fuzz-smoke: ## fuzz each target for FUZZ_SECONDS (20) from its corpus
	@$(MAKE) --no-print-directory -j$(JOBS) FUZZ=1 CC=clang fuzzers
	@for target in $(FUZZ_C:tests/fuzz/%.c=%); do \
		mkdir -p build/fuzz/corpus/$$target; \
		build/fuzz/tests/fuzz/$$target -max_total_time=$(or $(FUZZ_SECONDS),20) -max_len=65536 -print_final_stats=0 \
			-artifact_prefix=build/fuzz/ -verbosity=0 build/fuzz/corpus/$$target tests/fuzz/corpus/$${target#fuzz_} || exit 1; \
		echo "fuzzed $$target"; done

$(B)/tests/fuzz-corpus: $(B)/tests/support/fuzz_corpus_main.o $(B)/tests/fuzz/inbound/seeds.o $(LIB_SUPPORT) $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_BROKER) $(LIBS_COMMON))

.PHONY: fuzz-corpus
fuzz-corpus: $(B)/tests/fuzz-corpus ## write the seeds of the fuzz targets anew (after a change of proto/ or of what is in a crash report)
	@mkdir -p $(addprefix tests/fuzz/corpus/,codec channel inbound crash_report)
	@$< tests/fuzz/corpus

# --- rules ----------------------------------------------------------------------------------------------------------
# Other flags than last time build anew, and so does another PREFIX what depends on it. -Werror changes no code.
FLAGS := $(B)/flags
$(FLAGS): FORCE
	$(call remember,$(filter-out -Werror,$(COMPILE)) $(LDFLAGS_ALL) $(LDFLAGS))
$(B)/prefix: FORCE
	$(call remember,$(PREFIX))
$(B)/broker/cell_host.o: $(B)/prefix
$(B)/broker/cell_host.o: private CPPFLAGS_ALL += $(CPPFLAGS_LIBEXEC)

$(B)/proto/%.pb-c.c $(B)/proto/%.pb-c.h &: proto/%.proto
	@mkdir -p $(@D)
	$(call say,PROTOC   $<)
	$(Q)protoc-c --proto_path=proto --c_out=$(B)/proto $<

# protobuf-c's code is not ours to warn about.
$(B)/proto/%.pb-c.o: $(B)/proto/%.pb-c.c $(FLAGS)
	$(call say,CC       $<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) -w $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: %.c $(FLAGS) | $(PROTO_H)
	@mkdir -p $(@D)
	$(call say,CC       $<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_PROTO): $(PROTO_C:.c=.o)
$(LIB_COMMON): $(call objects,$(COMMON_C))
$(LIB_BROKER): $(call objects,$(BROKER_C))
$(LIB_RENDERER): $(call objects,$(RENDERER_C))
$(LIB_ATTACK): $(call objects,$(filter-out renderer/attack/attack_engine.c,$(ATTACK_C)))
$(LIB_SUPPORT): $(call objects,$(SUPPORT_C))
$(B)/lib%.a:
	@rm -f $@
	$(call say,AR       $@)
	$(Q)$(AR) rcs $@ $^

link = $(Q)echo '  LINK     $@'; $(CC) $(LDFLAGS_ALL) -o $@ $(1) $(LDFLAGS)

$(BULKHEAD): $(B)/broker/main.o $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_BROKER) $(LIBS_COMMON))

$(RENDERER): $(B)/renderer/main.o $(LIB_RENDERER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_RENDERER))

# The same renderer with one engine more; its list of engines comes before the archive that has the ordinary one.
$(ATTACKER): $(B)/renderer/main.o $(B)/renderer/attack/attack_engine.o $(LIB_ATTACK) $(LIB_RENDERER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_RENDERER))

$(B)/bulkhead-demo: $(call objects,$(DEMO_C)) $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_BROKER) $(LIBS_COMMON))

# Objects, not an archive: each mechanism puts itself on the list by being linked.
LIBS_LAB = $(call pkg,--libs cairo) $(LAB_PEERS:%=-l%)
# Rows of its table, if they are installed; that another one is, now, builds what has to do with them anew.
LAB_PEERS := $(if $(wildcard /usr/include/zmq.h),zmq) $(if $(wildcard /usr/include/nng/nng.h),nng)
$(B)/lab-peers: FORCE
	$(call remember,$(LAB_PEERS))
$(B)/demo/lab/mechanisms/libzmq.o $(B)/demo/lab/mechanisms/nng.o: $(B)/lab-peers
$(B)/demo/lab/mechanisms/libzmq.o $(B)/demo/lab/mechanisms/nng.o: private CPPFLAGS_ALL += $(if $(filter zmq,$(LAB_PEERS)),-DLAB_HAVE_ZMQ) $(if $(filter nng,$(LAB_PEERS)),-DLAB_HAVE_NNG)
$(LAB): $(B)/lab-peers
$(LAB): $(call objects,$(LAB_C)) $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$(filter %.o %.a,$^) $(LIBS_BROKER) $(LIBS_COMMON) $(LIBS_LAB))

# A unit test may reach into one side; the archives hand over only what it names.
$(UNIT) $(INTEGRATION) $(BENCH): $(B)/tests/%: $(B)/tests/%.o $(STATE_HOME) $(LIB_SUPPORT) $(LIB_ATTACK) $(LIB_BROKER) $(LIB_RENDERER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS_BROKER) $(LIBS_RENDERER) $(LIBS_COMMON))

# The libraries that the channel is compared with, where they are installed (tests/support/bench_zmq.c, bench_nng.c).
has_header = $(shell printf '\043include <$(1)>\n' | $(CC) -E -x c - >/dev/null 2>&1 && echo yes)
$(B)/tests/bench/bench_channel $(B)/tests/bench/bench_calls: private LIBS_COMMON += $(if $(call has_header,zmq.h),-lzmq) $(if $(call has_header,nng/nng.h),-lnng)

# The demo's own arithmetic.
$(B)/tests/unit/test_loss: $(B)/demo/loss.o $(B)/demo/lateness.o

# Plays the kernel's part in a tree of cgroups (tests/support/fake_cgroup.h).
$(B)/tests/unit/test_cgroup: private LDFLAGS_ALL += -Wl,--wrap=openat,--wrap=mkdirat,--wrap=unlinkat,--wrap=write

# Plays a file system that cannot rename without replacing.
$(B)/tests/unit/test_crash_store: private LDFLAGS_ALL += -Wl,--wrap=renameat2

# Plays zygote and renderers without a cell, for tests that attack the broker from below.
$(HOSTILE): $(B)/tests/support/hostile_main.o $(LIB_SUPPORT) $(LIB_ATTACK) $(LIB_RENDERER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_COMMON))

# The system calls of the attack console by a plain program, for other people's sandboxes.
$(ALONE): $(B)/tests/support/attack_alone_main.o $(LIB_ATTACK) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_COMMON))

# Runs a command as in somebody's container.
$(CONTAINER): $(B)/tests/support/in_container_main.o
	$(call link,$^ $(LIBS_COMMON))

# The broker's inbound path is fuzzed in one process: a cell without a zygote, and errands that nobody runs,
# go before the real ones.
$(B)/tests/replay/inbound $(B)/tests/fuzz/fuzz_inbound $(B)/tests/unit/test_inbound_seeds $(B)/tests/integration/test_recording: $(call objects,$(INBOUND_C))

# What a user recorded, played to the same broker again.
$(RECORDED): $(B)/tests/support/recorded_main.o $(call objects,$(INBOUND_C)) $(LIB_SUPPORT) $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(call link,$^ $(LIBS_BROKER) $(LIBS_COMMON))

# The same targets without a fuzzer: their corpus replays in `make test`.
$(REPLAYS): $(B)/tests/replay/%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/support/replay_main.o $(LIB_SUPPORT) $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	@mkdir -p $(@D)
	$(call link,$(filter %.o,$^) $(filter %.a,$^) $(LIBS_BROKER) $(LIBS_COMMON))

$(FUZZERS): $(B)/tests/%: $(B)/tests/%.o $(LIB_SUPPORT) $(LIB_BROKER) $(LIB_COMMON) $(LIB_PROTO)
	$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_BROKER) $(LIBS_COMMON) $(LDFLAGS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
