"""``python -m benchmarks``: see README.md beside this file."""

from benchmarks.bench import main

if __name__ == "__main__":
    main()
