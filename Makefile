# Two commands matter: `make demo` and `make test`. Both set up whatever is missing.
NODE = node_modules/.bin/node --no-warnings

.PHONY: demo test bench parity fuzz lint build setup setup-test setup-bench clean

demo: setup ## a working mesh with Bookinfo and a canary; Ctrl-C stops it
	@bin/lateen demo

test: setup-test ## every test: unit, integration, end to end; ONLY=word runs the files whose path contains the word
	@$(NODE) test/run.ts $(ONLY)

bench: setup-bench ## cost and speed beside nginx, HAProxy and Envoy; ROW=name runs one row
	@$(NODE) bench/main.ts $(ROW)

parity: setup-test ## the same scenarios through Envoy and through our sidecar
	@$(NODE) test/run.ts test/parity/

fuzz: setup ## input for everything that reads strangers' bytes, guided by coverage; SECONDS_EACH=n
	@$(NODE) test/fuzz/main.ts $(SECONDS_EACH)

lint: setup
	@npm run --silent check

build: setup

setup:
	@sh build/setup.sh

setup-test:
	@sh build/setup.sh --test

setup-bench:
	@sh build/setup.sh --bench

clean:
	rm -rf dist src/xds/generated src/kube/generated src/proxy/generated console/dist .cache
