#!/bin/sh
# Measure on a GPU, in a few minutes; the table is written to benchmarks/results-gpu.md.
set -e
cd "$(dirname "$0")/.."
make .venv-bench/.installed
.venv-bench/bin/python benchmarks/run_all.py --device cuda --output benchmarks/results-gpu.md
cat benchmarks/results-gpu.md
