"""A process that reads pages: HTML in on stdin, what it says out on stdout, until stdin ends.

It holds no secrets, may not grow, write files or spend more than its seconds: whoever breaks it breaks a page.
"""

import json
import resource
import struct
import sys
from typing import Any, BinaryIO

from penstock.scrape.found import Unreadable
from penstock.scrape.reading import read_html

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 20  # a page; the room's own clock is shorter, this one also counts when the room is gone


def main(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer request after request. A frame is its length (4 bytes, big-endian) and JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (head := source.read(4)) and len(head) == 4:
        asked = json.loads(source.read(struct.unpack(">I", head)[0]))
        _allow_seconds(CPU_SECONDS)
        answer = json.dumps(answer_to(asked), default=str).encode()
        sink.write(struct.pack(">I", len(answer)) + answer)
        sink.flush()


def answer_to(asked: dict[str, str]) -> dict[str, Any]:
    """The reading of a page, or why there is none. Never raises: the next page is not this one's fault."""
    try:
        return {"reading": read_html(asked["html"], asked["url"]).as_json()}
    except Unreadable as error:
        return {"unreadable": str(error)}
    except MemoryError:
        return {"unreadable": "it takes too much memory"}
    except RecursionError:
        return {"unreadable": "it is nested too deeply"}
    except Exception as error:  # the text may quote the page
        return {"broken": type(error).__name__}


def _allow_seconds(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
