"""`python -m benchmarks`: everything, as `make bench` runs it."""

from benchmarks.throughput import main

main()
