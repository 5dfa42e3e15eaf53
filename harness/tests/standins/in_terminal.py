"""Runs a command in the foreground of the terminal that is its standard input: in_terminal.py COMMAND..."""

import fcntl
import os
import sys
import termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
