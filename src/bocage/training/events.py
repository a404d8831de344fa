"""The log of a run in the form that TensorBoard shows."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bocage.files import write_bytes

# TensorBoard takes a file by a part of its name; the usual rest of it would be a clock and the name of the machine.
_NAME = "events.out.tfevents.bocage"


class EventLog:
    """Scalars by step, one file per run.

    A resumed run writes the file anew as far as it goes on from, so that no step stands in it twice.

    Parameters
    ----------
    folder
        What ``tensorboard --logdir`` is given.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def begin(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write a file with the rows of earlier sessions."""
        from tensorboard.compat.proto.event_pb2 import Event

        head = Event(wall_time=time.time(), file_version="brain.Event:2")
        write_bytes(self._path, _records([head]))
        self.add(rows)

    def add(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Append rows: a "step" each, and values by name."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        events = []
        for row in rows:
            values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items() if name != "step"]
            events.append(Event(wall_time=time.time(), step=int(row["step"]), summary=Summary(value=values)))
        with self._path.open("ab") as file:
            file.write(_records(events))


def _records(events: Sequence[Any]) -> bytes:
    """Return events in the framing of a record file: length, its checksum, the event, its checksum."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in events:
        writer.write(event.SerializeToString())
    return content.getvalue()
