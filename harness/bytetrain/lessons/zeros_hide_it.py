"""The same cut, in a file of zeros: the shifted length reads 0, and that means "the end"."""

from .cut_trains import cut_a_train
from .evidence import Evidence, when
from .scene import Scene


def play(scene: Scene) -> Evidence:
    cut = cut_a_train(scene, scene.store.sparse(scene.big))
    shown = cut.status == 0 and 0 < cut.saved < cut.size and cut.md5_saved != cut.md5_sent
    return cut.evidence(
        failure=when(shown, f"{cut.saved} of {cut.size} bytes saved, status 0"),
        misread=[
            "the next bytes of that body, 00 00 00 00, were read as a length: 0, which means the end",
            f"{cut.saved} of {cut.size} bytes saved, reported as success",
            f"md5 of the file sent  {cut.md5_sent}",
            f"md5 of the file saved {cut.md5_saved}",
        ],
        facts={},
    )
