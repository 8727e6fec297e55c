#!/bin/sh
# Measure on a GPU, in under 10 minutes with one of a data centre; the table is written to benchmarks/results-gpu.md.
# The images and weights are looked for in ../shared/data, or in $SHAPEBIAS_TEST_DATA.
set -e
cd "$(dirname "$0")/.."
make .venv-bench/.installed
.venv-bench/bin/python benchmarks/run_all.py --device cuda --output benchmarks/results-gpu.md
cat benchmarks/results-gpu.md
