# Everything a user or developer starts. Variables:
#   BENCH_ARGS      options for `make bench-ehr` and its like, e.g. BENCH_ARGS=--help
#   PYTHON          interpreter of the environment, Python 3.11 or 3.12 (default: python3)
#   TORCH_PIP_ARGS  options for the `pip install` of torch, e.g. to name an index of CPU builds
#   DEV_ARGS        options for `medplatform dev`, e.g. DEV_ARGS="--port 3100"
#   PYTEST_ARGS     options for pytest, e.g. PYTEST_ARGS='-k lake' (default: three workers)

PYTHON ?= python3
TORCH_PIP_ARGS ?=
DEV_ARGS ?=
# Three on two cores: many tests wait for a service.
PYTEST_ARGS ?= --numprocesses 3 --dist loadfile --no-loadscope-reorder

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
TORCH := torch==2.13.0

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
IS_CUDA_BUILD := import sys, torch; sys.exit(torch.version.cuda is None)

.DEFAULT_GOAL := help
.PHONY: help demo dev test check venv lock bench bench-ehr bench-imaging bench-genomics clean system-packages

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Run the whole platform on a synthetic cohort and print what came of it
	$(BIN)/medplatform demo

dev: $(VENV)/.installed ## Open the Dagster UI (with its daemon) and the MLflow UI
	$(BIN)/medplatform dev $(DEV_ARGS)

test: check ## Run the static checks and the tests
	$(BIN)/pytest $(PYTEST_ARGS)

check: $(VENV)/.installed-dev ## Run the static checks: ruff, pyright, import-linter, sqlfluff, the compose schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint dbt
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.gpu.yml

bench: $(VENV)/.installed-dev ## Measure the platform under load
	$(BIN)/python -m benchmarks

bench-ehr: $(VENV)/.installed-dev ## Measure reading FHIR beside other tools (BENCH_ARGS='--mb 75')
	$(BIN)/python -m benchmarks.ehr $(BENCH_ARGS)

bench-imaging: $(VENV)/.installed-dev ## Measure reading images beside other tools (BENCH_ARGS='--tables headers')
	$(BIN)/python -m benchmarks.imaging $(BENCH_ARGS)

bench-genomics: $(VENV)/.installed-dev ## Measure reading VCF beside other tools (BENCH_ARGS='--tables gt')
	$(BIN)/python -m benchmarks.genomics $(BENCH_ARGS)

venv: $(VENV)/.installed-dev ## Create .venv with everything for development

lock: ## Resolve the newest allowed versions into constraints.txt
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install $(TORCH) $(TORCH_PIP_ARGS)
	build/lock/bin/pip install '.[dev]'
	{ sed '/^[^#]/d' constraints.txt; \
	  build/lock/bin/pip freeze --all --exclude medplatform --exclude pip \
	  | sed -E '/^(nvidia|cuda|triton)/d; s/^(torch==[0-9.]+)\+.*/\1/'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean: ## Delete caches and build results (data/ and .venv stay)
	rm -rf build dist *.egg-info dbt/target dbt/logs .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# The tests that start services need PostgreSQL's programs, those that look at pages Chromium, those
# of images Orthanc (a PACS), dcmtk, dcm2niix, dicom3tools, Tesseract, those of genomes bcftools,
# bgzip (tabix), PLINK 1.9 and 2; pyright needs Node. The tests start an Orthanc of their own: the
# service that its package starts under systemd is switched off.
system-packages: ## Install what the tests need from Debian's packages (as root)
	@missing=; \
	command -v chromium > /dev/null || missing="$$missing chromium"; \
	command -v node > /dev/null || missing="$$missing nodejs"; \
	command -v initdb > /dev/null || ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 \
	  || missing="$$missing postgresql"; \
	test -x /usr/sbin/Orthanc || missing="$$missing orthanc"; \
	ls /usr/share/orthanc/plugins/libOrthancDicomWeb.so > /dev/null 2>&1 \
	  || missing="$$missing orthanc-dicomweb"; \
	command -v storescu > /dev/null || missing="$$missing dcmtk"; \
	command -v dcm2niix > /dev/null || missing="$$missing dcm2niix"; \
	command -v dciodvfy > /dev/null || missing="$$missing dicom3tools"; \
	command -v tesseract > /dev/null || missing="$$missing tesseract-ocr"; \
	command -v bcftools > /dev/null || missing="$$missing bcftools"; \
	command -v bgzip > /dev/null || missing="$$missing tabix"; \
	command -v plink1.9 > /dev/null || missing="$$missing plink1.9"; \
	command -v plink2 > /dev/null || missing="$$missing plink2"; \
	if [ -z "$$missing" ]; then echo "All system packages are there."; \
	elif [ "$$(id -u)" -ne 0 ]; then echo "Not root; please install:$$missing"; \
	else apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends $$missing && \
	  case "$$missing " in *" orthanc "*) \
	    test ! -d /run/systemd/system || systemctl disable --now orthanc;; \
	  esac; fi

# Stamps: pip runs again only when the project or its lock has changed.
$(BIN)/python:
	@$(PYTHON) -c '$(SUPPORTED)' || { \
	  echo "medplatform needs Python 3.11 or 3.12, and $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another interpreter, e.g.: make $(or $(MAKECMDGOALS),venv) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch first: what it brings along decides between a CPU and a CUDA build for all that follow.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	$(PIP) install --constraint constraints.txt $(TORCH) $(TORCH_PIP_ARGS)
	@command -v nvidia-smi > /dev/null || ! $(BIN)/python -c '$(IS_CUDA_BUILD)' || \
	  echo "Note: no GPU here, and this torch is a CUDA build; TORCH_PIP_ARGS can name CPU builds."
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt $(VENV)/.torch
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt $(VENV)/.torch
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed
