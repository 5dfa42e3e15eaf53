#!/usr/bin/env bash
# Stage 03: two events of one epoll_wait; what is done for the first makes the second name somebody else.
source "$SESSIONS/lib.sh"

run "cat > batch.py <<'END'
import os, select

client, door = os.pipe()
os.write(door, b'!')  # in place of the listener: a client waits
channel, worker = os.pipe()
os.close(worker)  # the worker has died: the channel is at its end
epoll = select.epoll()
epoll.register(client, select.EPOLLIN)
epoll.register(channel, select.EPOLLIN)
batch = [number for number, _ in epoll.poll()]
print('one epoll_wait, two events:', batch)
for number in batch:
    if number == client:
        os.close(channel)  # handing over fails with EPIPE: another worker takes the place of the dead one
        new, _ = os.pipe()
        print('event of', number, '- the client: a new worker, whose channel is', new)
    else:
        print('event of', number, '- the channel: \"its worker is dead\"')
END"
run 'python3 batch.py'
