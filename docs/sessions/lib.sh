# lib.sh: what a session is made of. Each session begins with:  source "$SESSIONS/lib.sh"
# What it prints is quoted in the docs; `PYTHONPATH=harness /usr/bin/python3 -m bytetrain.docs` reruns and compares it.
# shellcheck shell=bash

exec 3>&1 2>&1   # 3: the transcript
set -m           # as in a terminal: each job is a process group of its own, and Ctrl-C's SIGINT is not ignored
exec 2>../shell  # what bash itself says about jobs that end

declare -A pid_of=() shown_lines=()
next_pid=4711 next_port=41233

# ---- The transcript ----------------------------------------------------------------------------------------

# part NAME: what follows is quoted on its own, as <!-- session: SESSION.NAME -->
part() { printf '\x1e%s\n' "$1" >&3; }

# run COMMAND: shows a command as it would be typed, and what comes of it.
run() {
  printf '$ %s\n' "$1" >&3
  (eval "$1" >&3 2>&3 3>&- {never}>&-) || true
}

# quietly COMMAND...: something that the page doesn't show.
quietly() { "$@" >/dev/null 2>&1 || true; }

# ---- What varies -------------------------------------------------------------------------------------------

# value ACTUAL EXAMPLE: the page shows EXAMPLE wherever this run has the number ACTUAL.
value() { printf 'value\t%s\t%s\n' "$1" "$2" >>"$SESSION_VALUES"; }

# vary REGEX EXAMPLE: the page shows EXAMPLE for the first group of a Python regular expression.
vary() { printf 'vary\t%s\t%s\n' "$1" "$2" >>"$SESSION_VALUES"; }

name_pid() { # name_pid PID: pids are shown as 4711, 4712... in the order in which they are named
  value "$1" "$next_pid"
  next_pid=$((next_pid + 1))
}

# ---- Waiting for states ------------------------------------------------------------------------------------

exec {never}<> <(:) # a pipe that nobody writes to: reading it with a limit is a pause without a process

# until_true WHAT COMMAND...: looks again and again; the one place that pauses.
until_true() {
  local what=$1 looks=0
  shift
  until "$@"; do
    looks=$((looks + 1))
    if ((looks > 3000)); then # a minute, or more where the machine is busy
      printf 'waited in vain until %s\n' "$what" >&3
      exit 1
    fi
    read -rt 0.02 -u "$never" || true
  done
}

look() { # the letter of proc(5) into $state; nothing if the process is gone
  local line
  state=
  while read -r line; do
    if [[ $line =~ ^State:[[:space:]]+([A-Za-z]) ]]; then state=${BASH_REMATCH[1]}; fi
  done 2>/dev/null <"/proc/$1/status" || true
}

in_state() { # in_state PID LETTERS
  look "$1"
  [[ $state == ["$2"] ]]
}
gone() { [[ ! -e /proc/$1 ]]; }
heard_port() { # heard_port FILE: the port in a line that is there to its end, into $heard
  local line
  heard=
  while read -r line; do
    if [[ $line =~ ^listening\ on\ .*:([0-9]+)$ ]]; then heard=${BASH_REMATCH[1]}; fi
  done 2>/dev/null <"$1" || true
  [[ $heard ]]
}
has_line() { grep -q -- "$2" "$1" 2>/dev/null; } # has_line FILE PATTERN
children() { local all; read -r -a all <"/proc/$1/task/$1/children" || true; printf '%s\n' "${all[@]}"; }

stopped() { # stops a process and waits until it has: then nothing of it goes on by chance
  kill -STOP "$1"
  until_true "process $1 is stopped" in_state "$1" Tt
}

# stopped_under FILE: waits until strace has written there that a process is stopped. It is halted by strace before the
# signal stops it, and a SIGCONT in between would take the SIGSTOP back: signal(7).
stopped_under() { until_true "strace says that it is stopped" has_line "$1" 'stopped by SIGSTOP'; }

# ---- Programs in the background ----------------------------------------------------------------------------

# bg NAME COMMAND: starts a command in the background; what it prints is shown by `said` and `ended`.
bg() {
  printf '$ %s &\n' "$2" >&3
  start "$1" "$2"
}

# start NAME COMMAND: the same, not shown.
start() {
  : >"../$1.out" # now: nobody shall read there what one of the same name has said before
  eval "exec $2" >"../$1.out" 2>&1 3>&- {never}>&- &
  pid_of[$1]=$!
  shown_lines[$1]=0
}

# said NAME PATTERN: waits for a line, and shows what NAME has printed up to it since the last time.
said() {
  local number
  until_true "$1 says '$2'" new_line_has "$1" "$2"
  number=$(tail -n "+$((shown_lines[$1] + 1))" "../$1.out" | grep -n -m 1 -- "$2" | cut -d: -f1)
  tail -n "+$((shown_lines[$1] + 1))" "../$1.out" | head -n "$number" | as_shown >&3
  shown_lines[$1]=$((shown_lines[$1] + number))
}
new_line_has() { tail -n "+$((shown_lines[$1] + 1))" "../$1.out" | grep -q -- "$2"; }

as_shown() { # gdb's traced commands as if typed; without what depends on gdb's version and on libc's debug information
  sed -E -e 's/^\++([a-z])/(gdb) \1/' -e '/^\[[A-Z]/d' -e '/^(.{0,4} )?warning: /d' -e '/^Reading symbols/d' \
    -e '/^0x[0-9a-f]+ in /d' -e '/sysdeps.*No such file/d'
}

# ended NAME: waits for its end, and shows the rest of what it has printed. Leaves its status in $status.
ended() {
  status=0
  wait "${pid_of[$1]}" || status=$?
  tail -n "+$((shown_lines[$1] + 1))" "../$1.out" | as_shown >&3
}

# status_of NAME: waits for its end, and shows its status as `wait` tells it.
status_of() {
  printf '$ wait %s; echo "status $?"\n' "${pid_of[$1]}" >&3
  ended "$1"
  printf 'status %s\n' "$status" >&3
}

# finish NAME...: ends programs that a session doesn't need any more.
finish() {
  local name
  for name; do
    quietly kill -KILL "${pid_of[$name]}"
    quietly wait "${pid_of[$name]}"
  done
}

# serve NAME COMMAND: a server in the background. Sets $port, $server (the parent's pid) and $workers (theirs).
serve() {
  bg "$1" "$2"
  listens "$1"
}

# listens NAME: waits for the line that a server prints when it is ready, and names its port and its processes.
listens() {
  until_true "$1 listens" heard_port "../$1.out"
  port=$heard
  value "$port" "$next_port"
  next_port=$((next_port + 7))
  said "$1" '^listening on '
  server=${pid_of[$1]}
  if [[ $(<"/proc/$server/comm") =~ ^(strace|gdb)$ ]]; then server=$(children "$server"); fi
  name_pid "$server"
  mapfile -t workers < <(children "$server")
  for worker in "${workers[@]}"; do
    if [[ $worker ]]; then name_pid "$worker"; fi
  done
}

traced() { # traced NAME: shows how to find the program that strace, the last one in the background, has started
  printf '$ pgrep -P $!  # $! is strace, its child is the program\n' >&3
  pgrep -P "${pid_of[$1]}" >&3
}

# relay NAME COMMAND: as `serve`, for a proxy. Sets $through, its port.
relay() {
  bg "$1" "$2"
  until_true "$1 listens" heard_port "../$1.out"
  through=$heard
  value "$through" "$next_port"
  next_port=$((next_port + 7))
  said "$1" '^listening on '
}

# debug NAME SCRIPT PROGRAM: gdb in the background, with the commands of a .gdb file shown as if they were typed. What it
# says in brackets, of forks and threads, depends on its version and comes when it likes: it is left out.
debug() {
  printf '$ gdb -q %s\n' "$3" >&3
  start "$1" "gdb -q -batch -iex 'set debuginfod enabled off' -iex 'set debug-file-directory /none' -iex 'set libthread-db-search-path /none' \
    -iex 'set disable-randomization off' -iex 'set width 0' -iex 'source $SESSIONS/frame_of.py' -iex 'set trace-commands on' \
    -x '$SESSIONS/$2' $3"
}
