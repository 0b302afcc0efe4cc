"""What any tool of the kind has to import."""

import argparse  # noqa: F401
import hashlib  # noqa: F401
import json  # noqa: F401
import sqlite3  # noqa: F401

import blake3  # noqa: F401
