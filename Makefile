# Each target does its own set-up: a fresh clone needs Node >= 20.19 and npm, nothing else.
.DEFAULT_GOAL := help
SHELL := /bin/bash
MSG ?= Hello from the roof

.PHONY: help demo test scenarios scenarios-300 bench lint types build clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build ## a message through a relay, over simulated radios at true speed (MSG="any text")
	@node dist/test/demo/demo.js "$(MSG)"

test: build ## unit tests and scenarios, under 5 minutes on two cores (ONLY="part of a path" for some)
	@npx --no-install vitest run --config test/vitest.config.ts $(ONLY)

scenarios: build ## large meshes for days of virtual time: about half an hour on two cores (ONLY="part of a name" for one)
	@npx --no-install vitest run --config test/vitest.long.config.ts -t "$(ONLY)"

scenarios-300: build ## the same with 300 boxes: a night
	@BOXES=300 npx --no-install vitest run --config test/vitest.long.config.ts -t "300 boxes.*$(ONLY)"

bench: build ## bytes and time on air, memory and start-up, against their limits
	@node dist/test/bench/bench.js

lint: node_modules/.installed ## style and forbidden constructs
	@npx --no-install biome check .

types: node_modules/.installed ## the type checker
	@npx --no-install tsc -p . --noEmit

build: node_modules/.installed ## TypeScript to dist/
	@npx --no-install tsc -p .
	@touch dist/.built

# A failed build of the optional hardware packages (no compiler) does not fail the install.
node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clean: ## remove what was built and installed
	rm -rf dist node_modules
