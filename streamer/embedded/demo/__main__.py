"""python -m streamer.embedded.demo: see `streamer.embedded.demo.story`."""

import sys

from streamer.embedded.demo.story import main

if __name__ == "__main__":
    sys.exit(main())
