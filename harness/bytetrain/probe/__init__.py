"""The probe: a library in front of the C library of a program, which records its system calls, and breaks some of them
by a plan.

    book = Book(folder / "calls.book", [rule("1.2 recv 3 fail EINTR")])
    with Server(..., Conditions(env=book.variables())) as server:
        ...
    for call in book.calls(): print(call)

The library is harness/probe/ (C++); what it and this room share, a file of records, is described in format.hpp there.
"""
