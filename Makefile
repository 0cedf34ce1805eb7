# The two commands: `make demo` and `make test`. Both do all the set-up there is.

export CARGO_TARGET_DIR ?= $(CURDIR)/target
export PATH := $(HOME)/.cache/amiable/bin:$(PATH)
AMIABLE = $(CARGO_TARGET_DIR)/debug/amiable

.PHONY: demo test build install package package-test setup setup-test setup-package lint deny advisories book
.PHONY: fast-test fault-sample fault-test real-test weekly-test bench

demo: build
	@echo "build $$(($$(date +%s) - $$(stat -c %Y $(CARGO_TARGET_DIR)/.demo-began))) s" >&2
	scripts/demo $(AMIABLE)

build: setup
	@mkdir -p $(CARGO_TARGET_DIR) && touch $(CARGO_TARGET_DIR)/.demo-began
	cargo build --locked --workspace

# The program, completions and manual pages below PREFIX. DESTDIR is for packages.
PREFIX ?= /usr/local
install:
	cargo install --locked --path crates/amiable --root "$(DESTDIR)$(PREFIX)" --force --no-track
	scripts/install-extras "$(DESTDIR)$(PREFIX)"

# An archive, a .deb and a .rpm, in target/package; and the same installed in clean Debian roots.
package: setup-package
	scripts/package

package-test: export AMIABLE_RELEASE_URL ?= file:///tmp/package
package-test: package
	scripts/package-test bookworm trixie

test: setup-test lint deny book fast-test fault-sample real-test

setup:
	scripts/setup

setup-test:
	scripts/setup test

setup-package:
	scripts/setup package

lint:
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings

# What dependencies may be: deny.toml.
deny: setup-test
	cargo deny --locked check bans licenses sources

# Known vulnerabilities of them, from RustSec's database.
advisories: setup-test
	cargo deny --locked check advisories

# The documents as a book, in target/book.
book:
	mdbook build --dest-dir "$(CARGO_TARGET_DIR)/book"

# Everything on simulated machines: no virtual machine is started. Inputs that tests make up are
# the same in each run, so that a failure is a change's own; weekly-test looks at others.
fast-test: export PROPTEST_RNG_SEED ?= 1
# Most of these tests wait for simulated machines.
fast-test: export RUST_TEST_THREADS ?= $(shell expr 4 \* $$(nproc))
fast-test:
	cargo test --locked --workspace

# Every operation meets every fault at every call: crates/amiable/tests/faults/main.rs.
fault-test:
	cargo test --locked --workspace --test faults

# Another sample of it each day; AMIABLE_FAULT_SAMPLE=20261126 repeats that day's.
fault-sample: export AMIABLE_FAULT_SAMPLE ?= $(shell date +%Y%m%d)
fault-sample: fault-test

# What is too long for each change: all of the fault matrix, other inputs that tests make up (say
# PROPTEST_RNG_SEED=20261130 to repeat that day's), a bake on Debian 13, one on arm64, and packages.
weekly-test: export PROPTEST_RNG_SEED ?= $(shell date +%Y%m%d)
weekly-test: export PROPTEST_CASES ?= 5000
weekly-test: fault-test package-test
	cargo test --locked --workspace --lib --bins --test sdk -- fuzz panic wildcard changed shape
	cargo test --locked --workspace --test round_trips
	image="$$(scripts/base-image first-boot@trixie)" && \
	  AMIABLE_TEST_FIRST_BOOT_IMAGE="$$image" cargo test --locked --workspace --test real -- first_boot
	scripts/setup arm64 && image="$$(scripts/base-image arm64)" && \
	  AMIABLE_TEST_ARM64_IMAGE="$$image" cargo test --locked --workspace --test real -- arm64

# What a farm costs, beside packer and `aws`: writes docs/benchmarks.md. About forty minutes once
# built; AMIABLE_BENCH=unchanged,plan,list,single,many,written,local measures some of it and writes nothing.
bench: setup-test
	image="$$(scripts/base-image)" && \
	  AMIABLE_TEST_BASE_IMAGE="$$image" cargo bench --locked -p amiable --bench farm

# The same commands on real virtual machines.
real-test:
	images="$$(scripts/base-image cloud-init without-cloud-init busybox first-boot)" && set -- $$images && \
	  AMIABLE_TEST_BASE_IMAGE="$$1" AMIABLE_TEST_PLAIN_IMAGE="$$2" AMIABLE_TEST_BUSYBOX_IMAGE="$$3" \
	  AMIABLE_TEST_FIRST_BOOT_IMAGE="$$4" \
	  cargo test --locked --workspace --test real
