"""./lab bench: what each way of sending and receiving costs on this machine, and how far it is from what others do.

Absolute figures drift by a factor of two from one minute to the next. So whatever is compared is run in turns, in
pairs, and only the ratio within a pair counts: its median and its quartiles. meters.py measures one run, contestants.py
knows how to start everybody, comparisons.py who is compared with whom, bars.toml what must come of it.
"""
