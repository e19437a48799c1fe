from typing import Any

class FuseOSError(OSError):
    def __init__(self, errno: int) -> None: ...

class Operations:
    use_ns: bool

class FUSE:
    def __init__(self, operations: Operations, mountpoint: str, **kwargs: Any) -> None: ...
