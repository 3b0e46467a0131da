"""The record beside an upload's bytes, as the gateway writes it."""

import os


def give_id(directory, old, new):
    """As it would stand in that upload's directory had the gateway drawn the id `new`."""
    with open(os.path.join(directory, "manifest"), "r+b") as f:
        manifest = f.read()
        assert manifest.count(old.encode()) == 1
        f.seek(0)
        f.write(manifest.replace(old.encode(), new.encode()))
