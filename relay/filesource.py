"""Where the content of a multipart file part comes from: our media store, or a guarded fetch."""

from __future__ import annotations

from relay.errors import FetchRefused
from relay.fetch import Fetcher
from relay.files import LocalFile
from relay.media import MediaStore
from relay.model import FilePart
from relay.multipart import FileOpener


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
