"""For gdb's own Python: `frame $frame_of("send_file")`. The number of a frame depends on the C library, which may have
frames of its own above send; and `frame function send_file`, which says the same, ends gdb 13.1 with a segmentation
fault."""

import gdb


class FrameOf(gdb.Function):
    """$frame_of(NAME): the number, in the backtrace, of the innermost frame of that function."""

    def invoke(self, name):
        frame, wanted = gdb.newest_frame(), name.string()
        while frame is not None and (frame.name() or "").partition("(")[0] != wanted:
            frame = frame.older()
        if frame is None:
            raise gdb.GdbError(f"no frame of {wanted}")
        return frame.level()


FrameOf("frame_of")
