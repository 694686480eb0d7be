"""PESQ (ITU-T P.862, P.862.2) of pairs of recordings. Reads a JSON array of jobs from stdin, writes the array of scores to stdout.

A job is {"reference": path, "heard": path, "rate": 8000 or 16000}; the files hold 16-bit samples.
"""

import json
import os
import sys
from multiprocessing import Pool

import numpy
from pesq import PesqError, pesq

LOWEST = 1.0


def score(job):
    reference, heard = (numpy.fromfile(job[name], dtype="<i2") for name in ("reference", "heard"))
    mode = "wb" if job["rate"] == 16000 else "nb"
    value = pesq(job["rate"], reference, heard, mode, on_error=PesqError.RETURN_VALUES)
    # Nothing that could be speech was heard.
    return float(value) if value > 0 else LOWEST


if __name__ == "__main__":
    with Pool(os.cpu_count()) as pool:
        json.dump(pool.map(score, json.load(sys.stdin), chunksize=1), sys.stdout)
