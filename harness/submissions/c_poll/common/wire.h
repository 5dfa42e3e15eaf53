// The numbers of the wire that both sides must agree on.
#pragma once

enum { HEAD_SIZE = 4, BODY_MAX = 1000, SIZE_SIZE = 8 };
