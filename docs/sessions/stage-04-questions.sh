#!/usr/bin/env bash
# Stage 04: small experiments behind the questions.
source "$SESSIONS/lib.sh"

part rounding
run "awk 'BEGIN {size = 14888896; printf \"%.2f%%\\n\", 100 * (size - 700) / size}'"
part overflow
run "echo \$((42949673 * 100 / 52428800))%                   # 64 bits"
run "echo \$(((42949673 * 100 & 0xffffffff) / 52428800))%    # what is left of it in 32 bits"
part rate
run "awk 'BEGIN {
  for (second = 1; second <= 12; second++) {
    last = second <= 6 ? 10 : 0  # MiB in this second: after six seconds, nothing comes any more
    sum += last
    smooth = second == 1 ? last : 0.7 * smooth + 0.3 * last
    if (second % 2 == 0) printf \"%2d s: average %4.1f, last second %2d, smoothed %4.1f MiB/s\\n\", second, sum / second, last, smooth
  }
}'"
part pieces
run 'head -c 1M /dev/zero > mib'
run 'dd if=mib of=copy bs=1000 2>&1 | grep -v copied'
run 'dd if=mib of=copy bs=64K 2>&1 | grep -v copied'
