"""Snakemake's logger plugin `nuclei`: one screen to watch on a terminal, few lines elsewhere.

`snakemake --logger nuclei`, or `logger: nuclei` in a profile. On a terminal the cells of the run stand in a grid, with
the minutes left; in a file each training, each score and each other step is one line. What jobs print is in their logs,
and Snakemake's own log stays in .snakemake/log. A dry run and `snakemake plan` look as they do without the plugin.
"""

import atexit
from logging import LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase


class LogHandler(LogHandlerBase):
    """What Snakemake wants of a plugin; nuclei's Watcher does the work."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        # Snakemake imports every plugin that it finds at each of its starts, also in each job, so this waits until here
        from snakemake_logger_plugin_nuclei.watcher import Watcher

        self.watcher = Watcher(self.common_settings)
        atexit.register(self.watcher.close)

    def emit(self, record: LogRecord) -> None:
        """Show one event, or keep it for the screen."""
        self.watcher.show(record)

    def close(self) -> None:
        """Show the last state, and give the terminal back."""
        self.watcher.close()
        super().close()
