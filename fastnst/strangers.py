"""What a file that is no style seems to be, so that a message can say what to do."""

import codecs
from contextlib import suppress


def kind(start: bytes) -> str:
    """What a file that is no style seems to be, from its first bytes, and what to do."""
    pickle = "a PyTorch pickle, not a fastnst style; never loaded because pickles can run code"
    if not start:
        return "an empty file, not a fastnst style"
    if start[:4] == b"PK\x03\x04":
        return pickle if b".pkl" in start else "a zip archive, not a fastnst style"
    if start[0] == 0x80 and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return pickle
    if start[:3] == b"\xff\xd8\xff" or start[:4] in (b"\x89PNG", b"RIFF", b"II*\0", b"MM\0*"):
        return "a picture, not a fastnst style, which is a trained network (see `fastnst styles`)"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the style itself: git lfs pull"
    with suppress(UnicodeDecodeError):
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # a character may be cut at the end
        if all(char.isprintable() or char in "\t\n\r\f" for char in text):
            return "a text file, not a fastnst style"
    return "not a fastnst style (a .safetensors file that fastnst train writes)"
