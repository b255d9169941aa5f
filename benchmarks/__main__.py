"""`python -m benchmarks` measures what `make bench` does; `python -m benchmarks gpu`, a GPU."""

import sys

if sys.argv[1:2] == ["gpu"]:
    from benchmarks.gpu import main

    main(sys.argv[2:])
else:
    from benchmarks.throughput import main as measure_all

    measure_all()
