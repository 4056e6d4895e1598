# The one door to everything: make alone prints what there is. Lines with ## are that help.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

export CGO_ENABLED := 0

LISTEN    ?= 127.0.0.1:8080
PKG       ?= ./...
BENCH     ?= .
COUNT     ?= 1
FUZZTIME  ?= 30s
SOAK      ?= 10m
TIMEOUT   ?= 8m

# Packages whose tests run a second time under the race detector, because they share things between goroutines.
RACE ?= $(addprefix ./,$(wildcard internal/db internal/bot/js internal/bot internal/message internal/routing \
	internal/gateway internal/channel/channeltest internal/app internal/config internal/api internal/api/vumi \
	internal/bot/httpbot internal/transfer internal/channel/voice/twilio internal/optout))

GO_FOLDERS := $(wildcard cmd internal test bench tools)
SET        := internal/bot/bundle/builtin/set.zip
LINT       := .cache/lint

# In CI nothing may be skipped for want of a program; elsewhere a missing one is named and the rest goes on.
missing = $(if $(CI),echo "missing in CI: $(1)" >&2; exit 1,echo "note: $(1)" >&2)
NO_NODE = Node.js and npm are not installed: bots can use only the packages in their own folder
NO_PG   = no PostgreSQL on 127.0.0.1:5432 and INDABA_TEST_POSTGRES is not set: stores are tested on SQLite only
NO_GCC  = no C compiler: the race detector needs one, its tests are left out

.PHONY: help run dev build toolkit test test-go test-race lint bench bench-go soak fuzz e2e gen clean

help: ## print this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## run the demonstration on LISTEN (127.0.0.1:8080), with its data in data/demo
	@bin/indaba demo --data data/demo --listen $(LISTEN)

dev: $(SET) ## run the demonstration with debug logs, and again after each change of a Go file
	.ci/watch 'go run ./cmd/indaba demo --data data/dev --listen $(LISTEN) --log-level debug' $(GO_FOLDERS)

build: $(SET) ## build bin/indaba
	go build -trimpath -o bin/indaba ./cmd/indaba

toolkit: $(SET) ## fetch the npm packages that bots may use, and pack them for the binary

# A change of the lock file fetches the packages again. Scripts of packages are never run.
toolkit/node_modules/.stamp: toolkit/package.json toolkit/package-lock.json
	@if command -v npm >/dev/null; then \
		cd toolkit && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules/.stamp; \
	else \
		$(call missing,$(NO_NODE)); \
	fi

$(SET): toolkit/node_modules/.stamp $(wildcard internal/bot/bundle/buildset/*.go)
	@if [ -e toolkit/node_modules/.stamp ]; then go run ./internal/bot/bundle/buildset; fi

test: test-go test-race ## run all tests, then those of concurrent packages under the race detector (PKG=./internal/db for some)

test-go: $(SET)
	@if [ -z "$${INDABA_TEST_POSTGRES:-}" ] && ! (exec 3<>/dev/tcp/127.0.0.1/5432) 2>/dev/null; then \
		$(call missing,$(NO_PG)); \
	fi
	go test -timeout $(TIMEOUT) $(PKG)

test-race: $(SET)
	@if command -v "$${CC:-cc}" >/dev/null; then \
		CGO_ENABLED=1 go test -race -short -timeout $(TIMEOUT) $(RACE); \
	else \
		$(call missing,$(NO_GCC)); \
	fi

lint: $(LINT) ## check format, go vet and all linters
	@unformatted="$$(gofmt -l $(GO_FOLDERS))"; \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:" >&2; echo "$$unformatted" >&2; exit 1; fi
	go vet ./...
	$(LINT) ./...
	cd tools && go vet ./... && go test ./...

$(LINT): tools/go.mod tools/go.sum $(wildcard tools/lint/*.go)
	cd tools && go build -o ../$(LINT) ./lint

bench: $(SET) ## measure the whole server beside the floors of this machine (ARGS='-only pipeline -db postgres://…' to choose)
	go run ./bench $(ARGS)

bench-go: $(SET) ## run the benchmarks of packages (PKG=./internal/bot/js BENCH=Warm COUNT=5 to choose)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 0 $(PKG)

soak: $(SET) ## run the tests named TestSoak for SOAK (10m) each
	INDABA_TEST_SOAK=$(SOAK) go test -run '^TestSoak' -count 1 -v -timeout 0 $(PKG)

fuzz: $(SET) ## fuzz every parser for FUZZTIME (30s) each
	@grep -rlE '^func Fuzz' --include='*_test.go' internal | while read -r file; do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/p' "$$file"); do \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"; \
		done; \
	done

e2e: $(SET) ## run only the whole-server tests
	go test -timeout $(TIMEOUT) -count 1 -v ./test/e2e/... ./test/crash/...

gen: ## run every go:generate line
	go generate ./...

clean: ## delete what make has built; data stays
	rm -rf bin .cache toolkit/node_modules $(SET)
