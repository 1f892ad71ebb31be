# The short names of what people do here; `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup build demo serve test check-long promises fix clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' \
	  $(MAKEFILE_LIST)

setup:  ## install what is missing (Debian 12; root or sudo)
	@scripts/setup

build: setup  ## build everything into build/release
	@scripts/build

demo: setup  ## the tour: plan, reproduce a paper, fit real runs; a few minutes
	@scripts/demo

serve: setup  ## build the server and run it on localhost until ctrl-c
	@scripts/serve

test:  ## all gates and tests, as in CI
	@scripts/setup --test
	@scripts/check

check-long:  ## everything that takes longer: sanitizers, linter, long tests
	@scripts/setup --long
	@scripts/check --long

promises:  ## measure each promise of the README
	@scripts/setup --long
	@scripts/promises

fix: setup  ## format all sources
	@scripts/fix

clean:  ## remove what was built
	rm -rf build
