#!/bin/sh
# Double-click, or run in a terminal: sets the studio up on the first run, then starts it.
cd "$(dirname "$0")/../.." && exec python3 launch.py "$@"
