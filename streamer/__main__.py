"""`python -m streamer` and the console script `streamer`."""

from streamer.cli import main

if __name__ == "__main__":
    main()
