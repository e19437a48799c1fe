"""Remove caches, cookies and histories of Internet Explorer, Edge, Chrome and Firefox, and thumbnails.

Bookmarks, passwords and settings stay: those of an account that is to go are the account's.
"""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_from_profiles

OPERATION = Operation(
    summary="Remove caches, cookies and histories of browsers",
    families=WINDOWS,
    plan=removing_from_profiles(
        "AppData/Local/Microsoft/Windows/INetCache/*",
        "AppData/Local/Microsoft/Windows/INetCookies/*",
        "AppData/Local/Microsoft/Windows/WebCache/*",
        "AppData/Local/Microsoft/Windows/History/*",
        "AppData/Local/Microsoft/Windows/Temporary Internet Files/*",
        "AppData/Local/Microsoft/Windows/Explorer/thumbcache_*.db",
        "AppData/Local/Microsoft/Windows/Explorer/iconcache_*.db",
        "AppData/Local/*/*/User Data/*/Cache",
        "AppData/Local/*/*/User Data/*/Code Cache",
        "AppData/Local/*/*/User Data/*/GPUCache",
        "AppData/Local/*/*/User Data/*/Network/Cookies",
        "AppData/Local/*/*/User Data/*/History",
        "AppData/Local/Mozilla/Firefox/Profiles/*/cache2",
        "AppData/Roaming/Mozilla/Firefox/Profiles/*/cookies.sqlite",
    ),
)
