"""The wire: the format of the trains, peers of our own, faults and the proxy that makes them, test files."""
