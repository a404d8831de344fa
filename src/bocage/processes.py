"""Several processes of this machine at work: spawned, with few jobs handed out ahead, and ended with their parent.

And one process of its own: how it keeps the memory that it works with.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any


def spread[Job, Result](
    jobs: Sequence[Job], run: Callable[[Job], Result], workers: int, begin: Callable[..., None], *given: Any
) -> Iterator[Result]:
    """Yield the result of each job as it is finished.

    Parameters
    ----------
    run
        A function of a module: processes find it by its name.
    begin, given
        What prepares a process, and its arguments. It should call :func:`end_with_parent`.

    Raises
    ------
    concurrent.futures.process.BrokenProcessPool
        If a process dies. What ``run`` raises is raised here; jobs under way are waited for.
    """
    # Spawn, not fork: a forked process inherits the threads of torch and GDAL in an unknown state.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=begin, initargs=given)
    running: set[Future[Result]] = set()
    try:
        # One job is handed out ahead, so that after an error little but what is under way is still done.
        for job in jobs:
            running.add(pool.submit(run, job))
            if len(running) < workers + 1:
                continue
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
        # A pool watches the processes that it had when it last woke, and it wakes before it starts one. Without this,
        # the death of the last that was started would be seen when another has finished its job, or never.
        pool.submit(os.getpid)
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    except BrokenProcessPool:
        # The pool only asks the others to end, and waits; a process may not listen, as one that Lightning trains in.
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """End this process when its parent is killed: a process of a pool would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="bocage-parent", daemon=True).start()


_MALLOPT = {-8: 1, -3: 1 << 30, -1: 1 << 30, -2: 1 << 28}
"""Arguments of mallopt (malloc.h of glibc): M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD."""


def keep_memory() -> bool:
    """Let this process use the memory of freed arrays again, instead of asking the system for it each time.

    Mapping makes and frees arrays of some megabytes without end, in several threads. By default glibc gives each of
    them back to the system, which has to clear its pages anew: a thirtieth of the processor time of mapping. To be
    called at the start of a process that does little else, before it has other threads: memory that was once used stays
    with the process. See docs/decisions/0031-kept-memory.md.

    Returns
    -------
    bool
        Whether it was done. It is not where the C library is no glibc, or the person has set it up otherwise.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    done = [mallopt(name, value) for name, value in _MALLOPT.items()]
    return all(done)
