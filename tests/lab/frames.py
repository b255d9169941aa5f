"""Read the lab's answers as the page does."""

import json
import struct

import numpy as np


def read_frame(data):
    """Return the head and the arrays by name of an answer."""
    (length,) = struct.unpack_from("<I", data)
    head = json.loads(data[4 : 4 + length])
    arrays, at = {}, 4 + length
    for part in head.pop("parts"):
        size = int(np.prod(part["shape"], dtype=np.int64))
        one = np.frombuffer(data, part["type"], size, at).reshape(part["shape"])
        arrays[part["name"]] = one
        at += one.nbytes + -one.nbytes % 8
    return head, arrays
