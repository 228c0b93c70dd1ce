"""Where the content of a multipart file part comes from: our media store, or a guarded fetch."""

from __future__ import annotations

from relay.contract.errors import FetchRefused
from relay.contract.model import FilePart
from relay.media.fetcher import Fetcher
from relay.media.library import MediaStore
from relay.media.local_files import LocalFile
from relay.transport.multipart import FileOpener


def file_opener(media: MediaStore, fetcher: Fetcher, limit: int) -> FileOpener:
    """What `Sender` is given as `open_file`. `limit`: bytes of a fetched file."""

    async def open_file(part: FilePart) -> LocalFile:
        if not part.file_id:
            return await fetcher.fetch(part.url, limit)
        file = await media.open(part.file_id)
        if file is None:
            raise FetchRefused(f"The file {part.filename or part.file_id!r} is no longer kept.")
        return file

    return open_file
