# What CI runs, people run too. Each target works on a fresh Debian machine with a Rust toolchain.

CARGO ?= cargo
CARGO_DENY = .tools/bin/cargo-deny
CARGO_DENY_VERSION = 0.20.2
CARGO_FUZZ = .tools/bin/cargo-fuzz
CARGO_FUZZ_VERSION = 0.13.2
CARGO_CYCLONEDX = .tools/bin/cargo-cyclonedx
CARGO_CYCLONEDX_VERSION = 0.5.9

# Packages that are compiled into the release, this one too. A change of it is a decision: say why in the commit.
RELEASE_PACKAGES = 281

.DEFAULT_GOAL := help
.PHONY: help tools run-tools build run test drill bench soak test-sdk test-api fuzz check lint-deploy \
    release reproduce sbom

help: ## Lists the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

tools: ## Installs what is missing: PostgreSQL, PHP and Chromium, and OpenBao below .tools/
	@sh scripts/tools.sh

run-tools: # What running takes, and no more.
	@sh scripts/tools.sh run

build: ## Builds the program, target/debug/gatehouse
	$(CARGO) build --locked

run: run-tools build ## Starts OpenBao, PostgreSQL and the service on this machine
	@exec target/debug/gatehouse dev

# A test waits for its servers half of the time, so there is room for twice as many at once as there are cores.
test: tools ## Runs every test against real servers
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} $(CARGO) test --locked

drill: tools ## Does what takes many minutes: fault after fault, processes killed again and again, millions of rows
	$(CARGO) test --locked --test drill
	DRILL_KILLS=50 $(CARGO) test --locked --test api -- killed_ --skip webhooks_kills --skip step_kills --nocapture
	DRILL_KILLS=20 $(CARGO) test --locked --test api -- step_kills key_kills task_kills --nocapture
	DRILL_RANDOM=200 $(CARGO) test --locked --test api -- random_kills --nocapture
	DRILL_JOBS=10000 $(CARGO) test --locked --test api -- replica_jobs --nocapture
	DRILL_SIGNUPS=100 $(CARGO) test --locked --test api -- signup_repeats --nocapture
	DRILL_LIVES=20 $(CARGO) test --locked --test api -- vendor_life --nocapture
	DRILL_KILLS=200 $(CARGO) test --locked --test api -- webhooks_kills --nocapture
	DRILL_MESSAGES=10000 $(CARGO) test --locked --test api -- messages_of_three_days --nocapture
	DRILL_ROWS=10000000 $(CARGO) test --locked --test api -- scaled_ --nocapture
	DRILL_VENDORS=10000 $(CARGO) test --locked --test api -- vendor_scale --nocapture
	DRILL_TIMES=1000 $(CARGO) test --locked --test api -- repeated_ --nocapture
	DRILL_VALUES=1000000 $(CARGO) test --locked --test api -- canonical_json --nocapture

bench: tools ## Measures, side by side in one run
	$(CARGO) bench --locked --bench numbers

soak: tools ## Overload, thousands of idle and slow connections, and half an hour of mixed load
	BENCH_OVERLOAD_SECONDS=300 $(CARGO) bench --locked --bench numbers -- overload connections soak

test-sdk: tools build ## Tests the client SDKs against a service of their own
	@CARGO="$(CARGO)" sh scripts/test-sdk.sh

test-api: run-tools build ## Sends 10,000 made-up requests and holds the answers against the API description
	@sh scripts/test-api.sh

fuzz: $(CARGO_FUZZ) ## Feeds what parses with made-up bytes: FUZZ_RUNS (1,000,000) or FUZZ_SECONDS (600) for each target
	@CARGO="$(CARGO)" sh scripts/fuzz.sh $(FUZZ_TARGETS)

release: ## Builds the program as it is released: the same bytes wherever it is built
	@CARGO="$(CARGO)" sh scripts/release.sh

reproduce: ## Builds the release twice, in two folders, and compares
	@CARGO="$(CARGO)" sh scripts/reproduce.sh

sbom: $(CARGO_CYCLONEDX) ## Writes what the release is made of, target/gatehouse.cdx.json (CycloneDX)
	@CARGO="$(CARGO)" sh scripts/packages.sh sbom $(RELEASE_PACKAGES)

check: $(CARGO_DENY) ## Checks format, lints, documentation, licences, bans and sources
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
# Advisories are left out: they need a fresh clone of the advisory database, and a check that fails because the world
# has changed is no check of a commit. Run `.tools/bin/cargo-deny check advisories` daily, on a schedule: see SECURITY.md.
	$(CARGO) fetch --locked
	$(CARGO_DENY) --offline check bans licenses sources
	@CARGO="$(CARGO)" sh scripts/packages.sh count $(RELEASE_PACKAGES)
# Its lock file follows the service's.
	$(CARGO) metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 >/dev/null

lint-deploy: run-tools ## Checks the files below deploy/ with the linters of what reads them
	@sh scripts/lint-deploy.sh

$(CARGO_DENY):
	$(CARGO) install --locked cargo-deny --version $(CARGO_DENY_VERSION) --root .tools

$(CARGO_FUZZ):
	$(CARGO) install --locked cargo-fuzz --version $(CARGO_FUZZ_VERSION) --root .tools

$(CARGO_CYCLONEDX):
	$(CARGO) install --locked cargo-cyclonedx --version $(CARGO_CYCLONEDX_VERSION) --root .tools
