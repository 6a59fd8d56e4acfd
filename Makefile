# What one does with a clone. Everything else is plain cargo.

.DEFAULT_GOAL := help
.PHONY: help demo tour secrets test soak fuzz bench contract dashboards lint deny generated golden

# Advisories need a database from the network.
DENY := check --hide-inclusion-graph bans licenses sources

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name does; do \
		printf '  make %-10s %s\n' "$$name" "$$does"; done

# A debug build: half the wait of an optimised one, and nothing here needs the speed. All binaries are built, since
# `sealpost dev` starts the practice platform, which lies beside it.
demo: ## the whole pipeline on this machine, with a practice platform to connect to
	@scripts/prerequisites.sh cc
	cargo build --bins
	cargo run --quiet --bin sealpost -- dev

tour: ## the same, walking through every step by itself, and checking it
	@scripts/prerequisites.sh cc
	cargo build --bins
	cargo run --quiet --bin sealpost -- dev --tour

secrets: ## the passwords of docker-compose.yml, random, in secrets/; what is there stays
	@scripts/secrets.sh

# Scenarios wait for servers more than they compute.
test: export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(nproc))))
test: ## everything that CI checks: lints, all tests on real servers, the tour
	@scripts/prerequisites.sh cc python
	@scripts/prerequisites.sh chromium || echo "Going on without: what a person does in a browser is not tried"
	@$(MAKE) --no-print-directory lint
	cargo build --bins
	cargo test --workspace --no-fail-fast
	cargo run --quiet --bin sealpost -- dev --tour

# A debug build here too: the workers wait for the platform, not for the processor.
soak: ## minutes of killing workers, RabbitMQ and Redis under load, then an account (SOAK="--minutes 1 --jobs 2000")
	@scripts/prerequisites.sh cc
	cargo build --bins
	cargo test --quiet --package sealpost-tests --test soak -- $(SOAK)

# The fuzz tests of `make test`, for a time instead of a number of inputs; stable Rust will do. A failure prints the seed that
# repeats it (BOLERO_RANDOM_SEED). One test led by coverage: cargo install cargo-bolero, then
# cargo bolero test --package sealpost-shared --sanitizer NONE seal::aead::fuzz::NAME
FUZZ ?= 60
fuzz: ## every decoder of outside bytes under spoilt input, a minute each (FUZZ=10: ten seconds)
	BOLERO_RANDOM_ITERATIONS=1000000000000 BOLERO_RANDOM_TEST_TIME_MS=$(FUZZ)000 \
		cargo test --no-fail-fast --lib -p sealpost-schemas -p sealpost-shared -p sealpost fuzz

bench: ## the publish path and the re-sealing walk beside bare pipelines; writes bench.json (minutes)
	@scripts/prerequisites.sh cc
	cargo bench -p sealpost-tests --bench bench

contract: ## the messages as a page to read, .sealpost/contract/index.html (needs Node with npm)
	@scripts/contract.sh

# A run of that many seconds, in which things go wrong now and then.
DRAW ?= 300
dashboards: ## draws the dashboards of a real run that Prometheus has scraped, docs/dashboard-*.png (five minutes; DRAW=60: one)
	@scripts/prerequisites.sh cc python
	cargo build --bins
	SEALPOST_DRAW_DASHBOARDS=$(DRAW) cargo test -p sealpost-tests --test scenarios -- dashboards::run

lint: ## formatting, clippy, and what cargo-deny says if it is installed
	@scripts/with-component.sh rustfmt cargo fmt --all --check
	@scripts/with-component.sh clippy cargo clippy --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --log-level error $(DENY); fi

deny: ## licences, sources and banned crates of all dependencies (see deny.toml)
	@cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is not installed: cargo install --locked cargo-deny"; exit 1; }
	cargo deny $(DENY)

generated: ## writes the schemas and test vectors anew from the code
	SEALPOST_WRITE_GENERATED=1 cargo test --quiet -p sealpost-schemas
	SEALPOST_WRITE_GENERATED=1 cargo test --quiet -p sealpost the_committed_schema
	SEALPOST_WRITE_VECTORS=1 cargo test --quiet -p sealpost-shared the_committed_vectors
	SEALPOST_WRITE_GENERATED=1 cargo test --quiet -p sealpost-tests --test scenarios the_committed_dashboards
	git status --short schemas dashboards

golden: ## the files of this release for the tests of later ones, tests/golden/VERSION; never over those that are there
	cargo build --bins
	SEALPOST_WRITE_GOLDEN=1 cargo test --quiet -p sealpost-tests --test scenarios this_release_has_golden_files
	git status --short tests/golden
