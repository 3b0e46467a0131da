"""A second PostgreSQL that follows the first and can take its place."""

import contextlib
import os
import shutil

from lc.stores import Postgres
from lc.wait import until


class Standby(Postgres):
    """A streaming copy of `primary`, in a directory of its own."""

    def __init__(self, directory, primary):
        os.makedirs(directory, exist_ok=True)
        super().__init__(directory)
        self.primary = primary

    def start(self):
        if not os.path.exists(self.directory):
            os.makedirs(self.directory, mode=0o700)
            if self.owner:
                shutil.chown(self.directory, self.owner)
            self._run("pg_basebackup", "-h", self.primary.directory, "-U", "app", "-D", self.directory, "-R",
                      "--checkpoint=fast", "--no-sync")
            with contextlib.suppress(FileNotFoundError):  # the primary's, which has its socket there too
                os.unlink(os.path.join(self.directory, ".s.PGSQL.5432.lock"))
        return super().start()

    def promote(self):
        self._run("pg_ctl", "-D", self.directory, "promote")

    def wait_caught_up(self):
        """Until it has everything that the primary has written."""
        (here,), = self.primary.rows("SELECT pg_current_wal_lsn()")
        until(lambda: self.rows(f"SELECT pg_last_wal_replay_lsn() >= '{here}'") == [["t"]], what="the standby to catch up")


def url_of(servers, database):
    """One DB_URL for all of them: whichever takes writes is the one."""
    hosts = ",".join(server.directory for server in servers)
    return f"postgresql:///{database}?host={hosts}&user=app&target_session_attrs=read-write"
