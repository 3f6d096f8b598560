# Every target works on the stack `local` unless STACK=… names another one. YES=1 answers yes if a
# command would ask.
SHELL = /bin/bash
STACK = local
# Values that a person gives are data. Recipes read them as variables of the shell, so neither make
# nor the shell expands anything in them.
override export STACK := $(value STACK)
override export NAME := $(value NAME)
override export FILE := $(value FILE)
override export REGISTRY := $(value REGISTRY)
override export KEEP := $(value KEEP)
override export ONLY := $(value ONLY)
override export SNAPSHOT := $(value SNAPSHOT)
override export TOPIC := $(value TOPIC)
# Without compiled modules each command, and each worker of the tests, compiles the program anew.
unexport PYTHONDONTWRITEBYTECODE
run = . ./activate && python -m commands
# Unit tests wait for half of their time, so four processes keep two cores busy.
parallel = --numprocesses 4 --dist worksteal
# End-to-end tests too, but less of it; more than three processes would only share the two cores.
end_to_end = python -m pytest tests/e2e -m "not drill" --numprocesses 3 --dist loadfile

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

up: setup ## bring the host to what the files in config/ say
	@$(run) up --stack "$$STACK"

preview: engine ## show what `make up` would change
	@$(run) preview --stack "$$STACK"

console: engine console-packages ## add, change, preview and publish sites in a browser on this machine
	@$(run) console --stack "$$STACK"

drift: engine ## show where the host differs from the files; exit code 2 if it does
	@$(run) drift --stack "$$STACK"

outdated: venv ## show newer versions of images and packages
	@$(run) outdated

down: engine ## take the stack down and keep its data
	@$(run) down --stack "$$STACK"

purge: engine ## list the data that `make down` kept, ask, and delete it
	@$(run) purge --stack "$$STACK"

status: engine ## show the components, their health and their URLs
	@$(run) status --stack "$$STACK"

logs: engine ## follow what a component prints: make logs NAME=welcome
	@$(run) logs --stack "$$STACK" --name="$$NAME"

user: engine ## give somebody a password: make user NAME=alice [REGISTRY=write], or FILE=.htpasswd
	@$(run) user --stack "$$STACK" --name="$$NAME" --file="$$FILE" --registry="$$REGISTRY"

users: engine ## list who has a password, and their rights
	@$(run) users --stack "$$STACK"

registry-gc: engine ## remove images that no tag names; KEEP=5 first keeps only the newest five tags of each
	@$(run) registry-gc --stack "$$STACK" --keep="$$KEEP"

backup-key: engine ## add the missing secrets of the backup, and print what to keep; or FILE=sheet.txt
	@$(run) backup-key --stack "$$STACK" --file="$$FILE"

backup: engine ## save all data in the backup's repository
	@$(run) backup --stack "$$STACK"

backups: engine ## list the snapshots of the backup
	@$(run) backups --stack "$$STACK"

backup-prune: engine ## show which snapshots are too old, and remove them
	@$(run) backup-prune --stack "$$STACK"

restore: setup ## bring the newest snapshot's data, and the stack, to an empty host; or SNAPSHOT=0a1b2c3d; ONLY=pypi replaces one component's data
	@$(run) restore --stack "$$STACK" --snapshot="$$SNAPSHOT" --only="$$ONLY"

restore-state: engine ## take over the state of the newest snapshot, where this checkout has none
	@$(run) restore-state --stack "$$STACK"

ca: engine ## print the certificate of the stack's own CA
	@$(run) ca --stack "$$STACK"

trust: engine ## print the line that makes this machine trust that CA
	@$(run) trust --stack "$$STACK"

vault-key: engine ## add the missing secrets that open the vault
	@$(run) vault-key --stack "$$STACK"

vault-snapshot: engine ## write everything that the vault holds to a file: make vault-snapshot FILE=vault.snap
	@$(run) vault-snapshot --stack "$$STACK" --file="$$FILE"

vault-restore: engine ## ask, and replace what the vault holds with a snapshot: make vault-restore FILE=vault.snap
	@$(run) vault-restore --stack "$$STACK" --file="$$FILE"

vault-reset: engine ## empty the vault's storage if its first start failed half-way
	@$(run) vault-reset --stack "$$STACK"

check: lint engine ## check format, lint and types, and run the unit tests
	@. ./activate && python -m pytest tests/unit $(parallel)

# What fails end to end is run once more, on stacks of its own: a busy machine is no fault.
test: setup console-packages ## run all tests but long drills
	@setup/images
	@setup/test-tools
	@. ./activate && python -m pytest tests/unit $(parallel)
	@. ./activate && $(end_to_end) || { [[ $$? == 1 ]] && $(end_to_end) --last-failed --exitfirst; }

drill: setup console-packages ## save, lose and restore stacks that are made for it, all drills
	@setup/images
	@setup/test-tools
	@. ./activate && python -m pytest --verbose tests/e2e/test_backup.py tests/e2e/test_daily_backup.py tests/e2e/test_remote_backup.py tests/e2e/test_restore.py

bench: setup ## measure what the documents claim: make bench TOPIC=sites
	@. ./activate && python -m bench $${TOPIC:+"$$TOPIC"}

format: venv ## format the code
	@.venv/bin/ruff format --quiet && .venv/bin/ruff check --quiet --fix

setup: engine ## install what the stack needs on this machine
	@setup/docker "$$STACK"

lint: console-packages
	@.venv/bin/ruff format --check
	@.venv/bin/ruff check
	@.venv/bin/mypy

engine: venv
	@setup/engine

venv:
	@setup/venv

console-packages: venv
	@setup/console

.PHONY: backup backup-key backup-prune backups bench ca check console console-packages down drift drill engine format help lint logs outdated preview purge registry-gc restore restore-state setup status test trust up user users vault-key vault-reset vault-restore vault-snapshot venv
