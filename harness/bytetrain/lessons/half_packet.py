"""A train is cut in its body, and the rest comes only when the first part has been read."""

from ..wire.files import ON_DISK, content
from .cut_trains import FIRST_PART, cut_a_train
from .evidence import Evidence, when
from .scene import Scene


def play(scene: Scene) -> Evidence:
    cut = cut_a_train(scene, scene.store.seeded(scene.big))
    following = content(4, ON_DISK, start=cut.content_before)
    bad_length = int.from_bytes(following, "big")
    shown = cut.status == 1 and f" {bad_length} bytes" in cut.said and not cut.md5_saved
    return cut.evidence(
        failure=when(shown, f"asked for 1000 bytes, got {FIRST_PART}; then a train of {bad_length} bytes"),
        misread=[f"the next bytes of that body, {following.hex(' ')}, were read as a length: {bad_length}"],
        facts={"bad_length": bad_length if shown else None},
    )
