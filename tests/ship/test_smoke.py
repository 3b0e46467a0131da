"""Of every run: both images are built, and the main job goes through the production stack and the small one; all is there
when the stack was removed, volumes and all, and a backup of it restored."""

import pytest
from jobs import download, main_job, upload

from lc.ship import running


@pytest.fixture(name="stack", params=["compose.yaml", "compose.sqlite.yaml"])
def _stack(engine, images, request):  # pylint: disable=unused-argument
    with running(engine, request.param) as whole:
        yield whole


def test_main_job(stack, make_file, tmp_path):
    file = make_file(30_000_000)
    ticket, archive = main_job(stack, file, tmp_path)
    where = str(tmp_path / "backup")
    stack.deploy("backup", "--to", where)
    stack.compose("down", "-v")
    stack.deploy("restore", "--from", where)
    stack.up()
    assert download(stack, archive, str(tmp_path / "again")) == file.sha256
    stack.wait_known(ticket)
    assert upload(stack, ticket, file).status == 201
    stack.wait_archives(ticket, 2)
