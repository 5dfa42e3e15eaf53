"""A submission's stage can be built, and has both programs."""

from __future__ import annotations

import os

from bytetrain.build import Programs


def test_stage_builds(pair: Programs) -> None:
    assert os.access(pair.server, os.X_OK) and os.access(pair.client, os.X_OK)
