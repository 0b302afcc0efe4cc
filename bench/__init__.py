"""`make bench`: the same work done by motools and by other tools, in turn, in one run. See `README.md`."""
