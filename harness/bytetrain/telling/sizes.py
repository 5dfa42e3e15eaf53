"""Sizes in bytes: their units, and how they are told."""

KiB, MiB, GiB = 1 << 10, 1 << 20, 1 << 30


def size_words(size: float) -> str:
    """8589934592 as "8 GiB"."""
    for unit, factor in (("GiB", GiB), ("MiB", MiB), ("KiB", KiB)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size:g} B"
