"""Where the store is, and whether a database may live there."""

from __future__ import annotations

import os
from pathlib import Path

from motools.errors import StoreError

_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "davfs"}
    | {"ncpfs", "ocfs2", "gfs2", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone"}
    | {"fuse.goofys", "fuse.mount-s3", "fuse.juicefs", "fuse.blobfuse2"}
)


def default_store_path() -> Path:
    """Return the store's folder: `MOTOOLS_STORAGE_DIR` if it is set, else `.motools` in the working directory."""
    named = os.environ.get("MOTOOLS_STORAGE_DIR")
    return Path(named).expanduser().absolute() if named else Path.cwd() / ".motools"


def refuse_network(folder: Path) -> None:
    """Refuse a folder on a network file system: SQLite's locks and its shared memory do not work there.

    `MOTOOLS_ALLOW_NETWORK_STORE=1` allows it. Where `/proc` is absent nothing is known and nothing is refused.

    Raises:
        StoreError: it is on one; the hint names the ways out.
    """
    # Network and virtual file systems have no device of their own (major 0), local disks do: most starts end here.
    if os.major(os.stat(folder).st_dev) != 0 or os.environ.get("MOTOOLS_ALLOW_NETWORK_STORE") == "1":
        return
    kind = _file_system(folder)
    if kind in _NETWORK:
        raise StoreError(
            f"the store '{folder}' is on a network file system ({kind}), where a database can be damaged",
            hint="Put the store on a local disk with --store or MOTOOLS_STORAGE_DIR. "
            "If only one machine ever uses it, MOTOOLS_ALLOW_NETWORK_STORE=1 allows it.",
        )


def _file_system(folder: Path) -> str | None:
    """Return the type of the file system that holds `folder`, from `/proc/self/mounts`."""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="surrogateescape")
    except OSError:
        return None
    return file_system_of(os.path.realpath(folder), mounts)


def file_system_of(folder: str, mounts: str) -> str | None:
    """Return the type of the mount that holds `folder`, given the text of `/proc/mounts` (the longest, the last)."""
    best, found = -1, None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
        inside = point == "/" or folder == point or folder.startswith(point + "/")
        if inside and len(point) >= best:
            best, found = len(point), fields[2]
    return found
