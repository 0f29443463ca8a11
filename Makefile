# SPDX-License-Identifier: GPL-2.0-only
# xengpu: a paravirtual GPU for Xen guests. `make help` lists what there is.
#
# Each folder is compiled with the include paths it may use and no others, so that a wrong include
# does not build: ring <- grant <- xen-config <- backend, frontend.

B		?= build
comma		:= ,
PREFIX		?= /usr
LIBEXECDIR	?= $(PREFIX)/libexec
UNITDIR		?= $(PREFIX)/lib/systemd/system
MANDIR		?= $(PREFIX)/share/man
SYSCONFDIR	?= /etc
DESTDIR		?=

# The one place that has the version is the changelog; in a source package it lies at the top.
CHANGELOG	:= $(firstword $(wildcard debian/changelog xen-config/debian/changelog))
VERSION		?= $(shell sed -n '1s/.*(\(.*\)).*/\1/p' $(CHANGELOG))

CC		?= cc
WERROR		?= $(if $(CI),-Werror)
CFLAGS		?= -O2 -g
BASE_CFLAGS	:= -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla \
		   -fstack-protector-strong -D_FORTIFY_SOURCE=2 -MMD -MP $(WERROR)
LDFLAGS		?= -Wl,-z,relro,-z,now

INC_ring	:= -I ring
INC_grant	:= $(INC_ring) -I grant
INC_config	:= $(INC_grant) -I xen-config
INC_backend	:= $(INC_config) -I backend
INC_frontend	:= $(INC_config) -I frontend
INC_tests	:= $(INC_config) -I backend -I frontend -I tests/unit

PC_virgl	:= virglrenderer libdrm gbm epoxy egl
XEN_LIBS	:= -lxengnttab -lxenevtchn -lxenstore
JSON_LIBS	:= -ljson-c
SECCOMP_LIBS	:= -lseccomp
CURSES_LIBS	= $$(pkg-config --libs ncursesw) -lm

# --- what belongs to what: the file's prefix says it --------------------------------------------
obj		= $(patsubst %.c,$(B)/%.o,$(1))
src		= $(filter-out $(2),$(wildcard $(1)))

RING		:= $(call obj,$(wildcard ring/*.c))
GRANT		:= $(call obj,$(call src,grant/*.c,grant/hub_main.c))
CONFIG		:= $(call obj,$(filter-out xen-config/xengpu_%.c,$(wildcard xen-config/*.c)))
CLI		:= $(call obj,$(wildcard xen-config/xengpu_*.c))
SUP		:= $(call obj,$(call src,backend/sup_*.c,backend/sup_main.c))
WRK		:= $(call obj,$(call src,backend/wrk_*.c,backend/wrk_main.c) $(wildcard backend/gpu*.c))
CTL		:= $(call obj,$(wildcard backend/ctl*.c))
FE		:= $(call obj,$(wildcard frontend/fe_*.c))
VT		:= $(call obj,$(call src,frontend/vt_*.c,frontend/vt_main.c))

LIBS		:= $(addprefix $(B)/lib/,libring.a libgrant.a libconfig.a libctl.a libsup.a libwrk.a \
		   libxengpu.a libvt.a)
PROGRAMS	:= $(addprefix $(B)/bin/,xengpud xengpu-worker xengpu-vtest xengpu-run xengpu \
		   xengpu-localhub)

UNIT_SRC	:= $(filter-out tests/unit/harness.c,$(wildcard tests/unit/*.c))
UNIT		:= $(patsubst tests/unit/%.c,$(B)/tests/%,$(UNIT_SRC))
FUZZ_SRC	:= $(filter-out tests/fuzz/fuzz.c tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c))
FUZZ		:= $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_SRC))
FAULT		:= $(patsubst tests/fault/%.c,$(B)/fault/%,$(filter-out tests/fault/fault.c,$(wildcard tests/fault/*.c)))
FAULT_PROGRAMS	:= $(addprefix $(B)/fault/,xengpud xengpu-worker)

.PHONY: all help check unit e2e xen-check package libxl-check bench bench-qos bench-speed demo deps deps-build install \
	install-backend install-guest deb clean gl asan \
	fuzz fuzz-regress fuzz-corpus fault soak asan-soak lint conformance programs
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make               build everything into build/
#: make demo          the main job: real Xen, two guests, a stock GL program in each (root, apt)
#: make check         unit, local platform, packages, and most of real Xen (installs what is missing)
#: make check T=a/b   one case by name, in milliseconds; T=a for a suite
#: make unit          unit tests only
#: make e2e           whole chain on the local platform only
#: make xen-check     all of real Xen, what takes long as well; SUITE=bookworm|trixie; T=lifecycle for one script
#: make xen-check FRONTEND=drm   guests with the kernel module instead of xengpu-vtest
#: make module         the guest's kernel module, KVER= or KDIR= for which kernel; module-check: sparse, W=1
#: make libxl-check   xl with vgpu as a device of its own: the patch applies, compiles, works
#: make bench         all benchmarks, into build/bench; QUICK=1: shorter and coarser
#: make bench-qos     shares, caps, latency, overhead of scheduling; QUICK=1; ONLY=caps,idle
#: make bench-speed   against native and the open path: frames, CPU, waits, memory; QUICK=1; ONLY=rtt; RIG=1: real Xen too
#: make conformance   piglit natively, through virgl_test_server and through us; QUICK=1: five minutes; SET=large; ON=xen: in a guest of the rig
#: make programs      real programs through us, into build/programs; P=glxgears for one
#: make asan          unit, fuzz and fault tests under AddressSanitizer (leaks as well) and UBSan
#: make fault         every call of ours that can fail made to fail; XENGPU_FAULT_ALL=1 for all of them
#: make soak S=600    guests, programs, kills, limits at random: nothing breaks, nothing grows; SEED=n
#: make lint          clang-tidy, gcc -fanalyzer and cppcheck on what is installed
#: make deps          apt packages to build and to test
#: make package       test of the Debian packages only; SUITE=trixie: built and installed there
#: make install       to DESTDIR and PREFIX; install-backend or install-guest for one side
#: make deb           xengpu-backend and xengpu-guest, into build/deb (installs what is missing)
#: make clean

# --- compiling ----------------------------------------------------------------------------------
$(B)/ring/%.o: ring/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_ring) -c $< -o $@
$(B)/grant/%.o: grant/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_grant) -c $< -o $@
$(B)/xen-config/%.o: xen-config/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_config) -c $< -o $@
$(B)/xen-config/xengpu_main.o: BASE_CFLAGS += -DXENGPU_VERSION='"$(VERSION)"'
$(B)/xen-config/xengpu_main.o: $(CHANGELOG)
$(B)/xen-config/xengpu_top_screen.o $(B)/xen-config/xengpu_top_draw.o: BASE_CFLAGS += $$(pkg-config --cflags ncursesw)
$(B)/backend/gpu%.o: backend/gpu%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_backend) $$(pkg-config --cflags $(PC_virgl)) -c $< -o $@
$(B)/backend/%.o: backend/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_backend) -c $< -o $@
$(B)/frontend/%.o: frontend/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_frontend) -c $< -o $@
$(B)/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_tests) -c $< -o $@

$(B)/tests/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_tests) -I tests/fuzz -c $< -o $@

$(B)/lib/libring.a: $(RING)
$(B)/lib/libgrant.a: $(GRANT)
$(B)/lib/libconfig.a: $(CONFIG)
$(B)/lib/libctl.a: $(CTL)
$(B)/lib/libsup.a: $(SUP)
$(B)/lib/libwrk.a: $(WRK)
$(B)/lib/libxengpu.a: $(FE)
$(B)/lib/libvt.a: $(VT)
$(B)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

L		= $(addprefix $(B)/lib/,$(addsuffix .a,$(1)))
link		= @mkdir -p $(@D); echo "$(CC) ... -o $@"; \
		  $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1)

$(B)/bin/xengpud: $(B)/backend/sup_main.o $(call L,libsup libctl libconfig libgrant libring)
	$(call link,$(XEN_LIBS) $(JSON_LIBS) $(SECCOMP_LIBS))
$(B)/bin/xengpu-worker: $(B)/backend/wrk_main.o $(call L,libwrk libctl libgrant libring)
	$(call link,$(XEN_LIBS) $(SECCOMP_LIBS) $$(pkg-config --libs $(PC_virgl)))
$(B)/bin/xengpu-vtest: $(B)/frontend/vt_main.o $(call L,libvt libxengpu libconfig libgrant libring)
	$(call link,$(XEN_LIBS) $(JSON_LIBS))
$(B)/bin/xengpu-run: $(B)/frontend/xengpu_run.o $(call L,libvt libxengpu libconfig libgrant libring)
	$(call link,$(XEN_LIBS) $(JSON_LIBS))
$(B)/bin/xengpu: $(CLI) $(call L,libconfig libgrant libring)
	$(call link,$(XEN_LIBS) $(JSON_LIBS) $(CURSES_LIBS))
$(B)/bin/xengpu-localhub: $(B)/grant/hub_main.o $(call L,libgrant libring)
	$(call link,$(XEN_LIBS))

# Archives, so that a test links just what it uses.
$(B)/tests/%: $(B)/tests/unit/%.o $(B)/tests/unit/harness.o \
		$(call L,libvt libxengpu libsup libwrk libctl libconfig libgrant libring)
	$(call link,$(XEN_LIBS) $(JSON_LIBS) $(SECCOMP_LIBS) $$(pkg-config --libs $(PC_virgl)))

# FUZZER=1 is clang's libFuzzer, anything else the inputs that are kept.
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/fuzz.o $(if $(FUZZER),,$(B)/tests/fuzz/replay.o) \
		$(call L,libvt libxengpu libsup libwrk libctl libconfig libgrant libring)
	$(call link,$(if $(FUZZER),-fsanitize=fuzzer) $(XEN_LIBS) $(JSON_LIBS) \
		$(SECCOMP_LIBS) $$(pkg-config --libs $(PC_virgl)) -lm)

# Programs whose own calls can be made to fail, one by one: tests/fault/fault.h.
FAULT_CALLS	:= malloc calloc aligned_alloc strdup strndup realloc reallocarray free mmap socket socketpair \
		   connect bind listen accept4 sendmsg epoll_create1 epoll_ctl timerfd_create \
		   memfd_create ftruncate eventfd signalfd pipe2 fork pidfd_open opendir fopen scandir open \
		   openat fcntl
FAULT_WRAP	:= $(patsubst %,-Wl$(comma)--wrap=%,$(FAULT_CALLS))
$(B)/tests/fault/%.o: tests/fault/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_tests) -I tests/fault -c $< -o $@
$(B)/fault/xengpud: $(B)/backend/sup_main.o $(B)/tests/fault/fault.o $(call L,libsup libctl libconfig libgrant libring)
	$(call link,$(FAULT_WRAP) $(XEN_LIBS) $(JSON_LIBS) $(SECCOMP_LIBS))
$(B)/fault/xengpu-worker: $(B)/backend/wrk_main.o $(B)/tests/fault/fault.o $(call L,libwrk libctl libgrant libring)
	$(call link,$(FAULT_WRAP) $(XEN_LIBS) $(SECCOMP_LIBS) $$(pkg-config --libs $(PC_virgl)))
$(B)/fault/frontend: WRAP = $(FAULT_WRAP)
$(B)/fault/frontend: $(B)/tests/fault/fault.o
$(B)/fault/%: $(B)/tests/fault/%.o $(B)/tests/unit/harness.o \
		$(call L,libvt libxengpu libsup libwrk libctl libconfig libgrant libring)
	$(call link,$(WRAP) $(XEN_LIBS) $(JSON_LIBS) $(SECCOMP_LIBS) $$(pkg-config --libs $(PC_virgl)))

# --- tests --------------------------------------------------------------------------------------
check: deps
	@$(MAKE) --no-print-directory all gl $(UNIT) $(FUZZ) $(FAULT) $(FAULT_PROGRAMS)
	@QUICK=1 tests/run.sh $(if $(T),$(T),unit fuzz fault e2e conformance package \
		$(addprefix xen/,guests lifecycle virtio qos))
fault: $(FAULT) $(FAULT_PROGRAMS) $(B)/bin/xengpu-localhub
	@tests/run.sh $(if $(T),$(T),fault)
unit: $(UNIT) $(PROGRAMS)
	@tests/run.sh $(if $(T),$(T),unit)
fuzz-regress: $(FUZZ)
	@tests/run.sh $(if $(F),fuzz/$(F),fuzz)
e2e: $(PROGRAMS) gl
	@tests/run.sh e2e
soak: $(PROGRAMS) gl
	@S=$(or $(S),60) tests/run.sh soak
xen-check: $(PROGRAMS) gl
	@tests/run.sh $(if $(T),xen/$(T),$(if $(filter drm,$(FRONTEND)),xen/drm,xen))
libxl-check: deps-build
	@$(MAKE) --no-print-directory $(B)/bin/xengpu
	@xen-config/libxl/check.sh
package: $(PROGRAMS) gl
	@tests/run.sh package
conformance:
	@tests/deps.sh conformance
	@$(MAKE) --no-print-directory $(PROGRAMS) $(if $(ON),gl)
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/conformance/test_summary.py
	@tests/conformance/run.sh $(or $(SET),$(ON),$(if $(QUICK),quick,recommended))
programs:
	@tests/deps.sh programs
	@$(MAKE) --no-print-directory $(PROGRAMS) gl
	@tests/programs/run.sh $(P)
bench: bench-qos bench-speed
bench-qos:
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory $(PROGRAMS) $(B)/bench/load $(B)/guest/load
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/test_measure.py
	@B=$(B) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/qos.py \
		$(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))
bench-speed:
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory $(PROGRAMS) gl $(B)/bench/rtt $(if $(RIG),$(B)/bench/vchan)
	@B=$(B) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/speed.py $(if $(QUICK),--quick) \
		$(if $(ONLY),--only $(ONLY)) $(if $(SCENES),--scenes $(SCENES)) $(if $(RIG),--rig)
ASAN_MAKE	= $(MAKE) --no-print-directory B=build/asan CFLAGS="-O1 -g -fsanitize=address,undefined \
		  -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
asan:
	@$(ASAN_MAKE) unit fuzz-regress fault
# The GL programs as they are; freed memory is kept for a while only, so that it does not count as growth.
asan-soak: gl
	@$(ASAN_MAKE) all
	@B=build/asan SOAK_GL=$(abspath $(B)/guest) ASAN_OPTIONS=quarantine_size_mb=1 MEMORY_MOST_KIB=65536 \
		S=$(or $(S),60) tests/run.sh soak

lint:
	@tests/deps.sh lint
	@tests/lint.sh $(F)

# --- fuzzing: what is found beyond the corpus stays in build/libfuzzer ------------------------
FUZZ_FOUND	= build/libfuzzer/corpus/$(F)
FUZZ_MAKE	= @$(MAKE) --no-print-directory B=build/libfuzzer CC=clang FUZZER=1 CFLAGS="-O1 -g \
		  -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
		  -fno-omit-frame-pointer"
fuzz:
	@[ -n "$(F)" ] || { echo "F=, one of: $(notdir $(FUZZ))" >&2; exit 2; }
	@tests/deps.sh fuzz
	$(FUZZ_MAKE) build/libfuzzer/fuzz/$(F)
	@mkdir -p $(FUZZ_FOUND)
	build/libfuzzer/fuzz/$(F) -max_total_time=$(or $(S),60) -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix=build/libfuzzer/$(F)- $(FUZZ_FOUND) \
		tests/fuzz/corpus/$(F)
# The smallest choice of what was found that reaches the most, into the corpus of the sources.
fuzz-corpus:
	@tests/deps.sh fuzz
	$(FUZZ_MAKE) build/libfuzzer/fuzz/$(F)
	@tests/fuzz/choose.py build/libfuzzer/fuzz/$(F) tests/fuzz/corpus/$(F) $(FUZZ_FOUND)

# --- programs that tests run in guests: GL ones know nothing of us, hostile is a frontend --------
GL		:= $(addprefix $(B)/guest/,roundtrip spin hang fill share pbuffer features virtgpu gbm beside hostile hostile-worker escape libsteptime.so \
		   picture capture.sh load)
gl: $(GL)
$(B)/guest/roundtrip $(B)/guest/spin $(B)/guest/hang $(B)/guest/fill $(B)/guest/share $(B)/guest/pbuffer $(B)/guest/load: \
		$(B)/guest/%: tests/gl/%.c tests/gl/gl_util.c tests/gl/gl_util.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra -Wshadow $(WERROR) $(CFLAGS) -o $@ $(filter %.c,$^) -lEGL -lGLESv2 -lm
$(B)/guest/features: $(wildcard tests/gl/features/*.[ch]) tests/gl/gl_util.c tests/gl/gl_util.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow $(WERROR) $(CFLAGS) -o $@ $(filter %.c,$^) -lEGL -lGLESv2 -lm
$(B)/tests/hostile/%.o: tests/hostile/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_frontend) -c $< -o $@
HOSTILE		:= $(patsubst %.c,$(B)/%.o,$(filter-out %/escape.c %/escape_ways.c %/worker.c,$(wildcard tests/hostile/*.c)))
$(B)/guest/hostile: $(HOSTILE) $(call L,libxengpu libconfig libgrant libring)
	$(call link,$(XEN_LIBS) -pthread)
$(B)/tests/hostile/worker.o: tests/hostile/worker.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_backend) -c $< -o $@
HARM_WRAP	:= $(patsubst %,-Wl$(comma)--wrap=%,ring_back_put ring_back_push evt_notify gnt_munmap gpu_open)
$(B)/guest/hostile-worker: $(B)/backend/wrk_main.o $(B)/tests/hostile/worker.o $(call L,libwrk libctl libgrant libring)
	$(call link,$(HARM_WRAP) $(XEN_LIBS) $(SECCOMP_LIBS) $$(pkg-config --libs $(PC_virgl)) -pthread)
$(B)/guest/escape: $(addprefix tests/hostile/,escape.c escape_ways.c escape.h) \
		$(call L,libsup libwrk libctl libconfig libgrant libring)
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_backend) -o $@ $(filter %.c %.a,$^) $(XEN_LIBS) $(SECCOMP_LIBS) -lpthread
$(B)/bench/load: tests/bench/load.c backend/gpu_model.h $(call L,libxengpu libconfig libgrant libring)
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_frontend) -I backend -o $@ $< $(filter %.a,$^) $(XEN_LIBS) -lm
$(B)/bench/rtt: tests/bench/rtt.c $(call L,libxengpu libconfig libgrant libring)
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(INC_frontend) -o $@ $< $(filter %.a,$^) $(XEN_LIBS)
# A guest may lack the library's shared object.
$(B)/bench/vchan: tests/bench/vchan.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -o $@ $< -l:libxenvchan.a $(XEN_LIBS)
$(B)/guest/libsteptime.so: tests/gl/steptime.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra $(WERROR) $(CFLAGS) -shared -fPIC -o $@ $<
$(B)/guest/virtgpu: tests/gl/virtgpu.c tests/gl/virtgpu.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow $(WERROR) $(CFLAGS) $$(pkg-config --cflags libdrm) -o $@ $<
$(B)/guest/gbm: tests/gl/gbm.c tests/gl/gl_util.c tests/gl/gl_util.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra -Wshadow $(WERROR) $(CFLAGS) -o $@ $(filter %.c,$^) -lEGL -lGLESv2 -lgbm
$(B)/guest/beside: tests/gl/beside.c tests/gl/virtgpu.h tests/gl/gl_util.c tests/gl/gl_util.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow $(WERROR) $(CFLAGS) $$(pkg-config --cflags libdrm) -o $@ \
		$(filter %.c,$^) -lEGL -lGLESv2
$(B)/guest/picture: tests/gl/picture.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra $(WERROR) $(CFLAGS) -o $@ $< -lpng
$(B)/guest/capture.sh: tests/gl/capture.sh
	@mkdir -p $(@D)
	cp $< $@

demo:
	@tests/demo.sh

deps:
	@tests/deps.sh
deps-build:
	@tests/deps.sh build

# --- the guest's kernel module: built beside vgpuif.h, as in the package for DKMS -----------------
KVER		?= $(shell uname -r)
KDIR		?= /lib/modules/$(KVER)/build
MODDIR		?= /usr/lib/modules
MODULE_SRC	:= $(addprefix frontend/linux/,Kbuild Makefile) $(filter-out %.mod.c,$(wildcard frontend/linux/*.[ch])) \
		   ring/vgpuif.h
MODULE_MAKE	= @mkdir -p $(B)/module && cp -pu $(MODULE_SRC) $(B)/module/; \
		  $(MAKE) --no-print-directory -C $(B)/module KDIR=$(KDIR)
.PHONY: module module-check install-module install-dkms
module:
	$(MODULE_MAKE) modules
module-check:
	$(MODULE_MAKE) check
# Without depmod: that is for the machine where it is used.
install-module: module
	install -D -m 644 $(B)/module/xen_vgpufront.ko $(DESTDIR)$(MODDIR)/$(KVER)/updates/xen_vgpufront.ko
	strip --strip-debug $(DESTDIR)$(MODDIR)/$(KVER)/updates/xen_vgpufront.ko
install-dkms:
	install -d $(DESTDIR)/usr/src/xengpu-$(VERSION)
	install -m 644 $(MODULE_SRC) $(DESTDIR)/usr/src/xengpu-$(VERSION)/

# --- installing ---------------------------------------------------------------------------------
# The units name /usr; what a later release adds to xen-config by these names is installed as well.
INSTALL_UNIT	= sed -e 's|/usr/bin/|$(PREFIX)/bin/|; s|/usr/sbin/xengpud|$(PREFIX)/sbin/xengpud$(WORKER)|' xen-config/$(1) \
		  >$(DESTDIR)$(UNITDIR)/$(1) && chmod 644 $(DESTDIR)$(UNITDIR)/$(1)
WORKER		= $(if $(filter-out /usr/libexec,$(LIBEXECDIR)), --worker=$(LIBEXECDIR)/xengpu-worker)
MAN		= for m in $(1); do install -D -m 644 xen-config/man/$$m \
		  $(DESTDIR)$(MANDIR)/man$${m\#\#*.}/$$m || exit 1; done

install: install-backend install-guest

install-backend: $(addprefix $(B)/bin/,xengpud xengpu-worker xengpu)
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(PREFIX)/sbin $(LIBEXECDIR) $(UNITDIR) \
		$(PREFIX)/lib/modules-load.d $(SYSCONFDIR)/xen/xengpu.d)
	install -m 755 $(B)/bin/xengpud $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(B)/bin/xengpu-worker $(DESTDIR)$(LIBEXECDIR)/
	install -m 755 $(B)/bin/xengpu $(DESTDIR)$(PREFIX)/bin/
	install -m 644 xen-config/xengpu-backend.modules-load.conf \
		$(DESTDIR)$(PREFIX)/lib/modules-load.d/xengpu-backend.conf
	$(call INSTALL_UNIT,xengpud.service)
	$(call INSTALL_UNIT,xengpu-metrics.service)
	$(call INSTALL_UNIT,xengpu-metrics.timer)
	install -D -m 644 xen-config/grafana-dashboard.json $(DESTDIR)$(PREFIX)/share/xengpu/grafana-dashboard.json
	$(call MAN,xengpu.1 xengpu.conf.5 xengpu-vgpu.7 xengpud.8)
	ln -sf xengpud.8 $(DESTDIR)$(MANDIR)/man8/xengpu-worker.8
	$(if $(wildcard xen-config/xengpu.bash-completion),install -D -m 644 \
		xen-config/xengpu.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/xengpu)
	$(if $(wildcard xen-config/xengpu.conf),[ -e $(DESTDIR)$(SYSCONFDIR)/xen/xengpu.conf ] || \
		install -m 644 xen-config/xengpu.conf $(DESTDIR)$(SYSCONFDIR)/xen/)

install-guest: $(addprefix $(B)/bin/,xengpu-vtest xengpu-run)
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(UNITDIR) $(PREFIX)/lib/modules-load.d \
		$(PREFIX)/lib/modprobe.d $(PREFIX)/lib/tmpfiles.d)
	install -m 755 $(B)/bin/xengpu-vtest $(B)/bin/xengpu-run $(DESTDIR)$(PREFIX)/bin/
	install -m 644 xen-config/xengpu-guest.modules-load.conf \
		$(DESTDIR)$(PREFIX)/lib/modules-load.d/xengpu-guest.conf
	install -m 644 xen-config/xengpu-guest.modprobe.conf $(DESTDIR)$(PREFIX)/lib/modprobe.d/xengpu-guest.conf
	install -m 644 xen-config/xengpu-guest.tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/xengpu-guest.conf
	$(call INSTALL_UNIT,xengpu-vtest.service)
	$(call MAN,xengpu-run.1 xengpu-vtest.8)

deb:
	@tests/deps.sh deb
	@xen-config/deb.sh $(B)/deb $(VERSION)

clean:
	rm -rf $(B)

# Files of the compiler only: a rig keeps its staged tree (with modules-load.d, a directory) in here, too.
-include $(shell find $(B) -path $(B)/rig -prune -o -type f -name '*.d' -print 2>/dev/null)
