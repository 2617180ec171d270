"""BLOBs: what kind of file their first bytes show."""

from typing import Final

ANYTHING: Final = ("application/octet-stream", "bin")

_BEGINNINGS: Final[tuple[tuple[bytes, tuple[str, str]], ...]] = (
    (b"\x89PNG\r\n\x1a\n", ("image/png", "png")),
    (b"\xff\xd8\xff", ("image/jpeg", "jpg")),
    (b"GIF87a", ("image/gif", "gif")),
    (b"GIF89a", ("image/gif", "gif")),
    (b"BM", ("image/bmp", "bmp")),
    (b"II*\x00", ("image/tiff", "tif")),
    (b"MM\x00*", ("image/tiff", "tif")),
    (b"\x00\x00\x01\x00", ("image/x-icon", "ico")),
    (b"%PDF-", ("application/pdf", "pdf")),
    (b"PK\x03\x04", ("application/zip", "zip")),
    (b"\x1f\x8b", ("application/gzip", "gz")),
    (b"BZh", ("application/x-bzip2", "bz2")),
    (b"\xfd7zXZ\x00", ("application/x-xz", "xz")),
    (b"7z\xbc\xaf\x27\x1c", ("application/x-7z-compressed", "7z")),
    (b"\x28\xb5\x2f\xfd", ("application/zstd", "zst")),
    (b"SQLite format 3\x00", ("application/vnd.sqlite3", "sqlite")),
    (b"OggS", ("audio/ogg", "ogg")),
    (b"fLaC", ("audio/flac", "flac")),
    (b"ID3", ("audio/mpeg", "mp3")),
    (b"\x00asm", ("application/wasm", "wasm")),
    (b"wOF2", ("font/woff2", "woff2")),
    (b"PAR1", ("application/vnd.apache.parquet", "parquet")),
)
"""Nothing a browser would run: no HTML, no SVG, no script."""
_RIFF: Final = {b"WEBP": ("image/webp", "webp"), b"WAVE": ("audio/wav", "wav"), b"AVI ": ("video/x-msvideo", "avi")}
_BRANDS: Final = {b"avif": ("image/avif", "avif"), b"heic": ("image/heic", "heic")}


def sniff(data: bytes) -> tuple[str, str]:
    """Return the media type and the usual suffix of a file with these bytes."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], ANYTHING)
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], ("video/mp4", "mp4"))
    return next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), ANYTHING)
