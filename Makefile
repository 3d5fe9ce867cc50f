# make demo, make test: everything else is plain Snakemake (README.md).
PYTHON ?= python3
CORES ?= $(shell nproc)
READY := .venv/.ready
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# The report's mmdet, whose zoo configs `make docs` compares with ours. They are Python, so the file is checked.
REPORTS_MMDET := 2.18.1
REPORTS_SHA256 := 556463aac8577fe6b59267a7e2a9ae512dd89b557d3636e5736bf23838e4e9ef

.PHONY: help setup demo plan status docs new docs-pictures test test-real test-build test-full test-overfit test-rerun \
        test-damage test-fuzz test-gpu test-commands test-conda test-image test-browser test-slurm simulate-slurm bench \
        bench-full bench-peers bench-gpu gpu-kit check-gpu verify bundle regions clean-work lint mmcv-cuda

help:
	@echo "make demo       set up, run the pipeline on drawn data, print both tables"
	@echo "make plan       print what all trainings will take and what is done; trains nothing"
	@echo "make status     how far runs are, from their files: make status RUN=demo; its exit status says whether all is done"
	@echo "make new        write a first config for your images: make new NAME=mine IMAGES=/path/to/folder"
	@echo "make test       set up, run the tests that need no special machine and no hours"
	@echo "make test-real  check and convert all of ../shared/data, re-score the published submissions"
	@echo "make test-build build mmcv-full anew in an empty cache; says how long it took"
	@echo "make test-full    one step of every cell at full size on ../shared/data; writes docs/full_size.*; an hour and more"
	@echo "make test-gpu    on a GPU: operators, a step and an inference of each model in each precision, resume, out of"
	@echo "                memory, a run; measures into work/gpu/records.jsonl. NUCLEI_GPU_DATA= a raw data set to take"
	@echo "                images from; NUCLEI_GPU_DEVICE=cpu runs it small on a CPU, as a rehearsal"
	@echo "make test-overfit each architecture at full width learns one crop of real tissue; hours"
	@echo "make test-fuzz    2,000 damaged inputs for each reader of files; minutes"
	@echo "make test-damage  300 random kills over 4 small runs, and other damage to runs; an hour"
	@echo "make test-rerun   what each change makes run again, also after a stop (docs/rerun.md), by running it: an hour and more"
	@echo "make test-commands  every command of README and docs as it stands, long trainings as a dry run; 3 minutes"
	@echo "make test-conda   --use-conda from nothing, with a stand-in for conda itself; 3 minutes, 10 GB of disk"
	@echo "make test-image   the container's build steps and a run in a clean Debian 12, the set-up, a run and the unit tests"
	@echo "                in a clean Debian 13; wants root, debootstrap, time"
	@echo "make test-browser  the report page in a real Chromium; screenshots in work/browser; apt-get; 2 minutes"
	@echo "make test-slurm  the pipeline on a real SLURM cluster on loopback, disturbed in every way; root, apt-get"
	@echo "make simulate-slurm  280 cells as sleeps on a SLURM of 8 pretended nodes: makespan, idle GPUs, overhead; 20 minutes"
	@echo "make bench      times beside the alternatives' as one table (docs/bench.md), real data where it is; 10 minutes"
	@echo "make bench-full the same on all masks and the whole demo; an hour and more"
	@echo "make bench-peers  StarDist, Cellpose and InstanSeg trained from scratch on the same images, for 90 minutes each, and"
	@echo "                scored as ours; by default on training images held out. MINUTES=, CORES=, PEERS=stardist, OURS=a cell"
	@echo "                scored on the same images, FOLD=, OUT=, DATA=folder of the archives (../shared/data); ON=test scores"
	@echo "                the test images, once. 14 GB of disk"
	@echo "make bench-gpu  training on a GPU beside mmdet's own tools/train.py, and where the time of a step goes (docs/gpu.md);"
	@echo "                MINUTES= ends it in time, DATA= a folder of the raw data, ON=cpu tries it without a GPU"
	@echo "make gpu-kit    what a machine with a GPU and without network needs, as one folder: DATASET=, TEST_MASKS=, OUT=,"
	@echo "                FOR=3.12 (its Python), HAS=its pip list, WHEEL=mmcv-full built for it; docs/environments.md"
	@echo "make check-gpu  the whole check of the GPU path, on that machine: KIT=the folder, MINUTES=14, CHECK=--dry-run"
	@echo "make verify     check a run's results against its manifest: make verify RUN=demo"
	@echo "make bundle     one zip of a trained cell, for other machines: make bundle CELL=results/demo/cells/setting1/mask_r50/seed0"
	@echo "                also PIXEL_SIZE=0.25 (um per px of its training images), LICENCE=... (of these images); docs/predict.md"
	@echo "make regions    cut annotated regions out of slides, to train on: make regions IMAGES=slides OUT=regions; docs/qupath.md"
	@echo "make clean-work say what no finished result needs; make clean-work YES=--yes removes it"
	@echo "make docs       write docs/map.md, docs/differences.md and the tables of config/README.md anew; downloads mmdet"
	@echo "                $(REPORTS_MMDET), without network keeps what is said of it"
	@echo "make docs-pictures  the pictures of README.md, from a whole run on drawn data; wants chromium, takes as long as the demo"
	@echo "make lint       style checks"
	@echo "make mmcv-cuda  build mmcv-full with CUDA operators and install it"
	@echo "make setup      only the set-up: .venv with pinned packages and mmcv-full"

setup: $(READY)

# Before whatever changes .venv: another clone's is left alone.
OWN_VENV = @[ ! -L .venv ] || { echo "error: .venv: a link to $$(readlink .venv) found, wanted a folder of this clone;\
 remove the link, or run make setup where it leads to" >&2; exit 1; }

# A set-up that was broken off has no stamp and is done again.
$(READY): requirements.txt tools/install_packages.py tools/build_mmcv.py tools/check_machine.py
	$(OWN_VENV)
	@rm -f $@
	@command -v $(PYTHON) > /dev/null || { echo "error: $(PYTHON) not found on PATH, wanted Python 3.11, 3.12 or 3.13;\
 name another one, such as make setup PYTHON=python3.12, or install one (Debian: python3-venv python3-dev)" >&2; exit 1; }
	@$(PYTHON) tools/check_machine.py
	@echo "set-up: packages"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python tools/install_packages.py --quiet
	@echo "set-up: mmcv-full (built once, minutes; from then on from the cache)"
	@.venv/bin/python tools/build_mmcv.py --install
	@echo "$(CURDIR)/plugins" > "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nuclei.pth"
	@touch $@

demo: $(READY)
	snakemake --cores $(CORES) --configfile config/demo.yaml --logger nuclei
	@cat results/demo/tables/table1.md
	@echo
	@cat results/demo/tables/table2.md
	@echo
	@echo "Report: $(CURDIR)/results/demo/report.html"

plan: $(READY)
	snakemake plan --cores $(CORES)

# FORMAT: raw.format of the config, where it is not found by itself
new: $(READY)
	@python tools/new_config.py --name "$(NAME)" --images "$(IMAGES)" --format "$(or $(FORMAT),auto)"

test: $(READY)
	python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-real: $(READY)
	python -m pytest -m slow

test-build: $(READY)
	cache=$$(mktemp -d) && XDG_CACHE_HOME=$$cache python tools/build_mmcv.py; rm -rf $$cache

docs: $(READY)
	python tools/draw_map.py
	@old=$$(mktemp -d); trap 'rm -rf "$$old"' EXIT; \
	echo "mmdet==$(REPORTS_MMDET) --hash=sha256:$(REPORTS_SHA256)" > "$$old/pin.txt"; \
	if pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$$old" -r "$$old/pin.txt"; \
	then python -W ignore tools/explain_configs.py --old "$$old"/*.whl; \
	else echo "docs: no mmdet $(REPORTS_MMDET); the comparison with it stays as it is"; \
	python -W ignore tools/explain_configs.py; fi
	@python tools/write_config_reference.py

docs-pictures: $(READY)
	python tools/draw_pictures.py

lint: $(READY)
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check .
	snakemake --lint --configfile config/demo.yaml

mmcv-cuda: $(READY)
	$(OWN_VENV)
	python tools/build_mmcv.py --cuda --install
	@python -W ignore -c "from mmcv.ops import get_compiling_cuda_version as v; print('mmcv-full: built with CUDA', v())"

test-full: $(READY)
	python -m pytest -m full -s tests/full

# In order of worth, which is that of the files' names, so that whatever cuts it off cuts the least.
test-gpu: $(READY)
	python -W ignore -m pytest -m gpu -s -rs tests/gpu

test-overfit: $(READY)
	python -m pytest -m overfit -s tests/full

test-damage: $(READY)
	python -m pytest -m damage -s tests/workflow/test_damage.py

test-fuzz: $(READY)
	NUCLEI_FUZZ_CASES=2000 python -m pytest --durations=0 tests/unit/test_fuzz*.py

test-rerun: $(READY)
	python -m pytest -m "" -s tests/workflow/test_rerun.py

test-commands: $(READY)
	python -m pytest -m commands tests/project/test_commands.py tests/workflow/test_qupath_loop.py \
	  tests/workflow/test_bundle_elsewhere.py

test-slurm: $(READY)
	PYTHONPATH=scripts python tests/slurm/cluster.py
	python -m pytest -m slurm -s --ignore tests/slurm/test_simulate.py tests/slurm

simulate-slurm: $(READY)
	PYTHONPATH=scripts python tests/slurm/cluster.py
	python -m pytest -m slurm -s tests/slurm/test_simulate.py
	PYTHONPATH=scripts:tests python -W ignore tests/slurm/simulate.py

bench: $(READY)
	PYTHONPATH=scripts:tests python -W ignore -m bench --out work/bench.md

bench-full: $(READY)
	PYTHONPATH=scripts:tests python -W ignore -m bench --full --out work/bench-full.md

# Cores only where they are given: config/best.yaml trains on one thread.
bench-peers: $(READY)
	@python -W ignore tools/bench_peers.py $(if $(ON),--on "$(ON)") $(if $(MINUTES),--minutes $(MINUTES)) \
	$(if $(filter command line,$(origin CORES)),--cores $(CORES)) $(if $(PEERS),--peers $(PEERS)) \
	$(if $(DATA),--data "$(DATA)") $(if $(FOLD),--fold "$(FOLD)") $(if $(OURS),--ours "$(OURS)") $(if $(OUT),--out "$(OUT)")

bench-gpu: $(READY)
	PYTHONPATH=scripts:tests python -W ignore -m gpu.bench $(if $(MINUTES),--minutes $(MINUTES)) \
	$(if $(DATA),--data "$(DATA)") $(if $(ON),--device $(ON)) $(if $(filter cpu,$(ON)),--small)

gpu-kit: MASKS = $(or $(TEST_MASKS),$(wildcard data/vrdl-test-masks.tar.xz))
gpu-kit: $(READY)
	@python tools/gpu_kit.py --out "$(or $(OUT),work/gpu-kit)" --dataset "$(or $(DATASET),data/vrdl-raw.tar.xz)" \
	$(if $(MASKS),--test-masks "$(MASKS)") $(if $(FOR),--python $(FOR)) $(if $(HAS),--has "$(HAS)") \
	$(if $(WHEEL),--wheel "$(WHEEL)")

# Without a set-up: the machine with the GPU may have no network, and has its own torch.
check-gpu:
	@$(PYTHON) tools/check_gpu.py $(if $(KIT),--kit "$(KIT)") $(if $(MINUTES),--minutes $(MINUTES)) $(CHECK)

# Without a set-up: it needs no package, and whoever looks on a login node has none.
status:
	@python3 tools/status.py $(RUN)

verify: RUN ?= demo
verify: $(READY)
	python tools/verify_run.py results/$(RUN)

bundle: $(READY)
	@[ -n "$(CELL)" ] || { echo "error: CELL not given, wanted the folder of a cell; see make help" >&2; exit 1; }
	@python -W ignore tools/make_bundle.py --cell "$(CELL)" $(if $(BUNDLE),--out "$(BUNDLE)") \
	$(if $(PIXEL_SIZE),--pixel-size $(PIXEL_SIZE)) $(if $(LICENCE),--licence "$(LICENCE)")

regions: $(READY)
	@python tools/cut_regions.py --images "$(IMAGES)" --out "$(OUT)"

clean-work: $(READY)
	python tools/clean_work.py $(YES)

# What only these tests need, beside the pinned packages, so that it is in no environment that they check.
TOOLS := .venv/tools
$(TOOLS): tests/requirements.txt $(READY)
	$(OWN_VENV)
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target $@ \
	-r tests/requirements.txt
	@touch $@

test-conda: $(TOOLS)
	python -m pytest -m "conda or not conda" tests/conda

test-browser: $(TOOLS)
	PYTHONPATH=scripts python tests/browser/chromium.py
	PYTHONPATH=$(CURDIR)/$(TOOLS) python -m pytest -m browser -s tests/browser

# Mounts end with their namespace, whatever ends the test; only then are files removed.
test-image: $(TOOLS)
	@command -v debootstrap > /dev/null || { echo "error: debootstrap not found on PATH; install it" >&2; exit 1; }
	@[ $$(id -u) = 0 ] || { echo "error: user $$(id -un) found, wanted root, for chroot and mounts" >&2; exit 1; }
	folder=$$(mktemp -d); trap 'rm -rf --one-file-system "$$folder"' EXIT; trap 'exit 130' INT TERM; \
	unshare --mount --pid --fork --mount-proc \
	python -m pytest -m "image or not image" -s --basetemp="$$folder/test" tests/image
