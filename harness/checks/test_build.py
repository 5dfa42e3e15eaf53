"""A submission's stage can be built, and has both programs."""

from __future__ import annotations

import os

import pytest

from bytetrain.programs.build import Programs


@pytest.mark.check("stage.builds")
def test_stage_builds(pair: Programs) -> None:
    assert os.access(pair.server, os.X_OK) and os.access(pair.client, os.X_OK)
